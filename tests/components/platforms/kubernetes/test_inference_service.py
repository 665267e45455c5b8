"""InferenceServices as they are written, and as they are read back."""

import json
from typing import Any

import pytest

from components.platforms import PROMOTED, PROMOTING, LiveService
from components.platforms.kubernetes.inference_service import (
    FORMER_ANNOTATION,
    LIVE_ANNOTATION,
    candidate_service,
    live_service,
    promoted_into,
    put_back,
    settings_of,
    storage_uri,
    written_on,
)
from components.platforms.serving import ServingSettings
from model.errors import InvalidValue
from model.release_layout import Release

Object = dict[str, Any]
AUTOSCALER = "serving.kserve.io/autoscalerClass"
FIRST = Release("rpm", 1, "sha256:1", "gs://models/rpm/releases/1")
NOTHING = ServingSettings()
SECOND = Release("rpm", 2, "sha256:2", "gs://models/rpm/releases/2")


def test_the_live_service_is_read_back_as_it_was_written() -> None:
    service = LiveService(SECOND, run_id="run-2", phase=PROMOTING, former=FIRST)

    body = live_service(service, namespace="ns", settings=NOTHING)

    assert written_on(body) == service
    assert storage_uri(body) == SECOND.uri


def test_a_service_whose_uri_somebody_changed_counts_with_what_it_serves() -> None:
    body = live_service(LiveService(SECOND, "run-2", PROMOTING, FIRST), namespace="ns", settings=NOTHING)
    body["spec"]["predictor"]["model"]["storageUri"] = "gs://elsewhere/rpm/9"

    service = written_on(body)

    assert (service.release.uri, service.release.version) == ("gs://elsewhere/rpm/9", 9)
    assert (service.phase, service.former) == (PROMOTED, None)


@pytest.mark.parametrize("model", [{}, {"modelFormat": {"name": "sklearn"}, "storageUri": "gs://b/m"}])
def test_a_service_of_something_else_is_refused(model: dict[str, Any]) -> None:
    body = {"metadata": {"name": "rpm", "namespace": "ns"}, "spec": {"predictor": {"model": model}}}

    with pytest.raises(InvalidValue, match=r"ns/rpm: expected .* TensorFlow .* Choose another model_name"):
        written_on(body)


def test_the_model_has_both_ports_and_no_name() -> None:
    model = candidate_service(FIRST, run_id="run-1", namespace="ns", settings=NOTHING)["spec"]["predictor"]["model"]

    assert [port["containerPort"] for port in model["ports"]] == [8080, 9000]
    assert "name" not in model


def test_only_the_live_service_takes_its_time_to_go() -> None:
    live = live_service(LiveService(FIRST, "run-1", PROMOTING), namespace="ns", settings=NOTHING)["spec"]["predictor"]
    candidate = candidate_service(FIRST, run_id="run-1", namespace="ns", settings=NOTHING)["spec"]["predictor"]

    drain_s = live["model"]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert 0 < drain_s < live["terminationGracePeriodSeconds"]
    assert "lifecycle" not in candidate["model"]
    assert candidate["terminationGracePeriodSeconds"] < 5


def test_settings_stand_in_the_pods_and_are_read_back() -> None:
    settings = ServingSettings(
        image_version="2.19.0",
        replicas=3,
        cpu="2",
        memory="4Gi",
        node_selector="pool=kserve-pool",
        tolerations="dedicated=kserve:NoSchedule",
        service_account="reader",
    )

    body = live_service(LiveService(FIRST, "run-1", PROMOTING), namespace="ns", settings=settings)

    predictor = body["spec"]["predictor"]
    assert predictor["minReplicas"] == 3
    assert predictor["nodeSelector"] == {"pool": "kserve-pool"}
    assert predictor["tolerations"] == [
        {"key": "dedicated", "operator": "Equal", "value": "kserve", "effect": "NoSchedule"}
    ]
    assert predictor["serviceAccountName"] == "reader"
    assert predictor["model"]["runtimeVersion"] == "2.19.0"
    both = {"cpu": "2", "memory": "4Gi"}
    assert predictor["model"]["resources"] == {"requests": both, "limits": both}
    assert settings_of(body) == settings


def test_a_candidate_has_one_replica_whatever_the_live_service_will_have() -> None:
    body = candidate_service(FIRST, run_id="run-1", namespace="ns", settings=ServingSettings(replicas=5))

    assert body["spec"]["predictor"]["minReplicas"] == 1
    assert settings_of(body).replicas == 5


def test_knative_gets_one_port_and_none_of_what_it_refuses() -> None:
    settings = ServingSettings(deployment_mode="Knative")

    body = live_service(LiveService(FIRST, "run-1", PROMOTING), namespace="ns", settings=settings)

    predictor = body["spec"]["predictor"]
    assert [port["containerPort"] for port in predictor["model"]["ports"]] == [8080]
    assert "lifecycle" not in predictor["model"]
    assert predictor.keys().isdisjoint({"deploymentStrategy", "terminationGracePeriodSeconds"})
    assert body["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Knative"
    assert AUTOSCALER not in body["metadata"]["annotations"]


def live(settings: ServingSettings = NOTHING) -> Object:
    """FIRST, served with these settings."""
    return live_service(LiveService(FIRST, "run-1", PROMOTING), namespace="ns", settings=settings)


def second(settings: ServingSettings = NOTHING) -> Object:
    """SECOND, as it is to replace FIRST."""
    return live_service(LiveService(SECOND, "run-2", PROMOTING, FIRST), namespace="ns", settings=settings)


def made_by_hand(*, model: Object | None = None, **predictor: Any) -> Object:
    """An InferenceService that something else made, of FIRST."""
    served = {"modelFormat": {"name": "tensorflow"}, "storageUri": FIRST.uri, **(model or {})}
    meta = {"name": "rpm", "namespace": "ns", "annotations": {"team": "growth"}}
    return {"metadata": meta, "spec": {"predictor": {**predictor, "model": served}}}


def test_a_promotion_keeps_what_it_does_not_speak_of_and_a_rollback_brings_the_very_same_back() -> None:
    found = live()
    found["metadata"]["annotations"] |= {"team": "growth", AUTOSCALER: "hpa"}
    found["spec"]["predictor"] |= {"minReplicas": 4, "nodeSelector": {"disk": "ssd"}, "maxReplicas": 9}
    found["spec"]["predictor"]["model"]["env"] = [{"name": "A", "value": "1"}]

    promoted = promoted_into(found, second(ServingSettings(cpu="2")), keep_former=False)
    restored = put_back(promoted, LiveService(FIRST, "run-2", PROMOTED))

    predictor = promoted["spec"]["predictor"]
    assert storage_uri(promoted) == SECOND.uri
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (4, 9)
    assert predictor["nodeSelector"] == {"disk": "ssd"}
    assert predictor["model"]["env"] == [{"name": "A", "value": "1"}]
    assert promoted["metadata"]["annotations"]["team"] == "growth"
    assert promoted["metadata"]["annotations"][AUTOSCALER] == "hpa"
    assert restored is not None
    assert restored["spec"] == found["spec"]
    assert written_on(restored).release == FIRST
    assert settings_of(restored) == settings_of(found) != settings_of(promoted)
    assert restored["metadata"]["annotations"].keys() - found["metadata"]["annotations"].keys() == {FORMER_ANNOTATION}


def test_of_two_kinds_of_probe_or_hook_only_the_one_that_was_tried_goes_live() -> None:
    probe, hook = {"tcpSocket": {"port": 8080}}, {"preStop": {"exec": {"command": ["sleep", "5"]}}}
    found = made_by_hand(model={"readinessProbe": probe, "lifecycle": hook}, deploymentStrategy={"type": "Recreate"})
    body = second()

    predictor = promoted_into(found, body, keep_former=False)["spec"]["predictor"]

    wanted = body["spec"]["predictor"]
    assert predictor["model"]["readinessProbe"] == wanted["model"]["readinessProbe"]
    assert predictor["model"]["lifecycle"] == wanted["model"]["lifecycle"]
    assert predictor["deploymentStrategy"] == wanted["deploymentStrategy"]


def test_labels_and_resources_of_two_settings_are_not_mixed() -> None:
    resources = {"requests": {"cpu": "60m"}, "limits": {"cpu": "1"}}
    found = made_by_hand(model={"resources": resources}, nodeSelector={"pool": "old"})

    promoted = promoted_into(found, second(ServingSettings(node_selector="disk=ssd", memory="1Gi")), keep_former=False)

    predictor = promoted["spec"]["predictor"]
    assert predictor["nodeSelector"] == {"disk": "ssd"}
    assert predictor["model"]["resources"] == {"requests": {"memory": "1Gi"}, "limits": {"memory": "1Gi"}}


def test_more_replicas_than_the_service_may_have_raise_that_limit() -> None:
    found = made_by_hand(minReplicas=1, maxReplicas=2)

    raised = promoted_into(found, second(ServingSettings(replicas=3)), keep_former=False)["spec"]["predictor"]
    kept = promoted_into(found, second(ServingSettings(replicas=2)), keep_former=False)["spec"]["predictor"]

    assert (raised["minReplicas"], raised["maxReplicas"]) == (3, 3)
    assert (kept["minReplicas"], kept["maxReplicas"]) == (2, 2)


def test_a_pod_stays_out_of_the_mesh_unless_somebody_wants_it_in() -> None:
    found = made_by_hand(labels={"team": "growth"})
    meshed = made_by_hand(labels={"sidecar.istio.io/inject": "true"})

    labels = [
        promoted_into(each, second(), keep_former=False)["spec"]["predictor"]["labels"] for each in (found, meshed)
    ]

    assert labels == [{"team": "growth", "sidecar.istio.io/inject": "false"}, {"sidecar.istio.io/inject": "true"}]


def test_what_the_former_settings_had_set_goes_with_them_but_for_the_replicas() -> None:
    former = ServingSettings("Standard", "2.19.0", 3, "2", "4Gi", "pool=old", "dedicated=old:NoSchedule", "reader")

    promoted = promoted_into(live(former), second(), keep_former=False)

    assert promoted["spec"]["predictor"] == {**second()["spec"]["predictor"], "minReplicas": 3}


def test_a_service_that_something_else_made_keeps_its_autoscaler_and_gets_its_own_annotations_back() -> None:
    found = made_by_hand()

    promoted = promoted_into(found, second(), keep_former=False)
    restored = put_back(promoted, LiveService(FIRST, "run-2", PROMOTED))

    assert live()["metadata"]["annotations"][AUTOSCALER] == "none"
    assert AUTOSCALER not in promoted["metadata"]["annotations"]
    assert written_on(promoted).release == SECOND
    assert restored is not None
    assert restored["spec"] == found["spec"]
    assert restored["metadata"]["annotations"].keys() == {"team", LIVE_ANNOTATION, FORMER_ANNOTATION}


def test_a_promotion_leaves_the_object_that_it_was_read_from_as_it_was() -> None:
    found = live()
    before = json.dumps(found)

    promoted = promoted_into(found, second(), keep_former=False)
    put_back(promoted, LiveService(FIRST, "run-2", PROMOTED))

    assert json.dumps(found) == before


def test_going_on_with_an_unfinished_promotion_does_not_forget_what_was_there_before_it() -> None:
    found = live()
    once = promoted_into(found, second(), keep_former=False)

    twice = promoted_into(once, second(), keep_former=True)

    restored = put_back(twice, LiveService(FIRST, "run-2", PROMOTED))
    assert restored is not None
    assert restored["spec"] == found["spec"]


def test_a_rollback_that_does_not_succeed_can_bring_back_what_it_replaced() -> None:
    promoted = promoted_into(live(), second(ServingSettings(cpu="2", replicas=3)), keep_former=False)
    rolled_back = put_back(promoted, LiveService(FIRST, "run-3", PROMOTED))
    assert rolled_back is not None

    again = put_back(rolled_back, LiveService(SECOND, "run-3", PROMOTED))

    assert again is not None
    assert again["spec"] == promoted["spec"]
    assert settings_of(again) == settings_of(promoted)


def test_what_served_another_release_is_not_taken_for_the_former_one() -> None:
    found = live_service(LiveService(SECOND, "run-1", PROMOTING), namespace="ns", settings=NOTHING)

    assert put_back(found, LiveService(FIRST, "run-2", PROMOTED)) is None


@pytest.mark.parametrize(
    ("status", "mode"), [("Knative", "Knative"), ("Serverless", "Knative"), ("Standard", "Standard")]
)
def test_the_mode_is_the_one_that_kserve_says(status: str, mode: str) -> None:
    body = live_service(LiveService(FIRST, "run-1", PROMOTING), namespace="ns", settings=NOTHING)
    body["status"] = {"deploymentMode": status}

    assert settings_of(body).deployment_mode == mode
