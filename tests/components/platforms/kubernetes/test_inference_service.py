"""InferenceServices as they are written, and as they are read back."""

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
    assert "serving.kserve.io/autoscalerClass" not in body["metadata"]["annotations"]


def test_a_promotion_keeps_what_it_does_not_speak_of_and_a_rollback_brings_the_very_same_back() -> None:
    found = live_service(LiveService(FIRST, "run-1", PROMOTING), namespace="ns", settings=NOTHING)
    found["metadata"]["annotations"] |= {"team": "growth", "serving.kserve.io/autoscalerClass": "hpa"}
    found["spec"]["predictor"] |= {"minReplicas": 4, "nodeSelector": {"disk": "ssd"}}
    service = LiveService(SECOND, "run-2", PROMOTING, former=FIRST)
    body = live_service(service, namespace="ns", settings=ServingSettings(cpu="2", node_selector="pool=a"))

    promoted = promoted_into(found, body, keep_former=False)
    restored = put_back(promoted, LiveService(FIRST, "run-2", PROMOTED))

    predictor = promoted["spec"]["predictor"]
    assert storage_uri(promoted) == SECOND.uri
    assert (predictor["minReplicas"], predictor["nodeSelector"]) == (4, {"disk": "ssd", "pool": "a"})
    assert promoted["metadata"]["annotations"]["team"] == "growth"
    assert promoted["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "hpa"
    assert restored is not None
    assert restored["spec"] == found["spec"]
    assert written_on(restored).release == FIRST
    assert settings_of(restored) == settings_of(found) != settings_of(promoted)
    assert restored["metadata"]["annotations"].keys() - found["metadata"]["annotations"].keys() == {FORMER_ANNOTATION}


def test_a_service_that_something_else_made_gets_its_own_annotations_back() -> None:
    model = {"modelFormat": {"name": "tensorflow"}, "storageUri": FIRST.uri}
    meta = {"name": "rpm", "namespace": "ns", "annotations": {"team": "growth"}}
    found: dict[str, Any] = {"metadata": meta, "spec": {"predictor": {"model": model}}}
    body = live_service(LiveService(SECOND, "run-2", PROMOTING, FIRST), namespace="ns", settings=NOTHING)

    promoted = promoted_into(found, body, keep_former=False)
    restored = put_back(promoted, LiveService(FIRST, "run-2", PROMOTED))

    assert promoted["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "none"
    assert restored is not None
    assert restored["spec"] == found["spec"]
    assert restored["metadata"]["annotations"].keys() == {"team", LIVE_ANNOTATION, FORMER_ANNOTATION}


def test_going_on_with_an_unfinished_promotion_does_not_forget_what_was_there_before_it() -> None:
    found = live_service(LiveService(FIRST, "run-1", PROMOTING), namespace="ns", settings=NOTHING)
    body = live_service(LiveService(SECOND, "run-2", PROMOTING, FIRST), namespace="ns", settings=NOTHING)
    once = promoted_into(found, body, keep_former=False)

    twice = promoted_into(once, body, keep_former=True)

    restored = put_back(twice, LiveService(FIRST, "run-2", PROMOTED))
    assert restored is not None
    assert restored["spec"] == found["spec"]


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
