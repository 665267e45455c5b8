"""Interrupted while the backend makes what was asked for."""

import json
import os
import signal
import subprocess
import threading
from typing import Any

import pytest

from tests.kfp_standin.server import Standin
from tests.pipeline.kubeflow.commands import RELEASE
from tests.pipeline.runs import CLI


def interrupted(standin: Standin, method: str, *arguments: str, number: signal.Signals) -> tuple[int, str, Any]:
    """Exit status, standard error and JSON of a command that the signal meets while the backend is in `method`."""
    begun, over, does = threading.Event(), threading.Event(), getattr(standin.store, method)

    def slowly(*given: Any) -> Any:
        begun.set()
        over.wait(20)
        return does(*given)

    setattr(standin.store, method, slowly)
    environment = {**os.environ, "KF_PIPELINES_ENDPOINT": standin.url}
    command = [CLI, *arguments, *RELEASE, "--json"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert begun.wait(20)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        over.set()
    assert "Traceback" not in err
    return process.returncode, err, json.loads(out.splitlines()[-1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_schedule_may_have_been_made(standin: Standin, number: signal.Signals) -> None:
    status, err, told = interrupted(standin, "create_recurring_run", "schedule", "--interval", "1h", number=number)

    assert status == 130
    assert "Interrupted. The schedule may have been made. Call again" in err
    assert (told["action"], "may have been made" in told["error"]["message"]) == ("interrupted", True)


def test_a_run_that_may_have_been_started_is_told_by_its_name(standin: Standin) -> None:
    status, err, told = interrupted(standin, "create_run", "submit", number=signal.SIGTERM)

    assert (status, told["state"]) == (130, "not_started")
    with standin.store.lock:
        (run,) = standin.store.runs.values()
    assert run.display_name in err
    assert run.display_name in told["error"]
