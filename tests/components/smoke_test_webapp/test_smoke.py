"""The smoke test against real models, and against applications and models that misbehave."""

import dataclasses
import math
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests

from components.contracts import Expectations
from components.smoke_test_webapp.smoke import SmokeTest, own_session, smoke_test
from components.smoke_test_webapp.transcript import Transcript
from model.endpoint import Endpoint
from model.errors import SmokeTestFailed
from model.savedmodel import read_saved_model
from model.signature import Signature, TensorSpec
from model.storage import open_storage
from tests import exports
from tests.components.smoke_test_webapp.proxies import tampering_proxy
from tests.webapp.servers import RETAIL, FakeModelServer, free_port, reply, running_webapp, settings

VISITS = [(0.0, 7363.0), (1.0, 0.0), (0.0, 1.5), (12.0, 33.0), (3.0, 1e5), (2.0, 2.0), (7.0, 7.0)]


def probability(bounces: float, time_on_site: float) -> float:
    return 1 / (1 + math.exp(-(0.01615631122322876 - 0.064803 * bounces + 0.00016594 * time_on_site)))


def retail(visits: list[tuple[float, float]]) -> Expectations:
    chances = [probability(*visit) for visit in visits]
    outputs = {
        "predicted_will_buy_on_return_visit": [["1" if chance > 0.5 else "0"] for chance in chances],
        "will_buy_on_return_visit_probs": [[chance, 1 - chance] for chance in chances],
        "will_buy_on_return_visit_values": [["1", "0"] for _ in chances],
    }
    inputs = {"bounces": [visit[0] for visit in visits], "time_on_site": [visit[1] for visit in visits]}
    return Expectations(RETAIL, len(visits), inputs, outputs)


def endpoint(rest_url: str, name: str = "rpm") -> Endpoint:
    return Endpoint(rest_url, "", name, 1)


def signature_of(export: Path) -> Signature:
    saved_model = read_saved_model(str(export), storage=open_storage(str(export)))
    return next(each for each in saved_model.served.signatures if each.name == "serving_default")


def smoke(url: str, *, model: str, expectations: Expectations, name: str = "rpm", **options: Any) -> Any:
    return smoke_test(url, endpoint=endpoint(model, name), expectations=expectations, timeout_s=5, **options)


def test_a_good_release_passes_every_check(webapp_url: str, served_models: str) -> None:
    report = smoke(webapp_url, model=served_models, expectations=retail(VISITS))

    assert report.webapp_url == webapp_url
    assert [exchange.passed for exchange in report.exchanges] == [True] * 8
    assert [exchange.status for exchange in report.exchanges] == [200] * 8
    assert "fields: bounces, time_on_site, mlinference_host" in report.exchanges[0].body
    assert "bounces=0.0&time_on_site=7363.0" in report.exchanges[1].request
    assert '"called": false' in report.exchanges[-1].body


def test_without_calls_the_model_is_left_alone(webapp_url: str, served_models: str) -> None:
    report = smoke(webapp_url, model=served_models, expectations=retail(VISITS), invoke_endpoint=False)

    assert [exchange.check for exchange in report.exchanges] == [
        "the page shows a field for each input",
        "mlinference_check=no calls nothing",
    ]


def test_without_calls_even_a_model_that_is_down_passes(webapp_url: str) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"

    report = smoke(webapp_url, model=nobody, expectations=retail(VISITS), invoke_endpoint=False)

    assert "The fields cannot be shown" in report.exchanges[0].body


def test_every_dtype_passes(webapp_url: str, served_models: str, built: Callable[..., Path]) -> None:
    values: dict[str, list[Any]] = {
        **{f"int{bits}": [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 0] for bits in (8, 16, 32, 64)},
        **{f"uint{bits}": [0, 2**bits - 1, 7] for bits in (8, 16, 32, 64)},
        "float16": [0.1, -2.5, 65504.0],
        "float32": [0.1, 3.4e38, -1e-30],
        "float64": [0.1, 1e300, -1e-300],
        "bool": [True, False, True],
        "string": ["Zoë <&>\nnext line", "", {"b64": "/wD+"}],
    }
    signature = signature_of(built(exports.every_dtype))
    expectations = Expectations(signature, 3, values, {f"{name}_out": column for name, column in values.items()})

    report = smoke(webapp_url, model=served_models, name="every_dtype", expectations=expectations)

    assert len(report.exchanges) == 6


def test_vectors_and_a_single_output_pass(webapp_url: str, served_models: str, built: Callable[..., Path]) -> None:
    vectors = Expectations(
        signature_of(built(exports.vectors)),
        1,
        {"column": [[1.0]], "features": [[1, 2, 3, 4.5]], "matrix": [[[1, 2], [3, 4]]], "words": [["a,b", "[", "é"]]},
        {
            "total": [11.5],
            "features_doubled": [[2, 4, 6, 9]],
            "transposed": [[[1, 3], [2, 4]]],
            "joined": [["a,b [ é"]],
        },
    )
    keras = Expectations(signature_of(built(exports.keras_model)), 1, {"features": [[0.0] * 4]}, {"output_0": [[0.5]]})

    for name, expectations in {"vectors": vectors, "keras_model": keras}.items():
        assert len(smoke(webapp_url, model=served_models, name=name, expectations=expectations).exchanges) == 4


def test_a_prediction_that_differs_fails_with_both_values(webapp_url: str, served_models: str) -> None:
    right = retail(VISITS)
    probs = [list(each) for each in right.outputs["will_buy_on_return_visit_probs"]]
    probs[2][0] += 0.001
    wrong = dataclasses.replace(right, outputs={**right.outputs, "will_buy_on_return_visit_probs": probs})

    with pytest.raises(SmokeTestFailed) as failed:
        smoke(webapp_url, model=served_models, expectations=wrong)

    assert "row 3" in failed.value.where
    assert "bounces=0.0&time_on_site=1.5" in failed.value.where
    assert "output will_buy_on_return_visit_probs" in failed.value.found


@pytest.fixture
def fake() -> Iterator[FakeModelServer]:
    with FakeModelServer().running() as server:
        yield server


def base(server: FakeModelServer) -> str:
    return f"http://{server.host}"


def honest(handler: BaseHTTPRequestHandler, body: Any) -> None:
    row = body["instances"][0]
    outputs = retail([(row["bounces"], row["time_on_site"])]).outputs
    reply(handler, {"predictions": [{name: column[0] for name, column in outputs.items()}]})


def test_a_model_that_refuses_fails_with_its_own_words(fake: FakeModelServer) -> None:
    fake.predict = lambda handler, _: reply(handler, {"error": "out of memory"}, status=500)

    with running_webapp(settings(fake.url)) as url, pytest.raises(SmokeTestFailed, match=r"status 502.*out of memory"):
        smoke(url, model=base(fake), expectations=retail(VISITS))


def test_a_model_without_the_signature_fails_before_any_prediction(fake: FakeModelServer) -> None:
    fake.signatures = (dataclasses.replace(RETAIL, inputs=(TensorSpec("pageviews", "float32", (-1,)),)),)

    with running_webapp(settings(fake.url)) as url, pytest.raises(SmokeTestFailed, match="fields pageviews"):
        smoke(url, model=base(fake), expectations=retail(VISITS))

    assert fake.calls == []


def test_a_model_off_the_allow_list_fails_with_the_list(fake: FakeModelServer) -> None:
    elsewhere = "http://rpm-candidate.models.svc.cluster.local"

    with running_webapp(settings(fake.url)) as url, pytest.raises(SmokeTestFailed, match=r"status 403.*allow list"):
        smoke(url, model=elsewhere, expectations=retail(VISITS))


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda fields, answer: {**answer, "called": True} if "=no" in fields else answer, "calls nothing"),
        (lambda fields, answer: {**answer, "predictions": []} if "=yes" in fields else answer, "row 1"),
        (lambda fields, answer: {**answer, "called": False}, "row 1"),
        (lambda fields, answer: [], "row 1"),
        (lambda fields, answer: b"<html>", "row 1"),
    ],
)
def test_an_application_that_answers_otherwise_fails(fake: FakeModelServer, change: Any, check: str) -> None:
    fake.predict = honest

    with (
        running_webapp(settings(fake.url)) as url,
        tampering_proxy(url, change) as tampered,
        pytest.raises(SmokeTestFailed) as failed,
    ):
        smoke(tampered, model=base(fake), expectations=retail(VISITS))

    assert check in failed.value.where


def test_an_application_that_shows_other_values_fails(fake: FakeModelServer) -> None:
    fake.predict = honest

    def change(_: str, answer: Any) -> Any:
        return answer.replace(b'value="0.77', b'value="0.78') if isinstance(answer, bytes) else answer

    with (
        running_webapp(settings(fake.url)) as url,
        tampering_proxy(url, change) as tampered,
        pytest.raises(SmokeTestFailed, match=r"the page shows the answer to row 1.*in the page"),
    ):
        smoke(tampered, model=base(fake), expectations=retail(VISITS))


def test_an_application_that_is_not_there_yet_is_waited_for(fake: FakeModelServer) -> None:
    fake.predict = honest
    waited = threading.Event()
    tries: list[str] = []

    class Patient(requests.Session):
        """Names an address at which nothing listens until the third try."""

        def get(self, url: str | bytes, **options: Any) -> requests.Response:
            tries.append(str(url))
            return super().get(url if len(tries) > 2 else f"http://127.0.0.1:{free_port()}/", **options)

    with running_webapp(settings(fake.url)) as url, Patient() as session:
        transcript = Transcript(session, sleep=lambda _: waited.set())
        test = SmokeTest(url, endpoint=endpoint(base(fake)), expectations=retail(VISITS), transcript=transcript)
        test.run(invoke_endpoint=True, timeout_s=20)

    assert waited.is_set()
    assert len(tries) == 3


def test_an_application_that_never_comes_fails_with_its_address_and_the_reason() -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    address = f"http://127.0.0.1:{free_port()}"
    with own_session() as session:
        transcript = Transcript(session, clock=lambda: now[0], sleep=sleep)
        test = SmokeTest(address, endpoint=endpoint(address), expectations=retail(VISITS), transcript=transcript)
        with pytest.raises(SmokeTestFailed, match=r"nothing after 3 s.*[Rr]efused") as failed:
            test.run(invoke_endpoint=True, timeout_s=3)

    assert address in failed.value.where
    assert 3 <= now[0] < 4
    assert test.report().exchanges[0].passed is False
