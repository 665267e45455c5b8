"""The API server, the namespace and the kinds that are served."""

import pytest

from components.platforms.kubernetes.connection import SPARK_APPLICATIONS
from pipeline.cluster_check.api_server import Answer
from pipeline.cluster_check.findings import State
from pipeline.cluster_check.installation import (
    api_server_finding,
    is_served,
    judged_namespace,
    kinds_finding,
    way_there,
)
from tests.pipeline.cluster_check.fake_cluster import SPARK, asked, complete, forbidden, kinds

THERE, ABSENT = Answer(200, {"status": {"phase": "Active"}}), Answer(404, {}, "not found")
FORBIDDEN = Answer(403, {}, 'cannot get resource "namespaces"')


def test_an_api_server_tells_version_way_and_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/home/jane/config")

    found = api_server_finding(Answer(200, {"gitVersion": "v1.34.4"}), url="https://k", user="jane")

    assert found.found == "Kubernetes v1.34.4 at https://k, by the kubeconfig /home/jane/config, as jane"


@pytest.mark.parametrize(("version", "known"), [("v1.29.9-gke.1", False), ("v1.30.0", True), ("v2.0.0", True)])
def test_a_kubernetes_that_does_not_know_the_hook_is_told(version: str, known: bool) -> None:
    found = api_server_finding(Answer(200, {"gitVersion": version}), url="https://k", user="")

    assert (found.state is State.OK) is known
    assert known or "1.30 or later" in found.do


def test_a_pod_has_no_kubeconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.delenv("KUBECONFIG", raising=False)

    assert way_there() == "from this pod"


@pytest.mark.parametrize("answer", [Answer(200, {}), Answer(200, {}, "<html>"), Answer(404, {}, "page not found")])
def test_what_is_no_api_server_is_told(answer: Answer) -> None:
    found = api_server_finding(answer, url="https://k", user="")

    assert found.state is State.MISSING
    assert "Kubernetes API server?" in found.do


@pytest.mark.parametrize(
    ("answer", "user", "state"),
    [
        (THERE, "jane", State.OK),
        (ABSENT, "jane", State.MISSING),
        (ABSENT, "system:serviceaccount:mlops:runner", State.MISSING),
        (Answer(200, {"status": {"phase": "Terminating"}}), "jane", State.MISSING),
        (Answer(200, {"metadata": {"labels": {"control-plane": "kubeflow"}}}), "jane", State.MISSING),
        (FORBIDDEN, "system:serviceaccount:mlops:runner", State.OK),
        (FORBIDDEN, "system:serviceaccount:other:runner", State.UNKNOWN),
        (FORBIDDEN, "", State.UNKNOWN),
    ],
)
def test_a_namespace_is_there_or_not_or_not_to_be_seen(answer: Answer, user: str, state: State) -> None:
    assert judged_namespace(answer, "mlops", user=user).state is state


def test_a_group_without_the_kind_does_not_serve_it() -> None:
    cluster = complete()
    cluster.objects[SPARK] = kinds("scheduledsparkapplications")

    with asked(cluster) as server:
        assert is_served(server, SPARK_APPLICATIONS).absent


def test_discovery_that_is_forbidden_is_not_a_missing_kind() -> None:
    cluster = complete()
    cluster.answers[SPARK] = forbidden("get", "apis")

    with asked(cluster) as server:
        found = kinds_finding("kinds", {SPARK_APPLICATIONS: is_served(server, SPARK_APPLICATIONS)}, do="Install it.")

    assert found.state is State.UNKNOWN
