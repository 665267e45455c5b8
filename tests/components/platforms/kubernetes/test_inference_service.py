"""InferenceServices as they are written, and as they are read back."""

from typing import Any

import pytest

from components.platforms import PROMOTED, PROMOTING, LiveService
from components.platforms.kubernetes.inference_service import (
    candidate_service,
    live_inference_service,
    storage_uri,
    written_on,
)
from model.errors import InvalidValue
from model.release_layout import Release

FIRST = Release("rpm", 1, "sha256:1", "gs://models/rpm/releases/1")
SECOND = Release("rpm", 2, "sha256:2", "gs://models/rpm/releases/2")


def test_the_live_service_is_read_back_as_it_was_written() -> None:
    service = LiveService(SECOND, run_id="run-2", phase=PROMOTING, former=FIRST)

    body = live_inference_service(service, namespace="ns")

    assert written_on(body) == service
    assert storage_uri(body) == SECOND.uri


def test_a_service_whose_uri_somebody_changed_counts_with_what_it_serves() -> None:
    body = live_inference_service(LiveService(SECOND, "run-2", PROMOTING, FIRST), namespace="ns")
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
    model = candidate_service(FIRST, run_id="run-1", namespace="ns")["spec"]["predictor"]["model"]

    assert [port["containerPort"] for port in model["ports"]] == [8080, 9000]
    assert "name" not in model


def test_only_the_live_service_takes_its_time_to_go() -> None:
    live = live_inference_service(LiveService(FIRST, "run-1", PROMOTING), namespace="ns")["spec"]["predictor"]
    candidate = candidate_service(FIRST, run_id="run-1", namespace="ns")["spec"]["predictor"]

    drain_s = live["model"]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert 0 < drain_s < live["terminationGracePeriodSeconds"]
    assert "lifecycle" not in candidate["model"]
    assert candidate["terminationGracePeriodSeconds"] < 5
