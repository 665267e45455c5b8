"""Asking the API server: answers, refusals, and silence."""

import pytest

from components.platforms.kubernetes.connection import INFERENCE_SERVICES
from pipeline.cluster_check.api_server import NAMESPACES, ApiServer, Unreachable, answer_of, poll
from tests.pipeline.cluster_check.fake_cluster import NAMESPACE, asked, complete, forbidden


def test_what_stands_there_is_answered() -> None:
    with asked(complete()) as server:
        answer = server.get(NAMESPACES, NAMESPACE, namespace="")

    assert answer.ok
    assert answer.body["metadata"]["name"] == NAMESPACE


def test_what_does_not_is_an_answer_too() -> None:
    with asked(complete()) as server:
        answer = server.get(INFERENCE_SERVICES, "none")

    assert answer.absent
    assert answer.body == {}
    assert answer.refusal == '404: "none" not found'


def test_a_missing_right_is_told_in_short() -> None:
    cluster = complete()
    cluster.answers["/api/v1/namespaces/mlops"] = forbidden("get", "namespaces")

    with asked(cluster) as server:
        answer = server.get(NAMESPACES, NAMESPACE, namespace="")

    assert answer.refusal == "whoever asks may not get namespaces"


def test_an_admission_webhooks_refusal_keeps_its_words() -> None:
    body = b'{"kind": "Status", "status": "Failure", "message": "admission webhook \\"x\\" denied the request: no"}'

    assert answer_of(403, body).refusal == '403: admission webhook "x" denied the request: no'


def test_what_is_no_json_is_told_as_it_came() -> None:
    assert answer_of(502, b"<html>bad\n gateway").refusal == "502: <html>bad gateway"


def test_a_fault_is_told_at_once_not_tried_again() -> None:
    cluster = complete()
    cluster.answers["/version"] = (500, {"message": "down"})

    with asked(cluster) as server:
        answer = server.ask("GET", "/version")

    assert answer.refusal == "500: down"
    assert cluster.asked == [("GET", "/version")]


def test_silence_names_its_cause_and_the_address() -> None:
    with asked(complete()) as server:
        gone: ApiServer = server

    with pytest.raises(Unreachable, match=r"127\.0\.0\.1.*no answer: .*Connection refused"):
        gone.ask("GET", "/version")


def test_polling_looks_before_it_sleeps_and_ends_with_the_time() -> None:
    slept: list[float] = []

    at_once = poll(lambda: 1, timeout_s=0, clock=lambda: 0.0, sleep=slept.append)
    never: int | None = poll(lambda: None, timeout_s=1.0, clock=lambda: sum(slept), sleep=slept.append)

    assert (at_once, never) == (1, None)
    assert sum(slept) == 1.0
