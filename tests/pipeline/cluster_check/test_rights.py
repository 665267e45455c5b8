"""Whose rights are asked for, which, and how what is lacking is told."""

import pytest

from model.errors import InvalidValue
from pipeline.cluster_check.api_server import Answer
from pipeline.cluster_check.findings import State
from pipeline.cluster_check.rights import (
    BASE,
    PIPELINE_RIGHTS,
    SPARK_RIGHTS,
    Account,
    Right,
    asking_user,
    needed_rights,
    reviews,
    rights_finding,
    rights_of,
    spelled,
)
from tests.pipeline.cluster_check.fake_cluster import REVIEWS, asked, complete, forbidden

ACCOUNT = Account("mlops", "savedmodel-release")
LOCAL = f"{REVIEWS}/namespaces/mlops/localsubjectaccessreviews"
YES, NO = Answer(201, {"status": {"allowed": True}}), Answer(201, {"status": {"allowed": False}})


@pytest.mark.parametrize(
    ("manifest", "rights"), [("pipeline-account.yaml", PIPELINE_RIGHTS), ("spark-account.yaml", SPARK_RIGHTS)]
)
def test_the_list_for_installations_without_sources_is_the_role(
    manifest: str, rights: dict[str, tuple[str, ...]]
) -> None:
    assert rights == rights_of((BASE / manifest).read_text()), "copy the Role to pipeline/cluster_check/rights.py"


def test_without_the_sources_the_list_counts() -> None:
    rights = needed_rights("no-such.yaml", otherwise={"pods/log": ("get",), "deployments.apps": ("get", "list")})

    assert rights == [
        Right("get", "", "pods/log"),
        Right("get", "apps", "deployments"),
        Right("list", "apps", "deployments"),
    ]


def test_a_subresource_is_asked_for_as_the_api_wants_it() -> None:
    assert Right("get", "", "pods/log").attributes("mlops") == {
        "namespace": "mlops",
        "verb": "get",
        "group": "",
        "resource": "pods",
        "subresource": "log",
    }


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("runner", Account("mlops", "runner")),
        ("kubeflow:pipeline-runner", Account("kubeflow", "pipeline-runner")),
        ("system:serviceaccount:kubeflow:pipeline-runner", Account("kubeflow", "pipeline-runner")),
    ],
)
def test_accounts_are_given_with_or_without_their_namespace(text: str, account: Account) -> None:
    assert Account.parse(text, namespace="mlops") == account


@pytest.mark.parametrize("text", ["", ":", "a:", ":a", "a:b:c", "A", "a b", "a/b", "system:serviceaccount:"])
def test_what_is_no_account_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="--service-account"):
        Account.parse(text, namespace="mlops")


def test_users_are_spelled_for_people() -> None:
    assert spelled("system:serviceaccount:mlops:runner") == "service account mlops/runner"
    assert spelled("jane@example.com") == "jane@example.com"


def test_lacking_rights_are_all_named_grouped_by_their_verbs() -> None:
    answers = {
        Right("get", "", "pods"): NO,
        Right("list", "", "pods"): NO,
        Right("get", "", "events"): NO,
        Right("list", "", "events"): NO,
        Right("create", "serving.kserve.io", "inferenceservices"): NO,
        Right("get", "apps", "deployments"): YES,
    }

    found = rights_finding("rights", answers, who=ACCOUNT.user, command="kubectl apply")

    assert (found.state, found.command) == (State.MISSING, "kubectl apply")
    assert found.found == (
        "service account mlops/savedmodel-release lacks 5 of 6: get, list pods and events; "
        "create inferenceservices.serving.kserve.io"
    )


def test_a_verdict_that_is_not_given_is_no_denial() -> None:
    refused = Answer(403, {}, 'cannot create resource "localsubjectaccessreviews"')

    found = rights_finding("rights", {Right("get", "", "pods"): refused}, who=ACCOUNT.user, command="c")

    assert found.state is State.UNKNOWN
    assert "whoever asks may not create localsubjectaccessreviews" in found.found


def test_who_asks_is_asked_about_without_naming_them() -> None:
    cluster = complete()
    cluster.lacking = {("get", "pods")}

    with asked(cluster) as server:
        answers = reviews(server, [Right("get", "", "pods"), Right("list", "", "pods")], account=None)

    assert [each.body["status"]["allowed"] for each in answers.values()] == [False, True]
    assert {path for _, path in cluster.asked} == {f"{REVIEWS}/selfsubjectaccessreviews"}


def test_another_account_is_asked_about_in_the_namespace_first() -> None:
    cluster = complete()

    with asked(cluster) as server:
        reviews(server, [Right("get", "", "pods")], account=ACCOUNT)

    assert cluster.asked == [("POST", LOCAL)]


def test_and_cluster_wide_where_that_is_not_allowed() -> None:
    cluster = complete()
    cluster.answers[LOCAL] = forbidden("create", "localsubjectaccessreviews")

    with asked(cluster) as server:
        answers = reviews(server, [Right("get", "", "pods")], account=ACCOUNT)

    assert all(each.ok for each in answers.values())
    assert cluster.asked[-1] == ("POST", f"{REVIEWS}/subjectaccessreviews")


def test_an_api_server_that_does_not_know_the_question_leaves_the_user_unnamed() -> None:
    cluster = complete()
    cluster.answers["/apis/authentication.k8s.io/v1/selfsubjectreviews"] = (404, {"message": "page not found"})

    with asked(cluster) as server:
        assert asking_user(server) == ""
