"""How a server ends: what Kubernetes does with a pod, and what its clients see of it."""

import contextlib
import http.client
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from model.server.config import ServedModel
from tests.model.server import handover
from tests.model.server.handover import Load, Service
from tests.servers import RunningServer, base_path, running_model_server

DRAIN_S = 3


@contextlib.contextmanager
def two_servers(directory: Path, export: Path, *flags: str) -> Iterator[tuple[RunningServer, RunningServer]]:
    model = ServedModel("half_plus_two", base_path(directory / "half_plus_two", {1: export}))
    with contextlib.ExitStack() as started:
        servers = []
        for name in ("old", "new"):
            (directory / name).mkdir()
            servers.append(started.enter_context(running_model_server(directory / name, [model], flags=flags)))
        yield servers[0], servers[1]


@contextlib.contextmanager
def called_without_pause(server: RunningServer) -> Iterator[tuple[Load, Service, Service]]:
    """Clients of the server's REST and gRPC through a Service each. They try nothing again."""
    load = Load()
    with (
        Service(server.rest_url.removeprefix("http://")).running() as rest,
        Service(server.grpc_target).running() as grpc,
    ):
        for _ in range(3):
            load.client("kept", handover.on_a_kept_connection(rest.address))
            load.client("kept, used now and then", handover.on_a_kept_connection(rest.address), pause_s=0.2)
            load.client("new", handover.on_new_connections(rest.address))
            load.client("gRPC", handover.on_a_channel(grpc.address))
            load.client("gRPC, used now and then", handover.on_a_channel(grpc.address), pause_s=0.2)
        # Well apart from the moment in which an idle connection is closed: what is sent just then, nobody can save.
        idle = handover.on_a_kept_connection(rest.address)
        load.client("kept, idle while the old server ends", idle, pause_s=2 * DRAIN_S)
        with load.running():
            yield load, rest, grpc


def point_to(server: RunningServer, rest: Service, grpc: Service) -> None:
    rest.target, grpc.target = server.rest_url.removeprefix("http://"), server.grpc_target


@pytest.mark.slow
@pytest.mark.parametrize("forgotten", ["before the signal", "after the signal"])
def test_no_request_is_lost_while_one_server_takes_over_from_another(
    forgotten: str, tmp_path: Path, half_plus_two: Path
) -> None:
    drain = f"--drain_seconds={DRAIN_S}"
    with two_servers(tmp_path, half_plus_two, drain) as (old, new), called_without_pause(old) as (load, rest, grpc):
        time.sleep(1)
        if forgotten == "before the signal":  # a preStop hook that sleeps
            point_to(new, rest, grpc)
            time.sleep(0.5)
        old.process.send_signal(signal.SIGTERM)
        if forgotten == "after the signal":
            time.sleep(0.5)
            point_to(new, rest, grpc)

        status = old.process.wait(DRAIN_S + 5)
        load.wait_for_more(1)

    assert status == 0
    assert load.failed == {}
    assert load.answered["kept"] > 100


@pytest.mark.slow
def test_a_server_that_is_killed_loses_what_stands_on_its_connections(tmp_path: Path, half_plus_two: Path) -> None:
    """TensorFlow Serving has no handler for SIGTERM. As a container's first process it does not even end by it, but
    goes on until it is killed when the grace is over, however long a preStop hook slept."""
    with two_servers(tmp_path, half_plus_two) as (old, new), called_without_pause(old) as (load, rest, grpc):
        time.sleep(1)
        point_to(new, rest, grpc)
        time.sleep(0.5)
        old.process.kill()
        load.wait_for_more(1)

    assert load.failed["kept"]
    assert load.failed["gRPC"]
    assert "new" not in load.failed


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """Without models, so that it is there at once: a status is answered all the same (404)."""
    with running_model_server(tmp_path, flags=[f"--drain_seconds={DRAIN_S}"]) as running:
        yield running


Connect = Callable[[], http.client.HTTPConnection]


@pytest.fixture
def connect(server: RunningServer) -> Iterator[Connect]:
    """Opens connections to the server, which are closed in the end."""
    with contextlib.ExitStack() as opened:

        def connected() -> http.client.HTTPConnection:
            host, port = server.rest_url.removeprefix("http://").split(":")
            connection = http.client.HTTPConnection(host, int(port), timeout=20)
            opened.callback(connection.close)
            connection.connect()
            return connection

        yield connected


def _ask(connection: http.client.HTTPConnection) -> str | None:
    connection.request("GET", "/v1/models/m")
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 404
    return answer.getheader("Connection")


def _end(server: RunningServer) -> None:
    server.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 20
    while "ending in" not in server.log_file.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_after_the_signal_each_answer_is_the_last_on_its_connection(server: RunningServer, connect: Connect) -> None:
    kept, busy = connect(), connect()
    before = [_ask(kept), _ask(kept)]
    busy.sock.sendall(b"GET /v1/models/m HTTP/1.1\r\nHost: m\r\n")

    _end(server)

    assert before == [None, None]
    assert _ask(kept) == "close"
    assert _ask(connect()) == "close"
    busy.sock.sendall(b"\r\n")
    answer = b"".join(iter(lambda: busy.sock.recv(65536), b""))  # until the connection is closed
    assert b"connection: close" in answer.lower()


def test_an_idle_connection_is_closed_after_the_drain_but_not_before(server: RunningServer, connect: Connect) -> None:
    idle = connect()
    _ask(idle)

    _end(server)
    started = time.monotonic()

    assert idle.sock.recv(1) == b""
    assert time.monotonic() - started > DRAIN_S - 0.5
    assert server.process.wait(20) == 0


@pytest.mark.parametrize("earlier", [0, 1])
def test_a_request_whose_beginning_has_come_is_answered_even_after_the_drain(
    earlier: int, server: RunningServer, connect: Connect
) -> None:
    connection = connect()
    for _ in range(earlier):
        _ask(connection)
    connection.sock.sendall(b"GET /v1/models/m HTTP/1.1\r\nHo")

    _end(server)
    _until_closed(server)
    connection.sock.sendall(b"st: m\r\n\r\n")

    assert connection.sock.recv(65536).startswith(b"HTTP/1.1 404")
    assert server.process.wait(20) == 0


def _until_closed(server: RunningServer) -> None:
    """Until no new connection is taken."""
    host, port = server.rest_url.removeprefix("http://").split(":")
    with contextlib.suppress(ConnectionRefusedError):
        while True:
            socket.create_connection((host, int(port)), timeout=20).close()
            time.sleep(0.02)


def test_a_second_signal_cuts_the_drain_short(tmp_path: Path) -> None:
    with running_model_server(tmp_path, flags=["--drain_seconds=3600"]) as server:
        _end(server)

        server.process.send_signal(signal.SIGTERM)

        assert server.process.wait(30) == 0
