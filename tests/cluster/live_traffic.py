"""Clients that ask a live model without pause, and remember every answer: over REST on kept and on new connections, and
over gRPC on a kept channel. None of them tries anything again."""

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from model.endpoint import Endpoint
from model.errors import PredictionFailed
from model.grpc_transport import GrpcTransport

KEPT, NEW, GRPC = "kept connection", "new connection", "kept gRPC channel"
#: Few, since clients, both pods and the API server share two cores.
CLIENTS = (KEPT, KEPT, NEW, NEW, GRPC)
OUTPUT = "will_buy_on_return_visit_probs"
TIMEOUT_S = 10.0
_BODY = json.dumps({"signature_name": "serving_default", "instances": [{"bounces": [0], "time_on_site": [7363]}]})
_INPUTS = {"bounces": np.zeros(1, np.float32), "time_on_site": np.full(1, 7363, np.float32)}
#: Asks once. What it gives is the probability that the sample model answers for one visit.
Ask = Callable[[], float]


@dataclass(frozen=True)
class Answer:
    """asked_s: on the monotonic clock."""

    asked_s: float
    probability: float


@dataclass
class Client:
    """One client, in a thread of its own."""

    kind: str
    answers: list[Answer] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def run(self, ask: Ask, *, since_s: float, over: threading.Event) -> None:
        while not over.is_set():
            asked_s = time.monotonic()
            try:
                self.answers.append(Answer(asked_s, ask()))
            except (OSError, http.client.HTTPException, PredictionFailed, ValueError, LookupError) as error:
                lasted_s = time.monotonic() - asked_s
                self.failures.append(f"{self.kind}, {asked_s - since_s:.2f} s, after {lasted_s:.3f} s: {error!r}")


@dataclass(frozen=True)
class Traffic:
    clients: tuple[Client, ...]

    @property
    def requests(self) -> int:
        return sum(len(each.answers) + len(each.failures) for each in self.clients)

    @property
    def failures(self) -> list[str]:
        return [failure for each in self.clients for failure in each.failures]

    @property
    def answers(self) -> list[Answer]:
        return [answer for each in self.clients for answer in each.answers]

    def answered(self, kind: str) -> int:
        return sum(len(each.answers) for each in self.clients if each.kind == kind)


@contextmanager
def traffic(address: str, model_name: str) -> Iterator[Traffic]:
    """Asks the model without pause while the block runs. address: of its Service."""
    flowing, over, started_s = Traffic(tuple(map(Client, CLIENTS))), threading.Event(), time.monotonic()
    with contextlib.ExitStack() as stack:
        threads = []
        for each in flowing.clients:
            ask = stack.enter_context(_OPEN[each.kind](address, model_name))
            asking = {"since_s": started_s, "over": over}
            threads.append(threading.Thread(target=each.run, args=[ask], kwargs=asking, daemon=True))
        for thread in threads:
            thread.start()
        try:
            yield flowing
        finally:
            over.set()
            for thread in threads:
                thread.join()


@contextmanager
def _kept(address: str, model_name: str) -> Iterator[Ask]:
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT_S)

    def ask() -> float:
        try:
            return _asked(connection, model_name)
        except (OSError, http.client.HTTPException):
            connection.close()  # the next request opens another one
            raise

    with contextlib.closing(connection):
        yield ask


@contextmanager
def _new(address: str, model_name: str) -> Iterator[Ask]:
    def ask() -> float:
        with contextlib.closing(http.client.HTTPConnection(address, timeout=TIMEOUT_S)) as connection:
            return _asked(connection, model_name)

    yield ask


def _asked(connection: http.client.HTTPConnection, model_name: str) -> float:
    connection.request("POST", f"/v1/models/{model_name}:predict", _BODY, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != http.client.OK:
        raise ValueError(f"{answer.status} {text[:500]!r}")
    return float(json.loads(text)["predictions"][0][OUTPUT][0])


@contextmanager
def _grpc(address: str, model_name: str) -> Iterator[Ask]:
    transport = GrpcTransport(Endpoint(f"http://{address}", f"{address}:9000", model_name, version=0))

    def ask() -> float:
        answer = transport.predict(_INPUTS, signature_name="serving_default", outputs=[OUTPUT], timeout_s=TIMEOUT_S)
        return float(answer[OUTPUT][0][0])

    with contextlib.closing(transport):
        yield ask


_OPEN = {KEPT: _kept, NEW: _new, GRPC: _grpc}
