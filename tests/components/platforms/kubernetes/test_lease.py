"""One run at a time for each model, against an API server that keeps Leases as the real one does."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from components.platforms.kubernetes.lease import RENEWED_VARIABLE, RunLease
from model.errors import ReleaseInProgress, ServingFailed
from tests.components.platforms.kubernetes.api_server import ApiServer, Object

KEY = "leases/rpm-release"
#: For the thread that renews, which has only real time: too short for a person, long enough for a test.
SOON_S = 0.01
WORKING_S, BETWEEN_STEPS_S, SKEW_S = RunLease.working_s, RunLease.between_steps_s, RunLease.skew_s
NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


@dataclass
class Clock:
    """Time that passes only while somebody sleeps."""

    now: float = NOW
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


Run = Callable[..., RunLease]


@pytest.fixture
def run(server: ApiServer, clock: Clock) -> Run:
    """The Lease of the model `rpm`, for a run of that id, which has a connection of its own."""

    def of(run_id: str, **given: Any) -> RunLease:
        return RunLease(server.connection(), "rpm", run_id, **{"clock": clock, "sleep": clock.sleep, **given})

    return of


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def spec(server: ApiServer) -> Object:
    return dict(server.objects[KEY]["spec"])


def held_by(run_id: str, *, duration_s: int, since: float = NOW) -> Object:
    return {"holderIdentity": run_id, "renewTime": stamp(since), "leaseDurationSeconds": duration_s}


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def passes(seconds: float, *, clock: Clock, server: ApiServer) -> None:
    """Time, in which the Lease is renewed."""
    clock.sleep(seconds)
    until(lambda: spec(server)["renewTime"] == stamp(clock.now))


def test_a_step_leaves_the_lease_to_the_runs_next_one(server: ApiServer, run: Run, clock: Clock) -> None:
    with run("run-1").held():
        at_work = spec(server)
    between = spec(server)
    clock.sleep(1)
    with run("run-1").held():
        again = spec(server)

    assert [each["holderIdentity"] for each in (at_work, between, again)] == ["run-1"] * 3
    assert [each["leaseDurationSeconds"] for each in (at_work, between, again)] == [
        WORKING_S,
        BETWEEN_STEPS_S,
        WORKING_S,
    ]
    assert at_work["acquireTime"] == between["acquireTime"] == again["acquireTime"] < again["renewTime"]


def test_an_engine_that_renews_it_between_the_steps_is_noticed_as_soon_when_it_is_killed(
    server: ApiServer, run: Run, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RENEWED_VARIABLE, "yes")
    with run("run-1", renew_s=SOON_S).renewed():
        with run("run-1").held():
            pass
        left_s = spec(server)["leaseDurationSeconds"]
        passes(2 * WORKING_S, clock=clock, server=server)
        watching = run("run-2", sleep=lambda seconds: passes(seconds, clock=clock, server=server))
        with pytest.raises(ReleaseInProgress), watching.held():
            pytest.fail("two runs are at work")
    killed = clock.now
    with run("run-2").held():
        waited_s = clock.now - killed

    assert left_s == WORKING_S
    assert waited_s <= WORKING_S + SKEW_S + 1


def test_an_engine_and_its_step_that_renew_it_at_once_are_not_in_each_others_way(server: ApiServer, run: Run) -> None:
    with run("run-1", renew_s=0.0).renewed():
        for _ in range(100):
            with run("run-1").held(wait=False):
                pass
        run("run-1").give_up()

    assert server.objects == {}


def test_whoever_finds_it_changed_meanwhile_pauses_before_the_next_look(
    server: ApiServer, run: Run, clock: Clock
) -> None:
    server.keep(KEY, spec=held_by("run-1", duration_s=BETWEEN_STEPS_S))
    server.busy = 2

    with run("run-1").held():
        to_take = list(clock.slept)
        server.busy = 3

    assert to_take == [RunLease.poll_s] * 2
    assert clock.slept == [RunLease.poll_s] * 5


def test_a_step_that_lasts_gives_signs_of_life(server: ApiServer, run: Run, clock: Clock) -> None:
    with run("run-1", renew_s=SOON_S).held():
        for _ in range(4):
            passes(1, clock=clock, server=server)
            assert spec(server)["leaseDurationSeconds"] == WORKING_S


FAILURE = ServingFailed(expected="a server", found="none", where="here")


@pytest.mark.parametrize("failure", [FAILURE, RuntimeError("a bug")])
def test_a_step_that_fails_leaves_the_exit_task_its_time(server: ApiServer, run: Run, failure: Exception) -> None:
    with pytest.raises(type(failure)) as caught, run("run-1").held():
        raise failure

    assert caught.value is failure
    assert spec(server)["leaseDurationSeconds"] == BETWEEN_STEPS_S


def test_an_exit_task_that_fails_leaves_no_time_since_nothing_comes_after_it(server: ApiServer, run: Run) -> None:
    with pytest.raises(ServingFailed), run("run-1").held(wait=False):
        raise FAILURE

    assert spec(server)["leaseDurationSeconds"] == WORKING_S


def test_an_interruption_is_not_held_up(server: ApiServer, run: Run) -> None:
    with pytest.raises(KeyboardInterrupt), run("run-1").held():
        raise KeyboardInterrupt

    assert server.changes == 0


def test_a_step_that_fails_tells_its_own_failure_also_where_it_was_taken_over(server: ApiServer, run: Run) -> None:
    def work() -> None:
        server.keep(KEY, spec=held_by("run-2", duration_s=BETWEEN_STEPS_S))
        raise FAILURE

    with pytest.raises(ServingFailed, match="expected a server"), run("run-1").held():
        work()

    assert spec(server) == held_by("run-2", duration_s=BETWEEN_STEPS_S)


def test_a_run_at_work_is_named_to_whoever_comes(server: ApiServer, run: Run, clock: Clock) -> None:
    with run("run-1", renew_s=SOON_S).held():
        since = spec(server)["acquireTime"]
        watching = run("run-2", sleep=lambda seconds: passes(seconds, clock=clock, server=server))
        with pytest.raises(ReleaseInProgress) as caught, watching.held():
            pytest.fail("two runs are at work")

    assert caught.value.found == f"run run-1, since {since}"
    assert caught.value.where == "Lease mlops/rpm-release"
    assert spec(server)["holderIdentity"] == "run-1"


def test_who_may_not_wait_is_refused_at_once(server: ApiServer, run: Run, clock: Clock) -> None:
    server.keep(KEY, spec=held_by("run-1", duration_s=BETWEEN_STEPS_S))

    with pytest.raises(ReleaseInProgress, match="found run run-1"), run("run-2").held(wait=False):
        pytest.fail("two runs are at work")

    assert clock.slept == []


def test_who_gives_no_sign_of_life_is_waited_for(server: ApiServer, run: Run, clock: Clock) -> None:
    server.keep(KEY, spec=held_by("run-1", duration_s=WORKING_S))

    with run("run-2").held():
        assert spec(server)["holderIdentity"] == "run-2"

    assert clock.now - NOW == WORKING_S + SKEW_S


def test_who_is_taken_over_meanwhile_is_told_at_the_steps_end(server: ApiServer, run: Run) -> None:
    with pytest.raises(ReleaseInProgress, match="found run run-2"), run("run-1").held():
        server.keep(KEY, spec=held_by("run-2", duration_s=BETWEEN_STEPS_S))

    assert spec(server)["holderIdentity"] == "run-2"


def test_who_lost_takes_nothing_away_when_it_lets_go(server: ApiServer, run: Run) -> None:
    server.keep(KEY, spec=held_by("run-2", duration_s=BETWEEN_STEPS_S))

    run("run-1").give_up()
    kept = dict(server.objects)
    run("run-2").give_up()
    run("run-2").give_up()

    assert list(kept) == [KEY]
    assert server.objects == {}


def test_of_many_that_begin_at_the_same_moment_one_wins(run: Run) -> None:
    runs = [f"run-{number}" for number in range(8)]
    begin, told = threading.Barrier(len(runs)), dict[str, str]()

    def work(run_id: str) -> None:
        begin.wait()
        try:
            with run(run_id).held(wait=False):
                until(lambda: len(told) == len(runs) - 1)
        except ReleaseInProgress as error:
            told[run_id] = error.found

    with ThreadPoolExecutor(len(runs)) as threads:
        list(threads.map(work, runs))

    [winner] = set(runs) - set(told)
    assert {each.partition(",")[0] for each in told.values()} == {f"run {winner}"}


LONG_AGO, FAR_OFF = NOW - 1e9, NOW + 1e9


@pytest.mark.parametrize(
    ("found", "waits_s"),
    [
        pytest.param({}, 0, id="nothing"),
        pytest.param({**held_by("x", duration_s=30), "holderIdentity": None}, 0, id="no holder"),
        pytest.param({"holderIdentity": "x", "leaseDurationSeconds": 30}, 0, id="no time"),
        pytest.param({"holderIdentity": "x", "renewTime": stamp(LONG_AGO)}, 0, id="no duration"),
        pytest.param(held_by("x", since=LONG_AGO, duration_s=2_000_000_000), 0, id="for ever"),
        pytest.param(held_by("x", since=FAR_OFF, duration_s=1), 1 + SKEW_S, id="of the future"),
        pytest.param(
            held_by("x", since=FAR_OFF, duration_s=2_000_000_000),
            BETWEEN_STEPS_S + SKEW_S,
            id="of the future, for ever",
        ),
    ],
)
def test_nonsense_keeps_nobody_away(server: ApiServer, run: Run, clock: Clock, found: Object, waits_s: float) -> None:
    server.keep(KEY, spec=found)

    with run("run-1").held():
        assert spec(server)["holderIdentity"] == "run-1"

    assert clock.now - NOW == waits_s


def test_the_real_times_let_a_dead_step_be_noticed_within_half_a_minute() -> None:
    assert 2 * RunLease.renew_s + SKEW_S < WORKING_S
    assert WORKING_S + SKEW_S + RunLease.poll_s < 30
