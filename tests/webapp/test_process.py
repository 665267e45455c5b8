"""`python -m webapp` as a process."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from tests.webapp.servers import FakeModelServer

Process = subprocess.Popen[str]


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[tuple[Process, str]]:
    """The process and its address, once it listens."""
    command = [sys.executable, "-m", "webapp", "--port", "0", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        try:
            line = process.stderr.readline()
            found = re.search(r"http://[^/]+", line)
            assert found, line
            yield process, found.group()
        finally:
            process.kill()


def test_it_writes_one_line_for_each_request_and_ends_when_told_to() -> None:
    with started() as (process, url):
        requests.get(f"{url}/none?secret=1", timeout=20)
        requests.get(f"{url}/no%0Awhere", timeout=20)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)

    lines = log.splitlines()
    assert len(lines) == 2
    assert '127.0.0.1 "GET /none" 404' in lines[0]
    assert '"GET /no%0Awhere" 404' in lines[1]
    assert process.returncode in (0, -signal.SIGTERM)


def test_its_log_can_be_json() -> None:
    with started("--log-format", "json") as (process, url):
        requests.get(f"{url}/healthz", timeout=20)
        requests.get(f"{url}/none", timeout=20)
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=20)

    line = json.loads(log.splitlines()[0])
    request = line["httpRequest"]
    assert (request["requestMethod"], request["requestUrl"], request["status"]) == ("GET", "/none", 404)
    assert (line["severity"], line["logger"]) == ("INFO", "webapp.access")
    assert process.returncode == 0


def test_a_request_under_way_does_not_keep_it_from_ending() -> None:
    statuses: list[int] = []
    with FakeModelServer().running() as model:
        hold = threading.Event()
        model.predict = lambda handler, _: hold.wait(30) and None
        with started("--model-url", model.url, "--timeout-s", "60") as (process, url):

            def ask() -> None:
                row = {"bounces": "1", "time_on_site": "1"}
                statuses.append(requests.post(f"{url}/ecommerce/mlinference", data=row, timeout=30).status_code)

            with socket.socket() as silent:
                silent.connect(("127.0.0.1", int(url.rpartition(":")[2])))
                asking = threading.Thread(target=ask)
                asking.start()
                while not model.calls:
                    time.sleep(0.01)

                process.send_signal(signal.SIGTERM)
                _, log = process.communicate(timeout=20)

            asking.join()
            hold.set()

    assert statuses == [503]
    assert "Traceback" not in log
    assert '"POST /ecommerce/mlinference" 503' in log


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "webapp", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=60)


def test_a_busy_port_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        done = run("--port", port)

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in done.stderr


@pytest.mark.parametrize("arguments", [("--host", "no.such.host.invalid"), ("--host", "192.0.2.1")])
def test_an_address_of_another_machine_is_one_sentence(arguments: tuple[str, ...]) -> None:
    done = run("--port", "0", *arguments)

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert arguments[1] in done.stderr


def test_a_setting_that_breaks_its_rule_is_one_sentence() -> None:
    done = run(WEBAPP_PORT="eighty")

    assert done.returncode == 2
    assert done.stderr == "--port: expected a whole number from 0 to 65535; found 'eighty'.\n"


def test_help_shows_an_example_and_the_environment() -> None:
    done = run("--help")

    assert done.returncode == 0
    assert "--allow-host '*.svc.cluster.local'" in done.stdout
    assert "WEBAPP_MODEL_URL" in done.stdout
