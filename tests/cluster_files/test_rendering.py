"""The kustomizations, rendered by the kubectl that is at hand; no cluster is asked."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster_files.manifests import CLUSTER, GKE, WORKLOADS, kustomization, values_of

IDENTITY = "iam.gke.io/gcp-service-account"
#: Components are rendered as parts of these.
FOLDERS = sorted(
    path.parent for path in CLUSTER.rglob("kustomization.yaml") if kustomization(path.parent)["kind"] == "Kustomization"
)


def _kubectl() -> str | None:
    beside = Path(os.environ.get("KUBECONFIG", "/nonexistent")).parent / "bin"
    return shutil.which("kubectl") or shutil.which("kubectl", path=str(beside))


pytestmark = pytest.mark.skipif(_kubectl() is None, reason="no kubectl on PATH or beside KUBECONFIG")


def rendered(folder: Path) -> list[dict[str, Any]]:
    done = subprocess.run([str(_kubectl()), "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # Warnings are of deprecated fields.
    assert done.stderr == ""
    return list(yaml.safe_load_all(done.stdout))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(CLUSTER)))
def test_every_kustomization_renders_without_a_warning(folder: Path) -> None:
    assert rendered(folder)


def test_on_gke_no_placeholder_is_left_and_the_settings_are_not_applied() -> None:
    objects = rendered(GKE)
    settings = yaml.safe_load((WORKLOADS / "settings.yaml").read_text(encoding="utf-8"))["data"]

    images = set(values_of("image", objects))
    assert images
    assert all(image.startswith(f"{settings['registry']}/savedmodel-release/") for image in images)
    for name in ("savedmodel-release", "savedmodel-release-spark", "savedmodel-release-serving"):
        account = [each for each in objects if each["kind"] == "ServiceAccount" and each["metadata"]["name"] == name]
        assert [each["metadata"]["annotations"][IDENTITY] for each in account] == [f"{name}@{settings['identities']}"]
    assert "gke-settings" not in {each["metadata"]["name"] for each in objects}


def test_on_gke_the_base_keeps_everything_but_where_pods_run() -> None:
    (base,) = [each for each in rendered(CLUSTER / "base") if each["kind"] == "Deployment"]
    (gke,) = [each for each in rendered(GKE) if each["kind"] == "Deployment"]
    before, after = base["spec"]["template"]["spec"], gke["spec"]["template"]["spec"]

    added = {name for name in after if name not in before}
    changed = {name for name in before if name != "containers" and after[name] != before[name]}

    assert added == {"nodeSelector", "tolerations", "topologySpreadConstraints"}
    assert changed == set()
