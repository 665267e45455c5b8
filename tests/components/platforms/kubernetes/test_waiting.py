"""Where an InferenceService answers, in each of the ways in which KServe exposes one."""

from typing import Any

from components.platforms import PROMOTED, LiveService
from components.platforms.kubernetes.inference_service import live_service
from components.platforms.kubernetes.waiting import endpoint_of
from components.platforms.serving import ServingSettings
from model.endpoint import Endpoint
from model.release_layout import Release

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
