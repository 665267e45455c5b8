"""What a release on a cluster asks before anything is begun."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.platforms.kubernetes.connection import ClusterUnavailable, Connection
from components.platforms.local.home import Home
from components.platforms.local.ports import any_free
from model.errors import InvalidValue
from pipeline.engine import RunRequest
from pipeline.on_cluster import check_for_cluster, check_reach

GIVEN = {
    "model_name": "rpm",
    "export_uri": "gs://b/exports",
    "rows_uri": "gs://b/rows.csv",
    "models_root": "gs://b/models",
    "platform": "kubernetes",
}


def request(**changes: Any) -> RunRequest:
    return RunRequest("", {**GIVEN, **changes}, Home.at("unused"))


def kubeconfig(directory: Path, *, server: str) -> str:
    path = directory / "kubeconfig"
    cluster = {"name": "c", "cluster": {"server": server}}
    context = {"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}
    users = [{"name": "u", "user": {"token": "none"}}]
    path.write_text(
        yaml.safe_dump({"clusters": [cluster], "contexts": [context], "users": users, "current-context": "x"})
    )
    return str(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_name": "Rpm_1"}, "an InferenceService's name"),
        ({"export_uri": "/exports/1"}, "parameter export_uri: expected a URI that the cluster's pods can read"),
        ({"models_root": "./models"}, "parameter models_root"),
        ({"serving_cpu": "many"}, "parameter serving_cpu"),
        ({"serving_tolerations": "a=b:Never"}, "parameter serving_tolerations"),
        ({"deployment_mode": "Serverless"}, "parameter deployment_mode"),
        ({"max_failed_rows": 3.0}, "parameter max_failed_rows"),
        ({"rows_uri": "file:///mnt/data/rows.csv"}, "(with spark_volume_claim) file:///mnt/data/PATH"),
        ({"rows_uri": "file:///home/rows.csv", "spark_volume_claim": "data"}, "parameter rows_uri"),
        ({"rows_uri": "file:///mnt/data/../rows.csv", "spark_volume_claim": "data"}, "parameter rows_uri"),
        ({"models_root": "file:///mnt/data/models", "spark_volume_claim": "data"}, "parameter models_root"),
    ],
)
def test_what_a_cluster_cannot_take_is_refused_before_it_is_asked(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        check_for_cluster(request(**changes))

    assert said in str(caught.value)


def test_what_it_can_take_passes() -> None:
    check_for_cluster(request(serving_cpu="500m", serving_node_selector="pool=a", serving_replicas=2))
    check_for_cluster(request(rows_uri="file:///mnt/data/rows.csv", spark_volume_claim="data"))


def test_without_a_cluster_in_sight_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))

    with pytest.raises(InvalidValue, match="KUBECONFIG"):
        Connection.from_environment()


@pytest.mark.parametrize("text", ["", "clusters: [", "- 1", "apiVersion: v1\nclusters: 7\n", "\x00"])
def test_a_kubeconfig_that_is_none_is_no_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    (tmp_path / "kubeconfig").write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))

    with pytest.raises(InvalidValue, match="KUBECONFIG"):
        Connection.from_environment()


@pytest.mark.timeout(10)
def test_a_server_that_does_not_answer_is_named_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = f"http://127.0.0.1:{any_free()}"
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path, server=server))

    with pytest.raises(ClusterUnavailable) as caught:
        check_reach(request(), Connection.from_environment(patient=False))

    assert f"namespace shop of {server}" in str(caught.value)
    assert "Connection refused" in str(caught.value)
