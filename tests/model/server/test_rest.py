"""TensorFlow Serving's REST interface, byte for byte where callers may depend on it."""

import json
import socket
from typing import Any

import pytest
import requests

from tests.servers import RunningServer


def _post(server: RunningServer, path: str, body: Any) -> requests.Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(f"{server.rest_url}/v1/models/{path}", data=data, timeout=30)


def _get(server: RunningServer, path: str) -> requests.Response:
    return requests.get(f"{server.rest_url}/v1/{path}", timeout=30)


def test_the_articles_request(many_models: RunningServer) -> None:
    body = {"signature_name": "serving_default", "instances": [{"bounces": [0], "time_on_site": [7363]}]}

    answer = _post(many_models, "retail_propensity:predict", body)

    (prediction,) = answer.json()["predictions"]
    assert answer.headers["Content-Type"] == "application/json"
    assert prediction["will_buy_on_return_visit_probs"] == pytest.approx([0.775, 0.225], abs=5e-4)
    assert prediction["predicted_will_buy_on_return_visit"] == ["1"]
    assert prediction["will_buy_on_return_visit_values"] == ["1", "0"]


@pytest.mark.parametrize("version", ["", "/versions/7", "/labels/stable"])
def test_known_answers_by_version_and_label(many_models: RunningServer, version: str) -> None:
    answer = _post(many_models, f"half_plus_two{version}:predict", {"instances": [1.0, 2.0, 5.0]})

    assert answer.json() == {"predictions": [2.5, 3.0, 4.5]}


def test_column_format(many_models: RunningServer) -> None:
    answer = _post(many_models, "several_signatures:predict", {"inputs": {"a": [1, 2], "b": [3, 4]}})

    assert answer.json() == {"outputs": {"product": [3.0, 8.0], "sum": [4.0, 6.0]}}


def test_nan_and_infinity_are_read_and_written_bare(many_models: RunningServer) -> None:
    answer = _post(many_models, "half_plus_two:predict", b'{"instances": [NaN, Infinity, -Infinity]}')

    assert answer.text == '{"predictions": [NaN, Infinity, -Infinity]}'


@pytest.mark.parametrize("version", ["", "/versions/7", "/labels/stable"])
def test_status(many_models: RunningServer, version: str) -> None:
    answer = _get(many_models, f"models/half_plus_two{version}")

    status = {"error_code": "OK", "error_message": ""}
    assert answer.json() == {"model_version_status": [{"version": "7", "state": "AVAILABLE", "status": status}]}


def test_metadata(many_models: RunningServer) -> None:
    found = _get(many_models, "models/vectors/metadata").json()

    signature = found["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert found["model_spec"] == {"name": "vectors", "signature_name": "", "version": "7"}
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["matrix"] == {
        "dtype": "DT_INT32",
        "tensor_shape": {
            "dim": [{"size": "-1", "name": ""}, {"size": "2", "name": ""}, {"size": "2", "name": ""}],
            "unknown_rank": False,
        },
        "name": "matrix:0",
    }


def test_tensorflows_own_signatures_are_not_told(many_models: RunningServer) -> None:
    found = _get(many_models, "models/vocabulary/metadata").json()

    assert list(found["metadata"]["signature_def"]["signature_def"]) == ["serving_default"]


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("none:predict", {"instances": [1]}, 404, "Servable not found for request: Latest(none)"),
        ("half_plus_two/versions/8:predict", {"instances": [1]}, 404, "Specific(half_plus_two, 8)"),
        ("half_plus_two/labels/canary:predict", {"instances": [1]}, 400, "Unrecognized servable version label: canary"),
        ("half_plus_two:predict", {"instances": [1], "signature_name": "s"}, 400, '"s" not found in signature def'),
        ("half_plus_two:predict", {"instances": [1], "signature_name": 3}, 400, "not found in signature def"),
        ("half_plus_two:predict", b"", 400, "an empty body"),
        ("half_plus_two:predict", b"{", 400, "expected JSON"),
        ("half_plus_two:predict", b"\xff\xfe\xfd", 400, "expected JSON"),
        ("half_plus_two:predict", b"[" * 200_000, 400, "expected JSON"),
        ("half_plus_two:predict", {"instances": []}, 400, "a list of at least one row"),
        ("half_plus_two:predict", {"instances": ["a"]}, 400, "a string, 'a'"),
        ("half_plus_two:predict", {"instances": [None]}, 400, "null"),
        ("half_plus_two:predict", {"instances": [[1], [1, 2]]}, 400, "lists of 1 and of 2"),
        ("retail_propensity:predict", {"inputs": {"bounces": [1, 2], "time_on_site": [1, 2, 3]}}, 400, "Incompatible"),
        ("scalar_output:predict", {"instances": [1]}, 400, "mean: a scalar"),
        ("half_plus_two:classify", {"examples": []}, 501, "classify"),
        ("half_plus_two:explain", {}, 400, "Malformed request: POST /v1/models/half_plus_two:explain"),
        ("half_plus_two", {}, 400, "Malformed request: POST /v1/models/half_plus_two"),
        ("half_plus_two/versions/99999999999999999999:predict", {"instances": [1]}, 400, "Failed to convert version"),
    ],
)
def test_a_refused_call_says_why(many_models: RunningServer, path: str, body: Any, status: int, error: str) -> None:
    answer = _post(many_models, path, body)

    assert answer.status_code == status
    assert error in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("models/none", 404, "Could not find any versions of model none"),
        ("models/half_plus_two/versions/8", 404, "Could not find version 8 of model half_plus_two"),
        ("models/half_plus_two/labels/canary", 400, "Unrecognized servable version label: canary"),
        ("models/none/metadata", 404, "Servable not found for request: Latest(none)"),
        ("models/half_plus_two:predict", 400, "Malformed request: GET /v1/models/half_plus_two:predict"),
        ("nothing", 400, "Malformed request: GET /v1/nothing"),
    ],
)
def test_a_refused_look_says_why(many_models: RunningServer, path: str, status: int, error: str) -> None:
    answer = _get(many_models, path)

    assert answer.status_code == status
    assert answer.json() == {"error": error}


def test_outside_v1_there_is_nothing(many_models: RunningServer) -> None:
    answer = requests.get(f"{many_models.rest_url}/index.html", timeout=30)

    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_connection_is_kept_through_answers_and_refusals(many_models: RunningServer) -> None:
    host, port = many_models.rest_url.removeprefix("http://").split(":")
    request = b"GET /v1/models/%s HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as connection, connection.makefile("rb") as answers:
        statuses = []
        for name in (b"half_plus_two", b"none", b"half_plus_two"):
            connection.sendall(request % name)
            statuses.append(int(answers.readline().split()[1]))
            headers = dict(line.lower().split(b": ") for line in iter(answers.readline, b"\r\n"))
            answers.read(int(headers[b"content-length"]))

    assert statuses == [200, 404, 200]
