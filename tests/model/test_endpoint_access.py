"""A real model server behind a gateway with TLS, tokens and host names; one suite for both protocols."""

import contextlib
import logging
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import requests

from model.endpoint import Endpoint
from model.endpoint_access import VARIABLE, session_for
from model.errors import InvalidValue, PredictionFailed
from model.prediction_client import PredictionClient, open_client
from tests.model.certificates import Authority
from tests.model.gateway import Gateway
from tests.servers import RunningServer

TOKEN = "tok-2f6c0b7e94"
HOST = "half-plus-two-models.example.com"
AUTHORITY, STRANGER = Authority(), Authority("another authority")
X = {"x": np.array([1, 2, 5], np.float32)}

Opened = Callable[..., PredictionClient]


@pytest.fixture(params=["grpc", "rest"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory with the right token and authority."""
    directory = tmp_path / "access"
    directory.mkdir()
    (directory / "token").write_text(f"{TOKEN}\n")
    (directory / "ca.crt").write_bytes(AUTHORITY.pem)
    monkeypatch.setenv(VARIABLE, str(directory))
    return directory


@pytest.fixture
def start(many_models: RunningServer, tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Starts gateways before the model server."""
    with contextlib.ExitStack() as running:

        def start_one(*names: str, host: str = "") -> Gateway:
            """names: those that its certificate is for; without any, no TLS."""
            certified = AUTHORITY.certify(*names) if names else None
            gateway = Gateway(many_models.rest_url, many_models.grpc_target, certified, host=host, tokens={TOKEN})
            return running.enter_context(gateway.running(tmp_path))

        yield start_one


@pytest.fixture
def opened(protocol: str) -> Iterator[Opened]:
    with contextlib.ExitStack() as clients:

        def open_one(gateway: Gateway, *, host: str = "") -> PredictionClient:
            target = gateway.grpc_target if protocol == "grpc" else ""
            endpoint = Endpoint(gateway.rest_url, target, "half_plus_two", 7, host=host)
            return clients.enter_context(open_client(endpoint, timeout_s=20))

        yield open_one


def refused(client: PredictionClient) -> PredictionFailed:
    """The refusal of one call, which must have come without further attempts."""
    started = time.monotonic()
    with pytest.raises(PredictionFailed) as caught:
        client.predict(X)
    assert time.monotonic() - started < 10
    return caught.value


@pytest.mark.parametrize("names", [(), (HOST,)], ids=["http", "https"])
def test_token_authority_and_host_open_the_model(
    opened: Opened, start: Callable[..., Gateway], names: tuple[str]
) -> None:
    gateway = start(*names, host=HOST)

    answer = opened(gateway, host=HOST).predict(X)

    assert answer["y"].tolist() == [2.5, 3.0, 4.5]
    assert set(gateway.seen) == {(HOST, f"Bearer {TOKEN}")}


def test_a_host_with_a_port(opened: Opened, start: Callable[..., Gateway]) -> None:
    gateway = start(HOST, host=f"{HOST}:8443")

    assert opened(gateway, host=f"{HOST}:8443").predict(X)["y"].tolist() == [2.5, 3.0, 4.5]


def test_without_a_host_the_address_itself_is_certified(opened: Opened, start: Callable[..., Gateway]) -> None:
    gateway = start("127.0.0.1")

    assert opened(gateway).predict(X)["y"].tolist() == [2.5, 3.0, 4.5]


@pytest.mark.parametrize(
    ("token", "code", "do"),
    [
        ("tok-of-yesterday", "UNAUTHENTICATED", "Has the token in {} expired"),
        ("tok-of-somebody", "PERMISSION_DENIED", "may its owner call this model?"),
        (None, "UNAUTHENTICATED", "No token was sent: put one into {}."),
    ],
)
def test_a_refused_token_is_named_by_its_file_and_shown_nowhere(
    token: str | None,
    code: str,
    do: str,
    opened: Opened,
    start: Callable[..., Gateway],
    access: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway = start("127.0.0.1")
    gateway.forbidden = {"tok-of-somebody"}
    (access / "token").write_text(token) if token else (access / "token").unlink()

    error = refused(opened(gateway))

    assert error.code == code
    assert do.format(access / "token") in error.do
    assert len(gateway.seen) == 1
    assert "may not call" in error.found or "unknown token" in error.found
    assert "tok-" not in "".join(traceback.format_exception(error)) + repr(error.fields())
    assert "tok-" not in caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize("authority", ["another's", "none", "no certificate"])
def test_a_server_that_nobody_vouches_for_is_told_no_token(
    authority: str, opened: Opened, start: Callable[..., Gateway], access: Path
) -> None:
    gateway = start("127.0.0.1")
    path = access / "ca.crt"
    path.write_bytes({"another's": STRANGER.pem}.get(authority, b"no certificate"))
    if authority == "none":
        path.unlink()

    error = refused(opened(gateway))

    assert error.code == "UNAUTHENTICATED"
    assert f"its authority in {path}?" in error.do
    assert gateway.seen == []


def test_a_certificate_for_another_host(opened: Opened, start: Callable[..., Gateway]) -> None:
    gateway = start(HOST)

    error = refused(opened(gateway, host="another.example.com"))

    assert error.code == "UNAUTHENTICATED"
    assert "certificate for the host called" in error.do
    assert gateway.seen == []


def test_a_host_that_the_gateway_does_not_know(opened: Opened, start: Callable[..., Gateway]) -> None:
    gateway = start(host=HOST)

    assert refused(opened(gateway, host="another.example.com")).code == "NOT_FOUND"


def test_a_new_token_is_used_from_the_next_call_on(opened: Opened, start: Callable[..., Gateway], access: Path) -> None:
    gateway = start("127.0.0.1")
    client = opened(gateway)
    client.predict(X)

    gateway.tokens = {"tok-new"}
    (access / "token").write_text("tok-new")

    assert client.predict(X)["y"].tolist() == [2.5, 3.0, 4.5]
    assert gateway.seen[-1][1] == "Bearer tok-new"


@pytest.mark.parametrize("written", [b"tok-\nsecond line", b"tok-\xff", "tok-ключ".encode(), b"tok- spaced", None])
def test_a_token_that_no_header_can_carry_is_refused_without_being_shown(
    written: bytes | None, opened: Opened, start: Callable[..., Gateway], access: Path
) -> None:
    gateway = start("127.0.0.1")
    (access / "token").unlink()
    (access / "token").write_bytes(written) if written else (access / "token").mkdir()

    with pytest.raises(InvalidValue, match=str(access / "token")) as caught:
        opened(gateway).predict(X)

    assert "tok-" not in str(caught.value)
    assert gateway.seen == []


@pytest.fixture
def elsewhere(many_models: RunningServer, tmp_path: Path) -> Iterator[Gateway]:
    with Gateway(many_models.rest_url, tokens={TOKEN}).running(tmp_path) as gateway:
        yield gateway


def test_a_redirect_takes_the_token_nowhere(start: Callable[..., Gateway], elsewhere: Gateway) -> None:
    gateway = start()
    gateway.redirect_to = elsewhere.rest_url
    endpoint = Endpoint(gateway.rest_url, "", "half_plus_two", 7)

    with open_client(endpoint, timeout_s=20) as client:
        error = refused(client)
    with session_for(endpoint) as session:
        answer = session.get(f"{gateway.rest_url}/v1/models/half_plus_two", timeout=20)

    assert error.code == "UNIMPLEMENTED"
    assert f"HTTP status 307: {elsewhere.rest_url}" in error.found
    assert answer.status_code == 307
    assert elsewhere.seen == []


def test_others_ask_through_the_same_session(start: Callable[..., Gateway]) -> None:
    gateway = start(HOST, host=HOST)
    with session_for(Endpoint(gateway.rest_url, "", "half_plus_two", 7, host=HOST)) as session:
        answer = session.get(f"{gateway.rest_url}/v1/models/half_plus_two", timeout=20)
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{gateway.rest_url}/v1/models/half_plus_two", timeout=20)

    assert answer.json()["model_version_status"][0]["state"] == "AVAILABLE"
