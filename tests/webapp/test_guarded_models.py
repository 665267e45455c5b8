"""The web application before a real model server behind a gateway with TLS, tokens and host names."""

import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.model.certificates import Authority
from tests.model.gateway import Gateway
from tests.webapp.servers import FakeModelServer, reply, running_webapp, settings
from tests.webapp.test_process import run, started

FORM = "/ecommerce/mlinference"
ROW = {"bounces": "0", "time_on_site": "7363"}
TOKEN = "tok-2f6c0b7e94"
AUTHORITY, STRANGER = Authority(), Authority("another authority")

Start = Callable[..., Gateway]


@pytest.fixture
def access(tmp_path: Path) -> list[str]:
    """Flags that name the right token and authority."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "ca.crt").write_bytes(AUTHORITY.pem)
    return ["--token-file", str(tmp_path / "token"), "--ca-file", str(tmp_path / "ca.crt")]


@pytest.fixture
def start(served_models: str, tmp_path: Path) -> Iterator[Start]:
    with contextlib.ExitStack() as running:

        def start_one(*names: str, host: str = "") -> Gateway:
            """names: those that its certificate is for; without any, no TLS."""
            certified = AUTHORITY.certify(*names) if names else None
            gateway = Gateway(served_models, certified=certified, host=host, tokens={TOKEN})
            return running.enter_context(gateway.running(tmp_path))

        yield start_one


def url_of(gateway: Gateway, model: str = "rpm") -> str:
    return f"{gateway.rest_url}/v1/models/{model}:predict"


def ask(url: str, *, accept: str = "application/json", **fields: str) -> requests.Response:
    return requests.post(url + FORM, data={**ROW, **fields}, headers={"Accept": accept}, timeout=30)


@pytest.mark.parametrize("names", [(), ("*.example.com",)], ids=["http", "https"])
def test_token_authority_and_host_open_the_model(start: Start, access: list[str], names: tuple[str]) -> None:
    gateway = start(*names, host="rpm-models.example.com")
    header = ["--model-host-header", "{model}-models.example.com"]

    with running_webapp(settings(url_of(gateway), *access, *header)) as url:
        answer = ask(url)
        other = ask(url, mlinference_host=url_of(gateway, "churn"))

    assert answer.json()["predictions"][0]["will_buy_on_return_visit_probs"][0] == pytest.approx(0.775, abs=5e-4)
    assert "no route for churn-models.example.com" in other.json()["error"]
    assert ("rpm-models.example.com", f"Bearer {TOKEN}") in gateway.seen


@pytest.mark.parametrize(
    ("token", "do"),
    [
        ("tok-of-yesterday", "Has the token in {} expired"),
        ("tok-of-somebody", "may its owner call this model?"),
        ("tok-\nof two lines", "a token of visible ASCII characters"),
        (None, "No token was sent: put one into {}."),
    ],
)
def test_a_refused_token_is_named_by_its_file_and_shown_nowhere(
    token: str | None, do: str, start: Start, access: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway = start("127.0.0.1")
    gateway.forbidden = {"tok-of-somebody"}
    (tmp_path / "token").write_text(token) if token else (tmp_path / "token").unlink()

    with running_webapp(settings(url_of(gateway), *access)) as url:
        answers = [ask(url), ask(url, accept="text/html"), requests.get(url + FORM, timeout=30)]

    assert [answer.status_code for answer in answers] == [502, 502, 200]
    assert do.format(tmp_path / "token") in answers[0].json()["error"]
    assert "tok-" not in "".join(answer.text for answer in answers) + caplog.text


def test_the_log_of_the_process_does_not_show_the_token(start: Start, access: list[str]) -> None:
    gateway = start()
    gateway.tokens = set()

    with started("--model-url", url_of(gateway), *access) as (process, url):
        ask(url)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)

    assert f"Bearer {TOKEN}" in gateway.seen[0]
    assert "refused: " in log
    assert TOKEN not in log


def test_a_server_that_nobody_vouches_for_is_told_no_token(start: Start, access: list[str], tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(STRANGER.pem)
    gateway = start("127.0.0.1")

    with running_webapp(settings(url_of(gateway), *access)) as url:
        answer = ask(url)

    assert answer.status_code == 502
    assert f"its authority in {tmp_path / 'ca.crt'}?" in answer.json()["error"]
    assert gateway.seen == []


def test_a_certificate_for_another_host(start: Start, access: list[str]) -> None:
    gateway = start("rpm-models.example.com")

    with running_webapp(settings(url_of(gateway), *access, "--model-host-header", "another.example.com")) as url:
        answer = ask(url)

    assert "Is the certificate for the host called" in answer.json()["error"]
    assert gateway.seen == []


def test_a_new_token_is_used_from_the_next_call_on(start: Start, access: list[str], tmp_path: Path) -> None:
    gateway = start("127.0.0.1")

    with running_webapp(settings(url_of(gateway), *access)) as url:
        before = ask(url)
        gateway.tokens = {"tok-new"}
        (tmp_path / "token").write_text("tok-new")
        after = ask(url)

    assert (before.status_code, after.status_code) == (200, 200)


def test_host_and_token_go_to_the_gateway_and_no_further(
    start: Start, access: list[str], fake_model: FakeModelServer
) -> None:
    """Neither by a redirect, nor to a host that is not allowed; and another address gets its own name as Host."""
    hosts: list[str] = []
    fake_model.predict = lambda handler, _: (
        hosts.append(handler.headers["Host"]),
        reply(handler, {"predictions": [{}]}),
    )
    gateway = start()
    gateway.redirect_to = fake_model.url.removesuffix("/v1/models/rpm:predict")
    port = gateway.rest_url.rpartition(":")[2]
    flags = [*access, "--model-host-header", "gateway.example.com", "--allow-host", f"127.0.0.1:{port}"]

    with running_webapp(settings(url_of(gateway), *flags)) as url:
        redirected = ask(url)
        forbidden = ask(url, mlinference_host=fake_model.url)
    with running_webapp(settings(url_of(gateway), *flags, "--allow-host", "127.0.0.1")) as url:
        ask(url, mlinference_host=fake_model.url)

    assert gateway.seen[0] == ("gateway.example.com", f"Bearer {TOKEN}")
    assert "redirect" in redirected.json()["error"]
    assert forbidden.status_code == 403
    assert hosts == [fake_model.host]


def test_a_file_of_authorities_that_holds_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("none")

    done = run("--ca-file", str(tmp_path / "ca.crt"))

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"{tmp_path / 'ca.crt'}: expected certificates in PEM; found ")


class ClosesKeptConnections(BaseHTTPRequestHandler):
    """Answers the first request on a connection, and hangs up at the second."""

    protocol_version = "HTTP/1.1"
    model: FakeModelServer

    def do_GET(self) -> None:
        self._answer(lambda: self.model._metadata(self))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(lambda: reply(self, {"predictions": [{"y": 1}]}))

    def _answer(self, answer: Callable[[], None]) -> None:
        self.close_connection = hasattr(self, "answered")
        if not self.close_connection:
            self.answered = True
            answer()

    def log_message(self, *_: Any) -> None:
        pass


def test_a_request_on_a_connection_that_the_server_closes_is_sent_again(fake_model: FakeModelServer) -> None:
    handler = type("Handler", (ClosesKeptConnections,), {"model": fake_model})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        model_url = f"http://127.0.0.1:{server.server_port}/v1/models/rpm:predict"
        with running_webapp(settings(model_url)) as url:
            answers = [ask(url) for _ in range(3)]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

    assert [answer.status_code for answer in answers] == [200] * 3


@pytest.mark.parametrize("quote", [lambda token: {"error": token}, lambda token: b"." * 185 + token.encode()])
def test_a_token_that_a_model_server_quotes_is_cut_out(
    quote: Callable[[str], Any], access: list[str], fake_model: FakeModelServer
) -> None:
    fake_model.predict = lambda handler, _: reply(handler, quote(handler.headers["Authorization"]), status=400)

    with running_webapp(settings(fake_model.url, *access)) as url:
        error = ask(url).json()["error"]

    assert "status 400" in error
    assert TOKEN[:4] not in error
