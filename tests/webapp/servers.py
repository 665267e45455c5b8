"""Servers over real sockets: the web application, the model server, and one that speaks TensorFlow Serving's REST but
misbehaves on request."""

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
import uvicorn

from model.server.signature_answers import signature_json
from model.signature import Signature, TensorSpec
from webapp.application import create_app
from webapp.settings import Settings, from_command_line

RETAIL = Signature(
    "serving_default",
    "tensorflow/serving/predict",
    (TensorSpec("bounces", "float32", (-1,)), TensorSpec("time_on_site", "float32", (-1,))),
    (
        TensorSpec("predicted_will_buy_on_return_visit", "string", (-1, 1)),
        TensorSpec("will_buy_on_return_visit_probs", "float64", (-1, 2)),
        TensorSpec("will_buy_on_return_visit_values", "string", (-1, 2)),
    ),
)
Answer = Callable[[BaseHTTPRequestHandler, Any], None]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class FakeModelServer:
    """Answers metadata for its signatures, and predictions as `predict` does. `calls` counts the predictions."""

    def __init__(self, signatures: tuple[Signature, ...] = (RETAIL,)) -> None:
        self.signatures = signatures
        self.calls: list[Any] = []
        self.metadata_calls = 0
        self.predict: Answer = lambda handler, body: reply(handler, {"predictions": [{}]})
        self.metadata: Callable[[BaseHTTPRequestHandler], None] = self._metadata
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.metadata_calls += 1
                owner.metadata(self)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                owner.calls.append(body)
                owner.predict(self, body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.host}/v1/models/rpm:predict"

    def _metadata(self, handler: BaseHTTPRequestHandler) -> None:
        served = {signature.name: signature_json(signature) for signature in self.signatures}
        reply(handler, {"model_spec": {"name": "rpm"}, "metadata": {"signature_def": {"signature_def": served}}})

    @contextlib.contextmanager
    def running(self) -> Iterator["FakeModelServer"]:
        thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()
            thread.join()


def reply(handler: BaseHTTPRequestHandler, document: Any, *, status: int = 200, location: str = "") -> None:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    # A client that hung up is no concern of the test's.
    with contextlib.suppress(ConnectionError):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        if location:
            handler.send_header("Location", location)
        handler.end_headers()
        handler.wfile.write(body)


def settings(model_url: str, *arguments: str) -> Settings:
    allowed = () if "--allow-host" in arguments else ("--allow-host", "127.0.0.1")
    return from_command_line(["--model-url", model_url, *allowed, *arguments], {})


@contextlib.contextmanager
def running_webapp(chosen: Settings) -> Iterator[str]:
    """The web application in a thread; its scheme, host and port."""
    config = uvicorn.Config(create_app(chosen), log_config=None, access_log=False, lifespan="on", ws="none")
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def running_model_server(directory: Path, exports: dict[str, Path]) -> Iterator[str]:
    """`python -m model.server` over the exports, by served name; its REST address."""
    configs = []
    for name, export in exports.items():
        shutil.copytree(export, directory / name / "1")
        configs.append(f'config {{ name: "{name}" base_path: "{directory / name}" model_platform: "tensorflow" }}')
    config_file = directory / "models.config"
    config_file.write_text(f"model_config_list {{ {' '.join(configs)} }}")
    port = free_port()
    flags = ["--host=127.0.0.1", "--port=0", f"--rest_api_port={port}", f"--model_config_file={config_file}"]
    with (directory / "server.log").open("wb") as log_file:
        process = subprocess.Popen([sys.executable, "-m", "model.server", *flags], stderr=log_file, stdout=log_file)
    try:
        for name in exports:
            _wait_available(f"http://127.0.0.1:{port}/v1/models/{name}", process, directory / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait_available(url: str, process: subprocess.Popen[bytes], log_file: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(requests.RequestException):
            if "AVAILABLE" in requests.get(url, timeout=5).text:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{url} did not become available:\n{log_file.read_text()[-3000:]}")
