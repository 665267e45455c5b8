"""What cluster/ installs, and what the platform renders, before the real API server: strictly validated, and started
where the restricted Pod Security Standard is enforced."""

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from components.contracts import SparkSettings
from components.platforms import PROMOTING, LiveService
from components.platforms.kubernetes.inference_service import candidate_service, live_service
from components.platforms.kubernetes.spark_application import spark_application
from components.platforms.serving import KNATIVE, STANDARD, ServingSettings
from model.release_layout import Release
from tests.cluster.conftest import BASE, apply, kubectl

pytestmark = pytest.mark.cluster

CLUSTER, JOB = BASE.parent, BASE.parent / "job"
WEBAPP = "savedmodel-release-webapp"
PAGE = "/ecommerce/mlinference"
STRICTLY = ("--dry-run=server", "--validate=strict")


def folders(kind: str) -> list[str]:
    """Folders below cluster/ with a kustomization of that kind."""
    files = sorted(CLUSTER.rglob("kustomization.yaml"))
    return [str(each.parent.relative_to(CLUSTER)) for each in files if yaml.safe_load(each.read_text())["kind"] == kind]


def rendered(folder: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(kubectl("kustomize", str(folder))) if each]


def validated(manifests: list[dict[str, Any]], *, namespace: str) -> None:
    """By the API server, in that namespace, whatever namespace they are for; nothing is kept.

    A namespace that was never made would refuse what stands in it, so the tests' own takes its place.
    """
    for each in manifests:
        if each["kind"] != "Namespace":
            each["metadata"]["namespace"] = namespace
    # One document each: a List would be validated by kubectl itself, which knows no custom resources.
    kubectl("apply", *STRICTLY, "--filename", "-", stdin=yaml.safe_dump_all(manifests))


@pytest.fixture(scope="module")
def restricted() -> Iterator[str]:
    """A namespace of its own that enforces the restricted standard, with cluster/base installed by the documented
    command, its web application running."""
    name = f"release-tests-{uuid.uuid4().hex[:6]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    kubectl("apply", "--filename", "-", stdin=json.dumps(namespace))
    try:
        kubectl("apply", "--namespace", name, "--kustomize", str(BASE))
        kubectl("rollout", "status", f"deployment/{WEBAPP}", "--namespace", name, "--timeout=60s")
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def page(restricted: str) -> str:
    """URL of the web application's page, by the address of its Service."""
    address = kubectl("get", "service", WEBAPP, "--namespace", restricted, "--output", "jsonpath={.spec.clusterIP}")
    return f"http://{address}{PAGE}"


@pytest.mark.parametrize("folder", folders("Kustomization"))
def test_every_kustomization_passes_strict_validation(folder: str, namespace: str) -> None:
    validated(rendered(CLUSTER / folder), namespace=namespace)


@pytest.mark.parametrize("folder", folders("Component"))
def test_every_component_can_be_put_on_the_base(folder: str, namespace: str, tmp_path: Path) -> None:
    overlay = {
        "kind": "Kustomization",
        "namespace": "churn",
        "resources": [os.path.relpath(BASE, tmp_path)],
        "components": [os.path.relpath(CLUSTER / folder, tmp_path)],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))

    manifests = rendered(tmp_path)

    assert len(manifests) > len(rendered(BASE))
    assert {each["metadata"].get("namespace", each["metadata"]["name"]) for each in manifests} == {"churn"}
    validated(manifests, namespace=namespace)


def test_strict_validation_sees_a_misspelt_field(namespace: str) -> None:
    manifests = rendered(BASE)
    deployment = next(each for each in manifests if each["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}

    with pytest.raises(
        AssertionError, match=r'strict decoding error.*"spec.template.spec.containers\[0\].readinesProbe"'
    ):
        validated(manifests, namespace=namespace)


def test_and_in_a_custom_resource(namespace: str) -> None:
    service = _live(namespace, ServingSettings())
    service["spec"]["predictor"]["minReplica"] = 1

    with pytest.raises(AssertionError, match=r'strict decoding error.*"spec\.predictor\.minReplica"'):
        validated([service], namespace=namespace)


EVERYTHING = ServingSettings(
    image_version="2.19.0",
    replicas=2,
    cpu="500m",
    memory="1Gi",
    node_selector="pool=kserve",
    tolerations="dedicated=kserve:NoSchedule,spot",
    service_account="savedmodel-release-serving",
)
FIRST, SECOND = (Release("rpm", n, f"sha256:{n}", f"gs://bucket/models/rpm/releases/{n}") for n in (1, 2))
Render = Callable[[str, ServingSettings], dict[str, Any]]


def _candidate(namespace: str, settings: ServingSettings) -> dict[str, Any]:
    return candidate_service(SECOND, run_id="run-2", namespace=namespace, settings=settings)


def _live(namespace: str, settings: ServingSettings) -> dict[str, Any]:
    return live_service(LiveService(SECOND, "run-2", PROMOTING, FIRST), namespace=namespace, settings=settings)


@pytest.mark.parametrize("mode", [STANDARD, KNATIVE])
@pytest.mark.parametrize("settings", [ServingSettings(), EVERYTHING], ids=["nothing-asked-for", "all-asked-for"])
@pytest.mark.parametrize("render", [_candidate, _live])
def test_an_inference_service_passes_strict_validation(
    render: Render, settings: ServingSettings, mode: str, namespace: str
) -> None:
    settings = ServingSettings(**{**vars(settings), "deployment_mode": mode})

    validated([render(namespace, settings)], namespace=namespace)


SPARK = SparkSettings(
    image="registry.example/spark:4.1.2",
    executors=8,
    executor_cores=2,
    memory="2g",
    node_selector="pool=spark",
    tolerations="spark=yes:NoSchedule",
)


@pytest.mark.parametrize("wanted", [SparkSettings(), SPARK], ids=["nothing-asked-for", "all-asked-for"])
@pytest.mark.parametrize("folder", ["base", "overlays/kind"])
def test_a_spark_application_passes_strict_validation_with_each_overlays_settings(
    wanted: SparkSettings, folder: str, namespace: str
) -> None:
    manifests = rendered(CLUSTER / folder)
    texts = [each["data"].get("spec.yaml", "") for each in manifests if each["kind"] == "ConfigMap"]
    application = spark_application(
        "score-1", namespace=namespace, model_name="rpm", wanted=wanted, settings="\n".join(filter(None, texts))
    )

    validated([application], namespace=namespace)


@pytest.mark.parametrize("folder", folders("Kustomization"))
def test_pods_of_ours_keep_to_the_restricted_standard(folder: str, restricted: str) -> None:
    templates = [
        each["spec"]["template"] for each in rendered(CLUSTER / folder) if each["kind"] in ("Deployment", "Job")
    ]

    assert templates
    for template in templates:
        pod = {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {"name": "asked-about"}}
        validated([pod], namespace=restricted)


def test_a_pod_that_does_not_keep_to_it_is_refused_there(restricted: str) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "loose"}}
    pod |= {"spec": {"containers": [{"name": "loose", "image": "savedmodel-release/webapp:dev"}]}}

    with pytest.raises(AssertionError, match="violates PodSecurity"):
        validated([pod], namespace=restricted)


def test_the_web_application_serves_its_page_under_the_restricted_standard(page: str) -> None:
    shown = requests.get(page, timeout=10)

    assert shown.status_code == 200
    assert "<form" in shown.text


def test_it_calls_models_of_its_own_namespace_only(page: str, restricted: str) -> None:
    def asked(host: str) -> tuple[int, str]:
        fields = {"mlinference_host": f"http://{host}/v1/models/rpm:predict", "mlinference_check": "yes", "x": "1"}
        answer = requests.post(page, data=fields, headers={"Accept": "application/json"}, timeout=20)
        return answer.status_code, str(answer.json()["error"])

    own, other = (asked(f"rpm-predictor.{name}.svc.cluster.local") for name in (restricted, "kube-system"))

    # There is no such model, which it finds out by calling.
    assert own[0] in (502, 503, 504), own
    assert other[0] in (400, 403), other
    assert "allow" in other[1], other


def test_its_form_starts_with_the_model_that_the_settings_name(page: str, restricted: str) -> None:
    shown = requests.get(page, timeout=20).text

    assert f"http://rpm-predictor.{restricted}.svc.cluster.local/v1/models/rpm:predict" in shown


def test_its_log_is_json(page: str, restricted: str) -> None:
    requests.get(page, timeout=20)

    lines = kubectl("logs", f"deployment/{WEBAPP}", "--namespace", restricted).splitlines()

    assert {json.loads(line)["severity"] for line in lines} == {"INFO"}


def test_its_pod_ends_soon_after_it_is_told_to(restricted: str) -> None:
    selector = f"--selector=app.kubernetes.io/name={WEBAPP}"
    pods = kubectl("get", "pods", selector, "--namespace", restricted, "--output", "name")
    told = time.monotonic()

    kubectl("delete", pods.split()[0], "--namespace", restricted, "--timeout=60s")

    # Five seconds in which it still answers, and no waiting for SIGKILL, which comes after twenty.
    assert 4 < time.monotonic() - told < 15


def test_the_jobs_pod_runs_the_command_under_the_restricted_standard(restricted: str) -> None:
    """With nothing to write to but /tmp. What a release does there, test_pipeline.py shows."""
    manifests = rendered(JOB)
    job = next(each for each in manifests if each["kind"] == "Job")
    job["metadata"]["name"] = "version"
    job["spec"]["template"]["spec"]["containers"][0]["args"] = ["--version"]

    for each in manifests:
        apply(each, namespace=restricted)
    kubectl("wait", "--for=condition=Complete", "job/version", "--namespace", restricted, "--timeout=60s")

    assert kubectl("logs", "job/version", "--namespace", restricted).strip() == _version()


def _version() -> str:
    from importlib.metadata import version

    return version("savedmodel-release")
