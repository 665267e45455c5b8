"""Leaving off a login in a browser."""

import fcntl
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kfp_standin.server import Standin
from tests.pipeline.kubeflow.commands import RELEASE
from tests.pipeline.runs import CLI

LOGIN = ("--iap-client-id", "a", "--other-client-id", "b", "--other-client-secret", "c")


@pytest.fixture
def alone() -> Iterator[None]:
    """kfp listens on a port that is always the same."""
    with Path(tempfile.gettempdir(), "savedmodel-release-login.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(params=["submit", "schedule"])
def logging_in(
    request: pytest.FixtureRequest, standin: Standin, tmp_path: Path, alone: None
) -> Iterator[subprocess.Popen[str]]:
    """A command that waits for somebody to log in."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SSH_")}
    environment |= {"HOME": str(tmp_path), "BROWSER": "true", "KF_PIPELINES_ENDPOINT": standin.url}
    asked = ("--interval", "1h") if request.param == "schedule" else ()
    with subprocess.Popen(
        [CLI, request.param, *asked, *RELEASE, *LOGIN],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            _read_until(process, "accounts.google.com")
            yield process
        finally:
            process.kill()


def _read_until(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    assert any(text in line for line in process.stderr)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it(logging_in: subprocess.Popen[str], number: signal.Signals) -> None:
    logging_in.send_signal(number)

    _, err = logging_in.communicate(timeout=20)

    assert logging_in.returncode == 130
    assert "Interrupted." in err
    assert "Traceback" not in err


def test_the_second_ctrl_c_ends_it(logging_in: subprocess.Popen[str]) -> None:
    logging_in.send_signal(signal.SIGINT)
    _read_until(logging_in, "accounts.google.com")
    logging_in.send_signal(signal.SIGINT)

    _, err = logging_in.communicate(timeout=20)

    assert logging_in.returncode == 130
    assert "Interrupted." in err
    assert "Traceback" not in err


def test_an_end_of_the_input_ends_it(logging_in: subprocess.Popen[str]) -> None:
    assert logging_in.stdin is not None
    logging_in.stdin.close()
    logging_in.send_signal(signal.SIGINT)

    assert logging_in.wait(20) == 1
    assert logging_in.stderr is not None
    assert "LoginNeeded: kfp: " in logging_in.stderr.read()
