"""Following a run through what passes, and being interrupted."""

import contextlib
import io
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest
from rich.console import Console

from pipeline.kubeflow.address import Address
from pipeline.kubeflow.backend import Backend
from pipeline.kubeflow.connection import connect
from pipeline.kubeflow.errors import BackendUnavailable, LoginNeeded
from pipeline.kubeflow.following import Pace, Session, StillRunning, follow
from tests.kfp_standin.answers import Refusal
from tests.kfp_standin.script import Script
from tests.kfp_standin.server import Standin
from tests.pipeline.kubeflow.commands import RELEASE, submit
from tests.pipeline.runs import CLI


class Hours:
    """A clock that only sleeping moves, here and in the stand-in. meanwhile: what happens in the first sleep."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.meanwhile: Callable[[], object] | None = None

    def now(self) -> float:
        return 1e9 + self.passed

    def pace(self, *, timeout_s: float = 1e9, patience_s: float = 600.0) -> Pace:
        return Pace(timeout_s, poll_s=60.0, patience_s=patience_s, clock=lambda: self.passed, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.passed += seconds
        if self.meanwhile is not None:
            self.meanwhile, call = None, self.meanwhile
            call()


@pytest.fixture
def hours(standin: Standin) -> Hours:
    made = Hours()
    standin.store.clock = made  # type: ignore[assignment]
    return made


@pytest.fixture
def run_id(standin: Standin, hours: Hours) -> str:
    return str(submit(standin, *RELEASE, "--no-wait", "--json").json["run_id"])


@pytest.fixture
def endless_run_id(standin: Standin, hours: Hours) -> str:
    standin.store.script = Script(endless="score-batch")
    return str(submit(standin, *RELEASE, "--no-wait", "--json").json["run_id"])


@pytest.fixture
def session(standin: Standin) -> Iterator[Session]:
    with contextlib.closing(Session(lambda: connect(Address(standin.url)))) as made:
        yield made


def follow_to_end(session: Session, run_id: str, *, pace: Pace) -> tuple[str, str]:
    """The run's state, and what was told."""
    told = io.StringIO()
    run = follow(session, run_id, pace=pace, console=Console(file=told, width=200, markup=False, highlight=False))
    return run.state, told.getvalue()


def test_faults_that_pass_are_told_once_and_borne(
    standin: Standin, session: Session, run_id: str, hours: Hours
) -> None:
    hours.meanwhile = lambda: standin.faults.extend([500, 500, 429])

    state, told = follow_to_end(session, run_id, pace=hours.pace())

    assert state == "SUCCEEDED"
    assert told.count("the API does not answer (HTTP 500: upstream connect error") == 1
    assert told.count("the API does not answer") == 1
    assert told.count("the API answers again") == 1


def test_a_gateway_that_is_away_for_a_moment_is_not_even_told(
    standin: Standin, session: Session, run_id: str, hours: Hours
) -> None:
    hours.meanwhile = lambda: standin.faults.extend([503, 0])

    state, told = follow_to_end(session, run_id, pace=hours.pace())

    assert state == "SUCCEEDED"
    assert "the API" not in told


def test_an_api_that_never_answers_is_given_up_after_a_while(
    standin: Standin, session: Session, endless_run_id: str, hours: Hours
) -> None:
    hours.meanwhile = lambda: standin.faults.extend([500] * 99)

    with pytest.raises(BackendUnavailable, match="HTTP 500"):
        follow_to_end(session, endless_run_id, pace=hours.pace(patience_s=300.0))

    assert hours.passed == 300.0


def test_the_wait_has_an_end_and_looks_before_it_sleeps(
    standin: Standin, session: Session, endless_run_id: str, hours: Hours
) -> None:
    with pytest.raises(StillRunning, match="goes on"):
        follow_to_end(session, endless_run_id, pace=hours.pace(timeout_s=120.0))

    assert hours.passed == 120.0
    assert standin.calls("GET").count(f"/apis/v2beta1/runs/{endless_run_id}") == 3


def test_a_run_that_is_seen_to_be_terminated_is_so_though_its_history_does_not_tell(
    standin: Standin, session: Session, hours: Hours
) -> None:
    standin.store.script = Script(pace_s=100.0, endless="score-batch", history_of_cancel=False)
    run_id = submit(standin, *RELEASE, "--no-wait", "--json").json["run_id"]
    hours.meanwhile = lambda: standin.store.terminate_run(run_id)

    run = follow(session, run_id, pace=hours.pace(), console=Console(file=io.StringIO()))

    assert "CANCELING" not in [each.state for each in standin.store.run(run_id).state_history]
    assert (run.state, run.was_canceled) == ("FAILED", True)


def test_a_token_that_expires_is_fetched_anew(standin: Standin, run_id: str, hours: Hours) -> None:
    tokens = iter(["first", "second"])
    standin.bearer_tokens = {"first"}
    hours.meanwhile = lambda: standin.bearer_tokens.symmetric_difference_update({"first", "second"})

    def connect_anew() -> Backend:
        return connect(Address(standin.url, existing_token=next(tokens)))

    with contextlib.closing(Session(connect_anew)) as session:
        state, _ = follow_to_end(session, run_id, pace=hours.pace())

    assert state == "SUCCEEDED"


def test_a_token_that_cannot_be_had_anew_ends_the_following(standin: Standin, run_id: str, hours: Hours) -> None:
    standin.bearer_tokens = {"first"}
    hours.meanwhile = lambda: standin.bearer_tokens.symmetric_difference_update({"first", "second"})

    opened = Session(lambda: connect(Address(standin.url, existing_token="first")))

    with contextlib.closing(opened) as session, pytest.raises(LoginNeeded):
        follow_to_end(session, run_id, pace=hours.pace())


def test_whoever_follows_in_vain_is_told_that_the_run_goes_on(standin: Standin) -> None:
    standin.store.script = Script(endless="score-batch")
    run_id = submit(standin, *RELEASE, "--no-wait", "--json").json["run_id"]
    looks = standin.store.run

    def expired(run_id: str) -> object:
        standin.bearer_tokens = {"another"}
        return looks(run_id)

    standin.store.run = expired  # type: ignore[method-assign]

    done = submit(standin, "--follow", run_id, "--existing-token", "t0ken", "--json")

    assert (done.status, done.json["state"], done.json["error_details"]["kind"]) == (1, "running", "LoginNeeded")
    assert f"savedmodel-release submit --follow {run_id}" in done.err
    assert "t0ken" not in done.err + done.out


def test_an_api_that_is_away_when_following_begins_is_waited_for(standin: Standin) -> None:
    run_id = submit(standin, *RELEASE, "--no-wait", "--json").json["run_id"]
    looks = standin.store.run

    def not_yet(run_id: str) -> object:
        standin.faults.append(500)
        standin.store.run = looks  # type: ignore[method-assign]
        raise Refusal(500, "not yet")

    standin.store.run = not_yet  # type: ignore[method-assign]
    standin.faults.extend([500, 429, *[503] * 4])

    done = submit(standin, "--follow", run_id, "--json")

    assert (done.status, done.json["state"]) == (0, "succeeded")
    assert done.err.count("the API does not answer (HTTP 500: upstream connect error") == 1
    assert not standin.faults


def test_a_ui_that_waits_for_its_api_is_waited_for(standin: Standin) -> None:
    run_id = submit(standin, *RELEASE, "--no-wait", "--json").json["run_id"]
    standin.behind_ui, standin.api_is_up = True, False

    given_up = submit(standin, "--follow", run_id, "--timeout-s", "0.1", "--json")
    threading.Timer(0.3, lambda: setattr(standin, "api_is_up", True)).start()
    done = submit(standin, "--follow", run_id, "--json")

    assert (given_up.status, given_up.json["error_details"]["kind"]) == (1, "BackendUnavailable")
    assert (done.status, done.json["state"]) == (0, "succeeded")
    assert "the API does not answer (the UI, without an API server" in done.err


def test_an_api_that_stays_away_when_following_begins_is_given_up(standin: Standin) -> None:
    standin.faults.extend([500] * 99)

    done = submit(standin, "--follow", "some-run", "--timeout-s", "0.2", "--json")

    assert (done.status, done.json["error_details"]["kind"]) == (1, "BackendUnavailable")
    assert len(standin.faults) < 97


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_the_run_going_and_says_how_to_go_on(standin: Standin, number: signal.Signals) -> None:
    standin.store.script = Script(endless="validate-release")
    environment = {**os.environ, "KF_PIPELINES_ENDPOINT": standin.url}
    command = [CLI, "submit", *RELEASE, "--poll-s", "0.05", "--json"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    told = []
    for line in process.stderr:
        told.append(line)
        if "… validate_release" in line:
            process.send_signal(number)
            break
    out, err = process.communicate(timeout=30)

    result = json.loads(out.splitlines()[-1])
    assert process.returncode == 130
    assert "Traceback" not in "".join(told) + err
    assert result["state"] == "running"
    assert standin.store.run(result["run_id"]).state == "RUNNING"
    assert f"savedmodel-release submit --follow {result['run_id']} --endpoint {standin.url}" in err
    assert f"savedmodel-release submit --terminate {result['run_id']}" in err
