"""Calls to a server that is silent, slow or garbled, or says again what it was sent."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from pipeline.kubeflow import transport
from tests.kfp_standin.server import Standin
from tests.pipeline.kubeflow.commands import RELEASE, Outcome, run, schedule
from tests.servers import answering_with, saying

SECRET = "s3cr3t-of-somebody"
HEALTHY = b'{"multi_user": false}'


def list_schedules(endpoint: str, *arguments: str, **environment: str) -> Outcome:
    return run("schedule", "--list", *arguments, endpoint=endpoint, environment=environment)


@pytest.mark.parametrize(
    "content", [f"{SECRET}\nmore".encode(), f"{SECRET} more".encode(), b"\xff\xfe" + b"a" * 9, b""]
)
def test_a_token_file_that_no_header_can_hold_is_told_and_not_quoted(
    standin: Standin, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)

    done = list_schedules(standin.url, KF_PIPELINES_SA_TOKEN_PATH=str(path))

    assert done.status == 2
    assert done.err.startswith(f"InvalidValue: {path}: expected ")
    assert SECRET not in done.err


def test_a_kept_cookie_that_no_header_can_hold_is_told_and_not_quoted(standin: Standin, tmp_path: Path) -> None:
    kept = {"namespace": "", "client_authentication_cookie": f"session={SECRET}\r\nX: y"}
    (tmp_path / "context.json").write_text(json.dumps(kept))

    done = list_schedules(standin.url)

    assert done.status == 2
    assert "client_authentication_cookie" in done.err
    assert SECRET not in done.err


def test_a_token_of_a_kubeconfig_that_no_header_can_hold_is_told_and_not_quoted(
    standin: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, user = {"server": standin.url}, {"token": f"{SECRET}\nmore"}
    context = {"cluster": "c", "user": "u"}
    config = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": context}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
    }
    path = tmp_path / "config"
    path.write_text(json.dumps(config))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))

    done = list_schedules("")

    assert done.status == 2
    assert "the header Authorization" in done.err
    assert SECRET not in done.err


def test_a_redirect_is_told_without_what_follows_its_path() -> None:
    for location in (f"/x?token={SECRET}#a", f"/x#token={SECRET}", f"/login?token={SECRET}"):
        with answering_with(saying(302, b"", Location=location)) as url:
            done = list_schedules(url)

        assert done.status == 1
        assert "a redirect to" in done.err
        assert SECRET not in done.err


def test_a_server_that_says_again_what_it_was_sent_is_quoted_without_it() -> None:
    def reflect(handler: BaseHTTPRequestHandler) -> None:
        saying(418, json.dumps({"code": 1, "message": f"no tea for {handler.headers}"}).encode())(handler)

    with answering_with(reflect) as url:
        by_token = list_schedules(url, "--existing-token", SECRET)
        by_cookie = list_schedules(url, "--cookies", f"a=b; session={SECRET}")

    for done in (by_token, by_cookie):
        assert "no tea for" in done.err
        assert SECRET not in done.err


def test_a_server_that_is_silent_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "READ_TIMEOUT_S", 0.5)
    monkeypatch.setattr(transport, "TOLD_AFTER_S", 0.1)
    asked, over = [], threading.Event()

    def stay_silent(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        over.wait(10)

    with answering_with(stay_silent) as url:
        done = list_schedules(url)
        over.set()

    assert done.status == 1
    assert "no answer in time" in done.err
    assert done.err.startswith(f"  waiting for an answer of {url}\n")
    assert len(asked) == 1


def test_the_longest_silence_is_a_third_of_a_minute() -> None:
    assert transport.READ_TIMEOUT_S <= 20


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_for_minutes_is_not_waited_for(status: int) -> None:
    begun = time.monotonic()

    with answering_with(saying(status, b"later", Retry_After="8")) as url:
        done = list_schedules(url)

    assert done.status == 1
    assert f"HTTP {status}: later" in done.err
    assert time.monotonic() - begun < 6


@pytest.mark.parametrize("in_headers", [True, False])
def test_an_answer_drop_by_drop_has_an_end(monkeypatch: pytest.MonkeyPatch, in_headers: bool) -> None:
    monkeypatch.setattr(transport, "CALL_TIMEOUT_S", 0.5)
    monkeypatch.setattr(transport, "TOLD_AFTER_S", 0.4)
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"X: " if in_headers else b"Content-Length: 9999\r\n\r\n"))
        while not over.wait(0.05):
            handler.wfile.write(b" ")

    with answering_with(drip) as url:
        done = list_schedules(url)
        over.set()

    assert done.status == 1
    assert "no answer in time" in done.err


@pytest.mark.parametrize("garbled", ["", "ok", "null", "[]", "3", '"text"', "[" * 100_000, '{"cut'])
def test_what_is_no_json_object_is_no_empty_list(standin: Standin, garbled: str) -> None:
    standin.store.list_recurring_runs = lambda query: garbled  # type: ignore[method-assign]

    listed = list_schedules(standin.url)
    made = schedule(standin, "--interval", "1h", *RELEASE)

    assert (listed.status, made.status) == (1, 1)
    assert listed.err.startswith("NotTheBackend: ")
    assert not listed.out
    assert not standin.store.recurring_runs


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"null", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"multi_user": "\xff"}', "application/json"),
        (HEALTHY, "application/json; charset=nonsense"),
        (b'{"multi_user": {}', "application/json"),
    ],
)
def test_a_garbled_first_answer_is_explained(body: bytes, kind: str) -> None:
    with answering_with(saying(200, body, Content_Type=kind)) as url:
        done = list_schedules(url)

    assert done.status == 1
    assert done.err.startswith(f"NotTheBackend: {url}: ")
