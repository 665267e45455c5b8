"""Runs of one model at the same time, on a real API server: one wins, the others say so and touch nothing."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.deploy_candidate.deployment import deploy
from components.platforms import PROMOTING, LiveService
from components.platforms.kubernetes.connection import INFERENCE_SERVICES, LEASES, Object
from components.platforms.kubernetes.inference_service import candidate_service
from components.platforms.serving import ServingSettings
from components.promote_release.promotion import promote
from model.errors import ReleaseInProgress
from model.release_layout import Release
from model.sample import export
from model.sample.retail import SIGNATURE
from tests.cluster.conftest import (
    WAIT_S,
    Publish,
    ReachablePlatform,
    apply,
    expectations_of,
    kubectl,
    names,
    until_nothing_is_left,
)

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

TAKEN_OVER_WITHIN_S = 40.0
STEP = """
import sys
from components.platforms.opening import open_platform
with open_platform("kubernetes").holding(sys.argv[1], run_id=sys.argv[2]):
    print("at work", flush=True)
    sys.stdin.readline()
"""
EXIT_TASK = """
import sys
from components.finish_release.finishing import finish
live = finish(sys.argv[1], platform="kubernetes", run_id=sys.argv[2], reported_status="FAILED")
print(live.version if live else "nothing")
"""


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def as_account(kubeconfig: Path) -> Iterator[Start]:
    """Starts Python code in a process of its own, as a step's pod: with the pipeline's account, and nothing shared."""
    pipe, started = subprocess.PIPE, list[subprocess.Popen[str]]()

    def start(code: str, *arguments: str) -> "subprocess.Popen[str]":
        command, environment = [sys.executable, "-c", code, *arguments], {**os.environ, "KUBECONFIG": str(kubeconfig)}
        started.append(subprocess.Popen(command, env=environment, text=True, stdin=pipe, stdout=pipe, stderr=pipe))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        with process:
            pass  # which closes its pipes, and waits


@dataclass(frozen=True)
class Silent:
    """Steps of run-1 that gave no more sign of life from `since_s` on: one killed (model `mourned`), one as on a node
    whose network is gone (model `frozen`)."""

    killed: "subprocess.Popen[str]"
    stopped: "subprocess.Popen[str]"
    since_s: float


@pytest.fixture(scope="module")
def silent(as_account: Start) -> Silent:
    killed, stopped = (as_account(STEP, model_name, "run-1") for model_name in ("mourned", "frozen"))
    for each in (killed, stopped):
        assert each.stdout is not None
        assert each.stdout.readline() == "at work\n"
    killed.kill()
    stopped.send_signal(signal.SIGSTOP)
    return Silent(killed, stopped, since_s=time.monotonic())


def test_of_runs_that_begin_at_the_same_moment_one_wins_and_is_named_by_the_others(platform: ReachablePlatform) -> None:
    runs, over, begin = ["run-1", "run-2", "run-3"], threading.Event(), threading.Barrier(3)
    told: dict[str, str] = {}

    def run(run_id: str) -> None:
        begin.wait()
        try:
            with platform.holding("raced", run_id=run_id):
                over.wait(20)
        except ReleaseInProgress as error:
            told[run_id] = str(error)
            if len(told) == len(runs) - 1:
                over.set()

    with ThreadPoolExecutor(len(runs)) as threads:
        list(threads.map(run, runs))

    [winner] = set(runs) - set(told)
    assert all(f"found run {winner}, since 2" in message for message in told.values())
    platform.let_go("raced", run_id=winner)
    assert platform.connection.get(LEASES, "raced-release") is None


def test_a_run_whose_step_was_killed_is_waited_for_and_then_taken_over(
    platform: ReachablePlatform, silent: Silent
) -> None:
    with platform.holding("mourned", run_id="run-2"):
        taken_s = time.monotonic() - silent.since_s

    platform.let_go("mourned", run_id="run-2")
    print(f"taken over after {taken_s:.1f} s")
    assert 10.0 < taken_s < TAKEN_OVER_WITHIN_S


def test_a_run_that_was_taken_over_says_so_when_its_step_ends_and_at_its_next_one(
    platform: ReachablePlatform, silent: Silent
) -> None:
    lost = silent.stopped

    with platform.holding("frozen", run_id="run-2"):
        lost.send_signal(signal.SIGCONT)
        _, told = lost.communicate("go on\n", timeout=20)
        with pytest.raises(ReleaseInProgress, match="found run run-2, since 2"):
            _work(platform, "frozen", run_id="run-1")

    assert lost.returncode == 1
    assert "model.errors.ReleaseInProgress" in told
    assert "found run run-2, since 2" in told
    platform.let_go("frozen", run_id="run-1")
    assert _holder(platform, "frozen") == "run-2"
    platform.let_go("frozen", run_id="run-2")


def test_the_exit_task_of_a_run_that_lost_leaves_alone_what_the_winner_made(
    platform: ReachablePlatform, as_account: Start
) -> None:
    release = Release("guarded", 7, "sha256:7", "gs://models/guarded/releases/7")
    namespace = platform.connection.namespace

    def exit_task(run_id: str) -> str:
        process = as_account(EXIT_TASK, "guarded", run_id)
        said, told = process.communicate(timeout=WAIT_S)
        assert process.returncode == 0, told
        return said.strip()

    with platform.holding("guarded", run_id="winner"):
        body = candidate_service(release, run_id="winner", namespace=namespace, settings=ServingSettings())
        platform.connection.create(INFERENCE_SERVICES, body)
        platform.write_live_service(LiveService(release, run_id="winner", phase=PROMOTING))
        before = _written(platform, "guarded")
        assert exit_task("loser") == "7"
        assert _written(platform, "guarded") == before
    assert exit_task("loser") == "7"  # the winner is between two steps
    assert _written(platform, "guarded") == before
    assert _holder(platform, "guarded") == "winner"

    assert exit_task("winner") == "nothing"
    assert _written(platform, "guarded") == [None, None]
    assert names(namespace, "leases.coordination.k8s.io") == []


def test_two_releases_of_one_model_at_once_and_one_of_another(
    platform: ReachablePlatform, publish: Publish, retail_propensity: Path
) -> None:
    """One of the two wins, the other one says so, and the other model's is released as if it were alone."""
    answers, begin = expectations_of(retail_propensity, weights=export.VARIABLES), threading.Barrier(3)
    twin, other = (publish(retail_propensity, model_name=name, version=1) for name in ("twin", "other"))

    def release(run: tuple[Release, str]) -> str:
        begin.wait()
        model, run_id = run
        given: dict[str, Any] = {"platform": platform, "run_id": run_id, "timeout_s": WAIT_S}
        try:
            deploy(model, signature=SIGNATURE, **given)
            state, _ = promote(model, expectations=answers, **given)
        except ReleaseInProgress as error:
            return str(error)
        platform.remove_candidate(model.model_name)
        platform.let_go(model.model_name, run_id=run_id)
        return state

    with ThreadPoolExecutor(3) as threads:
        told = list(threads.map(release, [(twin, "run-1"), (twin, "run-2"), (other, "run-3")]))

    assert told.count("promoted") == 2
    assert told[2] == "promoted"
    winner = 1 + told.index("promoted")
    assert (
        f"expected run run-{3 - winner} to be the only one that releases twin; found run run-{winner}"
        in told[2 - winner]
    )
    assert [each.run_id for each in map(platform.live_service, ("twin", "other")) if each] == [f"run-{winner}", "run-3"]
    assert until_nothing_is_left(platform.connection.namespace, "leases.coordination.k8s.io") == []


NOW, LONG_AGO, FAR_OFF = time.time(), 0.0, 4e9


@pytest.mark.parametrize(
    ("spec", "within_s"),
    [
        pytest.param({}, 3.0, id="nothing"),
        pytest.param({"holderIdentity": "somebody"}, 3.0, id="a holder, and no times"),
        pytest.param({"holderIdentity": "somebody", "renewTime": LONG_AGO}, 3.0, id="no duration"),
        pytest.param(
            {"holderIdentity": "somebody", "renewTime": LONG_AGO, "leaseDurationSeconds": 2_000_000_000},
            3.0,
            id="for 63 years, since 1970",
        ),
        pytest.param(
            {"holderIdentity": "somebody", "renewTime": FAR_OFF, "leaseDurationSeconds": 1}, 15.0, id="renewed in 2096"
        ),
    ],
)
def test_a_lease_with_nonsense_in_it_keeps_nobody_away_for_long(
    platform: ReachablePlatform, spec: Object, within_s: float
) -> None:
    stamps = {"renewTime": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(spec.get("renewTime", 0)))}
    lease: Object = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "odd-release"}}
    apply(
        {**lease, "spec": {**spec, **(stamps if "renewTime" in spec else {})}}, namespace=platform.connection.namespace
    )
    started = time.monotonic()

    with platform.holding("odd", run_id="run-1"):
        took_s = time.monotonic() - started
        assert _holder(platform, "odd") == "run-1"

    platform.let_go("odd", run_id="run-1")
    assert took_s < within_s


def test_a_lease_that_somebody_deletes_is_missed_when_the_step_ends(platform: ReachablePlatform) -> None:
    with (
        pytest.raises(ReleaseInProgress, match="found that somebody ended it"),
        platform.holding("bereft", run_id="run-1"),
    ):
        kubectl("delete", "lease", "bereft-release", "--namespace", platform.connection.namespace)


def _work(platform: ReachablePlatform, model_name: str, *, run_id: str) -> None:
    with platform.holding(model_name, run_id=run_id):
        pytest.fail("two runs are at work")


def _holder(platform: ReachablePlatform, model_name: str) -> str:
    lease = platform.connection.get(LEASES, f"{model_name}-release")
    assert lease is not None
    return str(lease["spec"]["holderIdentity"])


def _written(platform: ReachablePlatform, model_name: str) -> list[Object | None]:
    """What runs have written on the live service and the candidate, apart from what KServe says of them."""
    found = [platform.connection.get(INFERENCE_SERVICES, name) for name in (model_name, f"{model_name}-candidate")]
    return [
        each and {"spec": each["spec"], **{key: each["metadata"][key] for key in ("uid", "generation", "annotations")}}
        for each in found
    ]
