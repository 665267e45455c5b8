"""Service accounts and the web application of a namespace."""

from typing import Any

import pytest

from pipeline.cluster_check.api_server import Answer
from pipeline.cluster_check.findings import Finding, State
from pipeline.cluster_check.in_namespace import (
    account_finding,
    account_findings,
    binding_command,
    webapp_finding,
    webapp_findings,
)
from pipeline.cluster_check.rights import PIPELINE_RIGHTS, Account, needed_rights
from tests.pipeline.cluster_check.fake_cluster import (
    ACCOUNTS,
    PODS,
    REVIEWS,
    SLICES,
    WEBAPP,
    Cluster,
    asked,
    complete,
    forbidden,
)

BASE = "kubectl apply -n mlops -k cluster/base"
OWN = Account("mlops", "savedmodel-release")
ALL = len(needed_rights("pipeline-account.yaml", otherwise=PIPELINE_RIGHTS))
ABSENT, THERE = Answer(404, {}, "not found"), Answer(200, {})
FORBIDDEN = Answer(403, {}, 'cannot get resource "serviceaccounts"')


def accounts(cluster: Cluster, *, given: Account | None = None, user: str = "admin") -> dict[str, Finding]:
    with asked(cluster) as server:
        return {each.check: each for each in account_findings(server, given=given, user=user)}


def webapp(cluster: Cluster) -> Finding:
    with asked(cluster) as server:
        (found,) = webapp_findings(server)
        return found


@pytest.mark.parametrize(
    ("who", "command"),
    [
        (OWN.user, BASE),
        (
            "system:serviceaccount:kubeflow:pipeline-runner",
            f"{BASE} && kubectl -n mlops create rolebinding savedmodel-release-pipeline-runner "
            "--role=savedmodel-release --serviceaccount=kubeflow:pipeline-runner",
        ),
        (
            "jane@example.com",
            f"{BASE} && kubectl -n mlops create rolebinding savedmodel-release-user "
            "--role=savedmodel-release --user='jane@example.com'",
        ),
    ],
)
def test_one_line_gives_the_rights_to_whoever_lacks_them(who: str, command: str) -> None:
    assert binding_command("mlops", who) == command


@pytest.mark.parametrize(
    ("account", "command"),
    [(OWN, BASE), (Account("kubeflow", "runner"), "kubectl -n kubeflow create serviceaccount runner")],
)
def test_an_account_that_is_not_there_comes_with_how_to_make_it(account: Account, command: str) -> None:
    found = account_finding("a", ABSENT, account, user="admin", namespace="mlops")

    assert (found.state, found.command) == (State.MISSING, command)


def test_whoever_asks_is_there_though_they_may_not_look() -> None:
    itself = account_finding("a", FORBIDDEN, OWN, user=OWN.user, namespace="mlops")
    another = account_finding("a", FORBIDDEN, OWN, user="jane", namespace="mlops")

    assert (itself.state, another.state) == (State.OK, State.UNKNOWN)


def test_everything_there() -> None:
    assert {each.state for each in accounts(complete()).values()} == {State.OK}


def test_an_administrator_is_told_that_the_account_was_not_asked_about() -> None:
    asked_itself = accounts(complete(), given=OWN)["pipeline's rights"]

    assert "--service-account" in accounts(complete())["pipeline's rights"].found
    assert asked_itself.found == f"service account mlops/savedmodel-release has all {ALL}"


def test_a_given_account_is_looked_for_and_asked_about() -> None:
    cluster = complete()
    cluster.lacking = {("create", "inferenceservices")}
    cluster.answers[f"{REVIEWS}/selfsubjectaccessreviews"] = forbidden("create", "selfsubjectaccessreviews")

    found = accounts(cluster, given=Account("kubeflow", "pipeline-runner"))

    assert found["pipeline's account"].found == "there is no pipeline-runner in kubeflow"
    assert found["pipeline's rights"].found == (
        f"service account kubeflow/pipeline-runner lacks 1 of {ALL}: create inferenceservices.serving.kserve.io"
    )


def test_whoever_asks_about_itself_needs_no_right_to_ask_about_others() -> None:
    cluster = complete()
    cluster.answers |= {
        f"{REVIEWS}/namespaces/mlops/localsubjectaccessreviews": forbidden("create", "localsubjectaccessreviews"),
        f"{REVIEWS}/subjectaccessreviews": forbidden("create", "subjectaccessreviews"),
    }

    assert accounts(cluster, given=OWN, user=OWN.user)["pipeline's rights"].state is State.OK


def test_sparks_rights_are_not_needed_to_be_known_but_to_be_there() -> None:
    unknown, lacking = complete(), complete()
    unknown.answers |= {
        f"{REVIEWS}/namespaces/mlops/localsubjectaccessreviews": forbidden("create", "localsubjectaccessreviews"),
        f"{REVIEWS}/subjectaccessreviews": forbidden("create", "subjectaccessreviews"),
    }
    lacking.lacking = {("create", "persistentvolumeclaims")}

    not_known, not_there = (accounts(cluster)["Spark's rights"] for cluster in (unknown, lacking))

    assert (not_known.state, not_known.stands_in_the_way) == (State.UNKNOWN, False)
    assert (not_there.state, not_there.stands_in_the_way) == (State.MISSING, True)


def test_sparks_account_is_needed() -> None:
    cluster = complete()
    del cluster.objects[f"{ACCOUNTS}/savedmodel-release-spark"]

    found = accounts(cluster)["Spark's account"]

    assert (found.state, found.command, found.needed) == (State.MISSING, BASE, True)


def endpoints(*ready: bool | None) -> dict[str, Any]:
    return {"items": [{"endpoints": [{"conditions": {} if each is None else {"ready": each}} for each in ready]}]}


@pytest.mark.parametrize(("ready", "count"), [((True, True, False), 2), ((None,), 1)])
def test_ready_endpoints_are_counted(ready: tuple[bool | None, ...], count: int) -> None:
    found = webapp_finding(THERE, Answer(200, endpoints(*ready)), ABSENT, namespace="mlops")

    assert found == Finding("web application", State.OK, f"Service savedmodel-release-webapp, {count} ready")


@pytest.mark.parametrize("slices", [{"items": []}, {"items": [{"endpoints": None}]}, endpoints(False)])
def test_a_service_with_nothing_behind_it_is_missing(slices: dict[str, Any]) -> None:
    found = webapp_finding(THERE, Answer(200, slices), ABSENT, namespace="mlops")

    assert found.state is State.MISSING
    assert found.found == "the Service savedmodel-release-webapp has nothing ready behind it"


def test_no_service_is_missing_and_names_the_way_around() -> None:
    cluster = complete()
    del cluster.objects[WEBAPP]

    found = webapp(cluster)

    assert (found.state, found.command) == (State.MISSING, BASE)
    assert "webapp_url" in found.do


def test_whoever_may_not_see_endpoints_sees_the_pods_behind_them() -> None:
    cluster = complete()
    cluster.answers[SLICES] = forbidden("list", "endpointslices")
    ready = {"type": "Ready", "status": "True"}
    cluster.objects[PODS] = {"items": [{"status": {"conditions": [ready]}}, {"status": {"conditions": []}}]}

    assert webapp(cluster).found == "Service savedmodel-release-webapp, 1 ready"


def test_whoever_may_see_neither_does_not_know() -> None:
    cluster = complete()
    cluster.answers |= {SLICES: forbidden("list", "endpointslices"), PODS: forbidden("list", "pods")}

    assert webapp(cluster).state is State.UNKNOWN
