"""What a trial InferenceService tells of KServe's controller."""

from typing import Any

import pytest

from pipeline.cluster_check import kserve
from pipeline.cluster_check.api_server import Answer
from pipeline.cluster_check.findings import Finding, State
from tests.pipeline.cluster_check.fake_cluster import (
    CONFIG,
    DEPLOYMENTS,
    EVENTS,
    RUNTIME,
    SERVICES,
    SERVING,
    Cluster,
    asked,
    complete,
    failure,
    forbidden,
)

CREATED = Answer(201, {})
DEPLOYMENT = {"spec": {"template": {"spec": RUNTIME["spec"]}}}


def judged(observed: kserve.Observed) -> Finding:
    return kserve.controller_finding(observed, namespace="mlops", timeout_s=30.0)


def observed(status: dict[str, Any], *warnings: tuple[str, str]) -> kserve.Observed:
    return kserve.Observed(CREATED, {"status": status}, {}, warnings)


def findings(cluster: Cluster, *, skip: str = "", timeout_s: float = 0.2) -> dict[str, Finding]:
    with asked(cluster) as server:
        return {each.check: each for each in kserve.findings(server, skip=skip, timeout_s=timeout_s)}


def test_a_deployment_shows_that_it_works() -> None:
    seen = kserve.Observed(CREATED, {"status": {"deploymentMode": "Standard"}}, DEPLOYMENT)

    assert seen.is_settled
    assert judged(seen).state is State.OK


def test_no_status_means_that_nobody_looked() -> None:
    found = judged(observed({}))

    assert found.state is State.MISSING
    assert "nobody has looked at a trial InferenceService in mlops within 30 s" in found.found
    assert "kserve-controller-manager" in found.command


@pytest.mark.parametrize(
    ("status", "warnings", "told"),
    [
        (
            {"modelStatus": {"transitionStatus": "InvalidSpec", "lastFailureInfo": {"message": "No runtime found"}}},
            (),
            "No runtime found",
        ),
        (
            {
                "conditions": [
                    {"type": "PredictorReady", "status": "False", "reason": "ReconcileFailed", "message": "no"}
                ]
            },
            (),
            "ReconcileFailed: no",
        ),
        ({"deploymentMode": "Standard"}, (("InternalError", "old"), ("InternalError", "new")), "InternalError: new"),
    ],
)
def test_a_controller_that_makes_nothing_of_it_is_quoted(status: Any, warnings: Any, told: str) -> None:
    found = judged(observed(status, *warnings))

    assert found.state is State.MISSING
    assert found.found == f"it looks at mlops, and makes nothing of a trial InferenceService: {told}"


def test_a_warning_that_may_pass_does_not_end_the_wait() -> None:
    assert not observed({"deploymentMode": "Standard"}, ("InternalError", "the object has been modified")).is_settled
    assert observed({}, ("ServerlessModeRejected", "no Knative")).is_settled
    assert observed({"modelStatus": {"transitionStatus": "InvalidSpec"}}).is_settled


def test_a_deployment_without_status_is_not_the_whole_news() -> None:
    assert not kserve.Observed(CREATED, {}, DEPLOYMENT).is_settled


def test_a_whole_installation_and_nothing_left_behind() -> None:
    cluster = complete()

    found = findings(cluster)

    assert {check: each.state for check, each in found.items()} == {
        "KServe's kinds": State.OK,
        "KServe's controller": State.OK,
        "KServe's mode": State.OK,
        "TensorFlow runtime": State.OK,
    }
    assert found["TensorFlow runtime"].found.startswith(
        "ClusterServingRuntime kserve-tensorflow-serving with the image"
    )
    assert len(cluster.created) == 1
    assert cluster.left == []


def test_knative_by_default_without_knative_is_tried_again_in_standard_mode() -> None:
    cluster = complete()
    standard = cluster.on_create

    def create(cluster: Cluster, path: str, body: dict[str, Any]) -> None:
        if body["metadata"]["annotations"].get(kserve.MODE_ANNOTATION) == "Standard":
            cluster.objects[EVENTS] = {"items": []}
            standard(cluster, path, body)
        else:
            event = {"type": "Warning", "reason": "ServerlessModeRejected", "message": "no Knative"}
            cluster.objects[EVENTS] = {"items": [event]}

    cluster.on_create = create

    found = findings(cluster)

    assert found["KServe's controller"].state is State.OK
    assert found["KServe's mode"].state is State.WARNING
    assert len(cluster.created) == 2
    assert cluster.left == []


def test_a_controller_that_does_not_look_is_missing_and_the_trial_is_gone() -> None:
    cluster = complete()
    cluster.on_create = lambda *_: None

    found = findings(cluster)

    assert found["KServe's controller"].state is State.MISSING
    assert found["KServe's mode"].state is State.UNKNOWN
    assert found["TensorFlow runtime"].state is State.OK  # by the lists
    assert cluster.left == []


def test_a_webhook_that_does_not_answer_is_named() -> None:
    cluster = complete()
    message = 'Internal error occurred: failed calling webhook "inferenceservice.kserve-webhook-server.defaulter"'
    cluster.answers[SERVICES] = (500, failure(500, message))

    found = findings(cluster)["KServe's controller"]

    assert found.state is State.MISSING
    assert found.found.startswith("KServe's webhook does not answer")


def test_what_an_admission_policy_refuses_is_unknown_in_its_words() -> None:
    cluster = complete()
    cluster.answers[SERVICES] = (403, failure(403, 'admission webhook "policy" denied the request: no labels'))

    found = findings(cluster)["KServe's controller"]

    assert found.state is State.UNKNOWN
    assert "no labels" in found.found


def test_kinds_that_are_not_served_are_all_that_is_told() -> None:
    cluster = complete()
    del cluster.objects[SERVING]

    found = findings(cluster)

    assert list(found) == ["KServe's kinds"]
    assert found["KServe's kinds"].found == "not served: inferenceservices.serving.kserve.io/v1beta1"
    assert "Install KServe" in found["KServe's kinds"].do


@pytest.mark.parametrize("verb", ["create", "get", "delete"])
def test_nothing_is_created_that_could_not_be_seen_or_deleted(verb: str) -> None:
    cluster = complete()
    cluster.lacking = {(verb, "inferenceservices")}

    found = findings(cluster)["KServe's controller"]

    assert found.state is State.UNKNOWN
    assert f"may not {verb} inferenceservices in mlops" in found.found
    assert cluster.created == []


def test_without_probe_nothing_is_created_and_the_lists_tell_the_rest() -> None:
    cluster = complete()
    cluster.objects[CONFIG] = {"data": {"deploy": '{"defaultDeploymentMode": "Standard"}'}}

    found = findings(cluster, skip="--no-probe")

    assert found["KServe's controller"] == Finding("KServe's controller", State.SKIPPED, "--no-probe")
    assert (found["KServe's mode"].state, found["TensorFlow runtime"].state) == (State.OK, State.OK)
    assert cluster.created == []


def test_whoever_may_not_see_deployments_learns_that_it_looked() -> None:
    cluster = complete()
    inner = cluster.on_create

    def create(cluster: Cluster, path: str, body: dict[str, Any]) -> None:
        inner(cluster, path, body)
        cluster.answers[f"{DEPLOYMENTS}/{body['metadata']['name']}-predictor"] = forbidden("get", "deployments")

    cluster.on_create = create

    found = findings(cluster)["KServe's controller"]

    assert found.state is State.UNKNOWN
    assert found.found == "it looks at mlops; whether it made a Deployment: whoever asks may not get deployments"


@pytest.mark.parametrize(
    ("fields", "old"), [({"storageUri": {}}, True), ({"storageUri": {}, "storageUris": {}}, False)]
)
def test_a_kserve_with_other_names_for_its_modes_is_told_and_not_tried(fields: dict[str, Any], old: bool) -> None:
    cluster = complete()
    predictor = {"spec": {"properties": {"predictor": {"properties": fields}}}}
    kinds = {"io.kserve.serving.v1beta1.InferenceService": {"properties": predictor}}
    cluster.objects[f"/openapi/v3{SERVING}"] = {"components": {"schemas": kinds}}

    found = findings(cluster)

    assert (found[kserve.KINDS].state is State.MISSING) is old
    assert (kserve.UPGRADE in found[kserve.KINDS].do) is old
    assert bool(cluster.created) is not old
