"""Where an InferenceService answers, in each of the ways in which KServe exposes one, and why one does not come up."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from components.platforms import PROMOTED, LiveService
from components.platforms.kubernetes import waiting
from components.platforms.kubernetes.failures import SOURCE_URI
from components.platforms.kubernetes.inference_service import live_service
from components.platforms.kubernetes.waiting import Wait, endpoint_of
from components.platforms.serving import ServingSettings
from model.endpoint import Endpoint
from model.errors import ServingFailed
from model.release_layout import Release
from tests.components.platforms.kubernetes.api_server import ApiServer
from tests.servers import Answer, answering_with, saying

INSIDE: dict[str, Any] = {"clusterIP": "10.96.0.7", "ports": [{"port": 80}, {"port": 9000}]}


def service(settings: ServingSettings, **status: Any) -> dict[str, Any]:
    release = Release("rpm", 7, "sha256:7", "gs://models/rpm/releases/7")
    body = live_service(LiveService(release, "run-1", PROMOTED), namespace="shop", settings=settings)
    return {**body, "status": status}


def test_in_standard_mode_at_its_service_over_both_protocols() -> None:
    address = {"url": "http://rpm-predictor.shop.svc.cluster.local"}

    endpoint = endpoint_of(service(ServingSettings(), address=address), INSIDE, version=7)

    host = "rpm-predictor.shop.svc.cluster.local"
    assert endpoint == Endpoint(f"http://{host}", f"{host}:9000", "rpm", 7)


def test_a_headless_service_maps_no_ports() -> None:
    endpoint = endpoint_of(service(ServingSettings()), {**INSIDE, "clusterIP": "None"}, version=7)

    assert endpoint.rest_url == "http://rpm-predictor.shop.svc.cluster.local:8080"


def test_a_service_with_one_port_is_asked_over_rest() -> None:
    endpoint = endpoint_of(service(ServingSettings()), {"ports": [{"port": 80}]}, version=7)

    assert endpoint.grpc_target == ""


def test_in_knative_mode_at_its_own_name_over_rest() -> None:
    address = {"url": "https://rpm.shop.svc.cluster.local"}

    endpoint = endpoint_of(service(ServingSettings("Knative"), address=address), INSIDE, version=7)

    assert endpoint == Endpoint("https://rpm.shop.svc.cluster.local", "", "rpm", 7)


def test_through_a_gateway_under_the_services_own_name() -> None:
    settings = ServingSettings(gateway_url="https://gateway.example/")

    endpoint = endpoint_of(service(settings, url="http://rpm-shop.example.com"), INSIDE, version=7)

    assert endpoint == Endpoint("https://gateway.example", "", "rpm", 7, host="rpm-shop.example.com")


RELEASE = Release("rpm", 7, "sha256:7", "gs://models/rpm/releases/7")
POD = "rpm-predictor-1"


@pytest.fixture
def rolling_out(server: ApiServer) -> ApiServer:
    """With an InferenceService whose Deployment has no ready pod yet."""
    server.keep("inferenceservices/rpm", metadata={"name": "rpm", "uid": "this"}, spec={})
    server.keep("deployments/rpm-predictor", metadata=of_the_release("rpm-predictor"), spec={}, status={})
    return server


def of_the_release(name: str) -> dict[str, Any]:
    return {"name": name, "generation": 1, "annotations": {SOURCE_URI: RELEASE.uri}}


def keep_unscheduled(server: ApiServer) -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "Insufficient cpu."}
    status = {"phase": "Pending", "conditions": [condition]}
    server.keep(f"pods/{POD}", metadata=of_the_release(POD), status=status)


def keep_event(server: ApiServer, reason: str, *, uid: str, message: str) -> None:
    about = {"name": POD, "uid": uid}
    server.keep(f"events/{reason}", type="Warning", reason=reason, message=message, involvedObject=about)


def failure_of(server: ApiServer, *, timeout_s: float = 70.0) -> tuple[str, float]:
    """Why the release does not come to be served, and after how many seconds that is known."""
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    wait = Wait(server.connection(), "rpm", RELEASE, timeout_s, clock=lambda: now, sleep=sleep)
    with pytest.raises(ServingFailed) as caught:
        wait.until_served()
    return caught.value.found, now


def test_a_pod_that_fits_on_no_node_is_given_up(rolling_out: ApiServer) -> None:
    keep_unscheduled(rolling_out)

    assert failure_of(rolling_out) == (f"pod {POD} cannot be scheduled: Insufficient cpu", 20.0)


def test_a_pod_that_the_cluster_adds_a_node_for_is_waited_for(rolling_out: ApiServer) -> None:
    keep_unscheduled(rolling_out)
    keep_event(rolling_out, "TriggeredScaleUp", uid="pods", message="1->2 nodes")

    found = f"none after 30 s; pods: ['{POD} Pending']; 1->2 nodes"
    assert failure_of(rolling_out, timeout_s=30.0) == (found, 30.0)


def test_what_kserve_says_in_events_is_told_where_it_makes_nothing(rolling_out: ApiServer) -> None:
    del rolling_out.objects["deployments/rpm-predictor"]
    keep_event(rolling_out, "InternalError", uid="this", message="no such scheme")

    assert failure_of(rolling_out) == ("KServe: InternalError: no such scheme", 5.0)


def test_what_it_said_of_an_earlier_service_of_that_name_is_not(rolling_out: ApiServer) -> None:
    del rolling_out.objects["deployments/rpm-predictor"]
    keep_event(rolling_out, "InternalError", uid="earlier", message="no such scheme")

    assert failure_of(rolling_out) == ("KServe has made nothing of it: does it run?", 60.0)


def says(state: str, *, version: str, why: str = "") -> Answer:
    """Answers, as TensorFlow Serving, that it has one version of the model."""
    told = {"error_code": "NOT_FOUND" if why else "OK", "error_message": why}
    status = {"version": version, "state": state, "status": told}
    return saying(200, json.dumps({"model_version_status": [status]}).encode())


def test_a_server_that_did_not_load_the_model_is_told_at_once(
    rolling_out: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = {"phase": "Running", "podIP": "127.0.0.1"}
    rolling_out.keep(f"pods/{POD}", metadata=of_the_release(POD), status=status)

    with answering_with(says("END", version="7", why="no variables")) as url:
        monkeypatch.setattr(waiting, "REST_PORT", urlsplit(url).port)
        failure = failure_of(rolling_out)

    assert failure == (f"the server of pod {POD} did not load it: no variables", 0.0)


def test_of_what_somebody_else_made_any_one_version_will_do(server: ApiServer) -> None:
    ready = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 1)
    status = {"observedGeneration": 1, **ready}
    with answering_with(says("AVAILABLE", version="1")) as url:
        gateway = ServingSettings(gateway_url=url)
        server.keep("inferenceservices/rpm", **service(gateway, url="http://rpm.example"))
        server.keep(
            "deployments/rpm-predictor", metadata=of_the_release("rpm-predictor"), spec={"replicas": 1}, status=status
        )
        server.keep("services/rpm-predictor", spec=INSIDE)
        adopted = Wait(server.connection(), "rpm", replace(RELEASE, digest=""), 20.0).until_served()

        assert adopted.version == 0
        assert "answers 200" in failure_of(server, timeout_s=40.0)[0]
