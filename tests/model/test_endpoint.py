import json

from model.endpoint import Endpoint


def test_an_endpoint_of_before_there_were_gateways_is_read() -> None:
    text = json.dumps({"rest_url": "http://m", "grpc_target": "m:9000", "model_name": "rpm", "version": 36})

    assert Endpoint.from_json(text) == Endpoint("http://m", "m:9000", "rpm", 36, host="")


def test_the_host_travels() -> None:
    endpoint = Endpoint("https://gateway", "gateway:443", "rpm", 36, host="rpm-models.example.com")

    assert Endpoint.from_json(endpoint.to_json()) == endpoint
