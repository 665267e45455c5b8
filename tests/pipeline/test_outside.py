"""A rollback that is typed outside the cluster's network, where no server can be asked."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from components.platforms import PROMOTED, LiveService
from components.platforms.kubernetes.failures import SOURCE_URI
from components.platforms.kubernetes.inference_service import live_service
from components.platforms.serving import ServingSettings
from model.errors import ServingFailed
from model.release_layout import Release
from pipeline import outside
from pipeline.outside import KubernetesFromOutside, platform_from_here
from tests.components.platforms.kubernetes.api_server import NAMESPACE, ApiServer, api_server

RELEASE = Release("rpm", 7, "sha256:7", "gs://models/rpm/releases/7")
SOURCE = {SOURCE_URI: RELEASE.uri}
LIVE = LiveService(RELEASE, "run-1", PROMOTED)


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as started:
        started.objects["inferenceservices/rpm"] = live_service(LIVE, namespace=NAMESPACE, settings=ServingSettings())
        yield started


def deployment(server: ApiServer, **counts: int) -> None:
    status = {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, **counts}
    meta = {"name": "rpm-predictor", "generation": 2, "annotations": SOURCE}
    server.keep("deployments/rpm-predictor", metadata=meta, spec={"replicas": 1}, status=status)


def test_what_is_rolled_out_is_taken_for_served(server: ApiServer, caplog: pytest.LogCaptureFixture) -> None:
    deployment(server, readyReplicas=1, availableReplicas=1)

    with caplog.at_level("INFO"):
        endpoint = KubernetesFromOutside(server.connection()).wait_until_live(RELEASE, timeout_s=5)

    assert (endpoint.model_name, endpoint.version) == ("rpm", 7)
    assert "from here it cannot be asked itself" in caplog.text


def test_what_is_not_rolled_out_is_explained_by_its_pod(server: ApiServer) -> None:
    deployment(server)
    ended = {"exitCode": 139, "reason": "Error", "message": "no such op"}
    container = {"name": "kserve-container", "state": {"terminated": ended}, "restartCount": 0}
    meta = {"name": "rpm-predictor-x", "annotations": SOURCE}
    server.keep("pods/rpm-predictor-x", metadata=meta, status={"containerStatuses": [container]})

    with pytest.raises(ServingFailed, match=r"(?s)exit code 139.*no such op"):
        KubernetesFromOutside(server.connection()).wait_until_live(RELEASE, timeout_s=5)


def test_knative_has_to_be_asked_from_inside_before_anything_is_changed(server: ApiServer) -> None:
    knative = live_service(LIVE, namespace=NAMESPACE, settings=ServingSettings("Knative"))
    server.objects["inferenceservices/rpm"] = knative

    with pytest.raises(ServingFailed, match=r"not reached from here.*Run this in a pod"):
        KubernetesFromOutside(server.connection()).live_service("rpm")


@pytest.mark.parametrize(("name", "inside"), [("localhost", True), ("nowhere.invalid", False)])
def test_where_this_is_decides(
    name: str, inside: bool, server: ApiServer, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside means that something listens at the API server's name; here its port alone is another one."""
    cluster = {"clusters": [{"name": "c", "cluster": {"server": server.url}}], "users": [{"name": "u", "user": {}}]}
    context = {"contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}], "current-context": "x"}
    (tmp_path / "kubeconfig").write_text(json.dumps({**cluster, **context}))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setattr(outside, "INSIDE", name)
    monkeypatch.setattr(outside, "PORT", int(server.url.rpartition(":")[2]))

    assert isinstance(platform_from_here(), KubernetesFromOutside) is not inside
