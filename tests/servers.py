"""Model servers as processes of their own, and servers that answer as a test says, over real sockets."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests

from model.endpoint import Endpoint
from model.server.config import ServedModel, format_config

ROOT = Path(__file__).resolve().parent.parent
DEADLINE_S = 120.0
Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class RunningServer:
    """A model server that reads `config` while it runs."""

    process: "subprocess.Popen[bytes]"
    rest_url: str
    grpc_target: str
    config: Path
    log_file: Path

    def endpoint(self, model_name: str, *, version: int = 0) -> Endpoint:
        return Endpoint(self.rest_url, self.grpc_target, model_name, version)

    def serve(self, *models: ServedModel) -> None:
        """Changes the configuration, whole at once."""
        write_config(self.config, models)

    def states(self, model_name: str) -> dict[int, str]:
        """State by version; empty if the server does not know the model."""
        answer = requests.get(f"{self.rest_url}/v1/models/{model_name}", timeout=30)
        statuses = answer.json().get("model_version_status", [])
        return {int(each["version"]): each["state"] for each in statuses}

    def error_message(self, model_name: str, *, version: int) -> str:
        answer = requests.get(f"{self.rest_url}/v1/models/{model_name}/versions/{version}", timeout=30)
        return str(answer.json()["model_version_status"][0]["status"]["error_message"])

    def wait_until(self, model_name: str, version: int, state: str = "AVAILABLE") -> None:
        deadline = time.monotonic() + DEADLINE_S
        while (found := self.states(model_name)).get(version) != state:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{model_name} {version}: {found}, not {state}\n{self.log_file.read_text()}")
            time.sleep(0.02)


def write_config(path: Path, models: Sequence[ServedModel]) -> None:
    written = path.with_suffix(".new")
    written.write_text(format_config(models))
    written.replace(path)


def base_path(directory: Path, versions: Mapping[int, Path]) -> str:
    """A base path with links to the exports; `directory` may have some already."""
    directory.mkdir(parents=True, exist_ok=True)
    for number, export in versions.items():
        (directory / str(number)).symlink_to(export)
    return str(directory)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; all different."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def answering_by(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The URL of a server whose requests the handler answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def answering_with(answer: Answer) -> Iterator[str]:
    """Its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with contextlib.suppress(OSError):
                answer(self)

        do_POST = do_DELETE = do_GET  # noqa: N815 - as the base class looks for them

        def log_message(self, *_: object) -> None:
            pass

    with answering_by(Handler) as url:
        yield url


def saying(status: int, body: bytes, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        told = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        for name, value in {**told, **{name.replace("_", "-"): value for name, value in headers.items()}}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def start_server(flags: Sequence[str], *, log_file: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-P", "-m", "model.server", "--host=127.0.0.1", *flags]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with log_file.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)


def stop(process: "subprocess.Popen[bytes]") -> int:
    """Asks it to end; its exit status."""
    process.terminate()
    try:
        return process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def wait_until_answering(process: "subprocess.Popen[bytes]", rest_url: str) -> bool:
    """Waits until the REST port answers; False if the process ended instead."""
    deadline = time.monotonic() + DEADLINE_S
    while process.poll() is None:
        with contextlib.suppress(requests.ConnectionError):
            requests.get(f"{rest_url}/v1/models/none", timeout=30)
            return True
        if time.monotonic() > deadline:
            raise TimeoutError(f"{rest_url} does not answer")
        time.sleep(0.05)
    return False


@contextlib.contextmanager
def running_model_server(
    tmp_path: Path, models: Sequence[ServedModel] = (), *, flags: Sequence[str] = ()
) -> Iterator[RunningServer]:
    """A server of these models that answers on REST and gRPC; waits until each has an AVAILABLE version."""
    config, log_file = tmp_path / "models.config", tmp_path / "model-server.log"
    write_config(config, models)
    server = _started(config, log_file, flags)
    try:
        for model in models:
            _wait_until_available(server, model.name)
        yield server
    finally:
        stop(server.process)


def _started(config: Path, log_file: Path, flags: Sequence[str]) -> RunningServer:
    for _ in range(5):  # somebody else may take a port between the look and the start
        rest_port, grpc_port = free_ports(2)
        given = [f"--model_config_file={config}", "--model_config_file_poll_wait_seconds=1", *flags]
        process = start_server([f"--port={grpc_port}", f"--rest_api_port={rest_port}", *given], log_file=log_file)
        rest_url = f"http://127.0.0.1:{rest_port}"
        if wait_until_answering(process, rest_url):
            return RunningServer(process, rest_url, f"127.0.0.1:{grpc_port}", config, log_file)
    raise RuntimeError(f"the model server does not start:\n{log_file.read_text()}")


def _wait_until_available(server: RunningServer, model_name: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while "AVAILABLE" not in (found := server.states(model_name)).values():
        if time.monotonic() > deadline or server.process.poll() is not None:
            raise TimeoutError(f"{model_name}: {found}\n{server.log_file.read_text()}")
        time.sleep(0.05)
