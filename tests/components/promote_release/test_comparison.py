"""Comparing a live service's answers, while pods of the former release still answer some calls."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from components.contracts import Expectations
from components.promote_release.comparison import differences
from model.endpoint import Endpoint
from model.errors import PredictionFailed
from model.signature import Signature, TensorSpec

SIGNATURE = Signature(
    "serving_default",
    "tensorflow/serving/predict",
    inputs=(TensorSpec("x", "float32", (-1,)),),
    outputs=(TensorSpec("y", "float32", (-1,)), TensorSpec("z", "float32", (-1,))),
)
EXPECTED = Expectations(SIGNATURE, rows=1, inputs={"x": [1.0]}, outputs={"y": [2.5], "z": [0.5]})


class Service(BaseHTTPRequestHandler):
    """A Service with pods of two releases behind it: a connection stays with its pod. `status`: of the former one's."""

    protocol_version = "HTTP/1.1"
    former: ClassVar[int]
    status: ClassVar[int]
    connections: ClassVar[int] = 0

    def setup(self) -> None:
        super().setup()
        type(self).connections += 1
        self.is_former = self.connections <= self.former

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = {"error": "Servable not found"} if self.is_former else {"outputs": {"y": [2.5], "z": [0.75]}}
        data = json.dumps(answer).encode()
        self.send_response(self.status if self.is_former else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def service(*, former: int, status: int) -> Iterator[Endpoint]:
    """former: so many connections lead to the former release's pod."""
    handler = type("Handler", (Service,), {"former": former, "status": status})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield Endpoint(f"http://127.0.0.1:{server.server_address[1]}", "", "rpm", version=2)
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_pod_of_the_former_release_is_not_taken_for_the_service() -> None:
    with service(former=3, status=404) as endpoint:
        found = differences(endpoint, EXPECTED, timeout_s=20)

    assert found == ["output z: expected [0.5], found [0.75]"]


def test_what_the_server_refuses_is_not_asked_again() -> None:
    with (
        service(former=1, status=400) as endpoint,
        pytest.raises(PredictionFailed, match="Servable not found") as caught,
    ):
        differences(endpoint, EXPECTED, timeout_s=20)

    assert caught.value.code == "INVALID_ARGUMENT"


def test_a_version_that_nobody_knows_is_told_in_the_end() -> None:
    with service(former=1000, status=404) as endpoint, pytest.raises(PredictionFailed, match="Servable not found"):
        differences(endpoint, EXPECTED, timeout_s=0.5)
