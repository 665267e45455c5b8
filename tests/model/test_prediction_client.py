"""Both protocols against the real server: one suite, so that a caller need not know which one is used."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from model.endpoint import Endpoint
from model.errors import InvalidValue, PredictionFailed
from model.prediction_client import PredictionClient, VersionStatus, open_client
from model.sample import retail
from tests.exports import EVERY_DTYPE
from tests.servers import RunningServer, free_ports

Opened = Callable[..., PredictionClient]


@pytest.fixture(params=["grpc", "rest"])
def opened(request: pytest.FixtureRequest, many_models: RunningServer) -> Iterator[Opened]:
    """Opens clients of the served models, which are closed in the end."""
    clients: list[PredictionClient] = []

    def open_one(model_name: str, *, version: int = 0, timeout_s: float = 60.0) -> PredictionClient:
        endpoint = many_models.endpoint(model_name, version=version)
        clients.append(open_client(endpoint, protocol=request.param, timeout_s=timeout_s))
        return clients[-1]

    yield open_one
    for client in clients:
        client.close()


def _visits(rows: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(36)
    return {
        "bounces": random.integers(0, 2, rows).astype(np.float32),
        "time_on_site": random.integers(0, 9000, rows).astype(np.float32),
    }


def test_known_answers(opened: Opened) -> None:
    answer = opened("half_plus_two").predict({"x": np.array([1, 2, 5], np.float32)})

    assert answer["y"].dtype == np.float32
    assert answer["y"].tolist() == [2.5, 3.0, 4.5]


def test_all_outputs_of_the_sample(opened: Opened) -> None:
    inputs = _visits(100)

    answer = opened("retail_propensity", version=7).predict(inputs)

    probability = retail.probability(inputs["bounces"].astype(float), inputs["time_on_site"].astype(float))
    np.testing.assert_allclose(answer["will_buy_on_return_visit_probs"][:, 0], probability, rtol=1e-9)
    assert answer["will_buy_on_return_visit_values"].tolist() == [[b"1", b"0"]] * 100
    assert answer["predicted_will_buy_on_return_visit"].shape == (100, 1)
    assert answer["predicted_will_buy_on_return_visit"].dtype == object


def test_the_fed_shape_is_not_checked(opened: Opened) -> None:
    inputs = {"bounces": np.zeros((1, 1), np.float32), "time_on_site": np.full((1, 1), 7363, np.float32)}

    answer = opened("retail_propensity").predict(inputs)

    assert answer["will_buy_on_return_visit_probs"][0, 0] == pytest.approx(0.775, abs=5e-4)


def test_outputs_wanted_only(opened: Opened) -> None:
    answer = opened("several_signatures").predict(
        {"a": np.array([1, 2], np.float32), "b": np.array([3, 4])}, outputs=["product"]
    )

    assert {name: array.tolist() for name, array in answer.items()} == {"product": [3.0, 8.0]}


def test_another_signature(opened: Opened) -> None:
    answer = opened("several_signatures").predict({"x": np.ones((2, 3), np.float32)}, signature_name="scaled")

    assert answer["scaled"].tolist() == [[1.0, 10.0, 100.0]] * 2


def test_every_dtype_comes_back_unchanged(opened: Opened) -> None:
    values: dict[str, list[Any]] = {"bool": [True, False], "string": [b"a", b"\xff\x00"]}
    inputs = {
        dtype: np.array(values.get(dtype, [1, 2]), object if dtype == "string" else dtype) for dtype in EVERY_DTYPE
    }

    answer = opened("every_dtype").predict(inputs)

    for dtype, array in inputs.items():
        assert answer[f"{dtype}_out"].dtype == array.dtype
        np.testing.assert_array_equal(answer[f"{dtype}_out"], array)


def test_nan_and_infinity_come_back(opened: Opened) -> None:
    answer = opened("half_plus_two").predict({"x": np.array([np.nan, np.inf, -np.inf], np.float32)})

    np.testing.assert_array_equal(answer["y"], [np.nan, np.inf, -np.inf])


def test_vectors_matrices_and_a_table_on_an_asset(opened: Opened) -> None:
    rows = 3
    answer = opened("vectors").predict(
        {
            "column": np.ones((rows, 1), np.float32),
            "features": np.arange(12, dtype=np.float64).reshape(rows, 4),
            "matrix": np.arange(12, dtype=np.int32).reshape(rows, 2, 2),
            "words": np.array([[b"a", b"b", b"c"]] * rows, object),
        }
    )
    words = opened("vocabulary").predict({"word": np.array(["no such word"])})

    assert answer["total"].tolist() == [7.0, 23.0, 39.0]
    assert answer["transposed"][0].tolist() == [[0, 2], [1, 3]]
    assert answer["joined"].tolist() == [[b"a b c"]] * rows
    assert words["index"].tolist() == [-1]


def test_a_scalar_output_and_no_rows(opened: Opened) -> None:
    client = opened("scalar_output")

    assert client.predict({"x": np.array([1, 3], np.float32)})["mean"].shape == ()
    assert client.predict({"x": np.zeros(0, np.float32)}, outputs=["doubled"])["doubled"].shape == (0,)


def test_a_batch_larger_than_grpcs_usual_limit_of_4_mib(opened: Opened) -> None:
    inputs = {"x": np.arange(1_100_000, dtype=np.float32)}

    answer = opened("half_plus_two").predict(inputs)

    np.testing.assert_array_equal(answer["y"], inputs["x"] / 2 + 2)


def test_several_calls_in_flight(opened: Opened) -> None:
    client = opened("half_plus_two")

    futures = [client.predict_async({"x": np.full(10, number, np.float32)}) for number in range(20)]

    assert [future.result()["y"][0] for future in futures] == [number / 2 + 2 for number in range(20)]


def test_status(opened: Opened) -> None:
    assert opened("half_plus_two").status() == (VersionStatus(7, "AVAILABLE", "OK", ""),)


def test_metadata(opened: Opened) -> None:
    found = opened("retail_propensity").metadata()

    assert found.inputs[0].tensor_name == "bounces:0"
    assert [str(spec) for spec in found.outputs] == [str(spec) for spec in retail.SIGNATURE.outputs]
    assert found.method_name == retail.SIGNATURE.method_name


@pytest.mark.parametrize(
    ("model_name", "version", "inputs", "arguments", "code"),
    [
        ("no-such-model", 0, {"x": [1]}, {}, "NOT_FOUND"),
        ("half_plus_two", 8, {"x": [1]}, {}, "NOT_FOUND"),
        ("half_plus_two", 0, {"x": [1]}, {"signature_name": "other"}, "FAILED_PRECONDITION"),
        ("half_plus_two", 0, {"x": [1]}, {"outputs": ["z"]}, "INVALID_ARGUMENT"),
        ("half_plus_two", 0, {"z": [1]}, {}, "INVALID_ARGUMENT"),
        ("half_plus_two", 0, {"x": [b"one"]}, {}, "INVALID_ARGUMENT"),
        ("several_signatures", 0, {"a": [1]}, {}, "INVALID_ARGUMENT"),
        ("retail_propensity", 0, {"bounces": [1, 2], "time_on_site": [1, 2, 3]}, {}, "INVALID_ARGUMENT"),
    ],
)
def test_a_refusal_has_the_same_code(
    opened: Opened, model_name: str, version: int, inputs: dict[str, Any], arguments: dict[str, Any], code: str
) -> None:
    kinds = {name: object if isinstance(values[0], bytes) else np.float32 for name, values in inputs.items()}
    arrays = {name: np.array(values, kinds[name]) for name, values in inputs.items()}

    with pytest.raises(PredictionFailed) as caught:
        opened(model_name, version=version).predict(arrays, **arguments)

    assert caught.value.code == code
    assert caught.value.where


def test_an_array_that_cannot_be_sent(opened: Opened) -> None:
    with pytest.raises(PredictionFailed) as caught:
        opened("half_plus_two").predict({"x": np.array([1 + 2j])})

    assert caught.value.code == "INVALID_ARGUMENT"


def test_metadata_of_a_signature_that_is_not_there(opened: Opened) -> None:
    with pytest.raises(PredictionFailed, match="serving_default"):
        opened("half_plus_two").metadata("other")


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_nobody_listening_is_unavailable_when_the_time_is_over(protocol: str) -> None:
    rest_port, grpc_port = free_ports(2)
    endpoint = Endpoint(f"http://127.0.0.1:{rest_port}", f"127.0.0.1:{grpc_port}", "rpm", 1)

    with open_client(endpoint, protocol=protocol, timeout_s=0.5) as client, pytest.raises(PredictionFailed) as caught:
        client.status()

    assert caught.value.code == "UNAVAILABLE"
    assert endpoint.grpc_target in caught.value.where or endpoint.rest_url in caught.value.where


def test_auto_takes_grpc_where_there_is_a_target_and_rest_where_not(many_models: RunningServer) -> None:
    (nobody,) = free_ports(1)
    dead = "http://127.0.0.1:%d" % nobody  # noqa: UP031

    for endpoint in (
        Endpoint(dead, many_models.grpc_target, "half_plus_two", 7),
        Endpoint(many_models.rest_url, "", "half_plus_two", 7),
    ):
        with open_client(endpoint, timeout_s=20) as client:
            assert client.predict({"x": np.array([1], np.float32)})["y"].tolist() == [2.5]


def test_a_protocol_that_is_none_or_has_no_address_is_refused() -> None:
    endpoint = Endpoint("http://127.0.0.1:1", "", "rpm", 1)

    with pytest.raises(InvalidValue, match="soap"):
        open_client(endpoint, protocol="soap")
    with pytest.raises(InvalidValue, match="an address for grpc"):
        open_client(endpoint, protocol="grpc")


class Scripted(http.server.BaseHTTPRequestHandler):
    """Answers with the statuses and bodies of `script`, one after the other."""

    script: list[tuple[int, bytes]]

    def do_GET(self) -> None:
        status, body = self.script.pop(0)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def scripted() -> Iterator[Callable[..., Endpoint]]:
    servers = []

    def start(*script: tuple[int, bytes]) -> Endpoint:
        handler = type("Handler", (Scripted,), {"script": list(script)})
        server = http.server.HTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        return Endpoint(f"http://127.0.0.1:{server.server_port}", "", "rpm", 0)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


STATUS = {
    "model_version_status": [
        {"version": "1", "state": "END", "status": {"error_code": "UNKNOWN", "error_message": "no weights"}},
        {"version": "2", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}},
    ]
}


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_over_rest_a_passing_fault_is_tried_again(scripted: Callable[..., Endpoint], status: int) -> None:
    endpoint = scripted((status, b"busy"), (200, json.dumps(STATUS).encode()))

    with open_client(endpoint, timeout_s=20) as client:
        found = client.status()

    assert [each.version for each in found] == [2, 1]
    assert found[1] == VersionStatus(1, "END", "UNKNOWN", "no weights")


@pytest.mark.parametrize(
    ("answer", "code", "found"),
    [
        ((200, b"<html>"), "INTERNAL", "JSONDecodeError"),
        ((200, b"{}"), "INTERNAL", "model_version_status"),
        ((500, b'{"error": "out of luck"}'), "INTERNAL", "out of luck"),
        ((404, b"<html>nowhere</html>"), "NOT_FOUND", "nowhere"),
    ],
)
def test_an_answer_that_is_none_is_shown(
    scripted: Callable[..., Endpoint], answer: tuple[int, bytes], code: str, found: str
) -> None:
    with open_client(scripted(answer), timeout_s=5) as client, pytest.raises(PredictionFailed) as caught:
        client.status()

    assert caught.value.code == code
    assert found in caught.value.found
