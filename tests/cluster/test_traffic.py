"""A release replaces another one, and is put back, while clients call the live service: none of them notices more than
another answer."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.platforms import PROMOTED
from components.platforms.kubernetes.connection import Connection
from components.recovery import restore
from model.sample import export
from tests.cluster.conftest import (
    RETRAINED,
    WAIT_S,
    Publish,
    ReachablePlatform,
    expectations_of,
    probability_of,
    run_to_its_end,
)
from tests.cluster.live_traffic import CLIENTS, Traffic, traffic

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

REQUESTS = 20_000
#: Of each kind of client: enough that none of them slept through the change.
AT_LEAST = 500
#: Before the change, and after the last pod of the former release is gone.
SETTLED_REQUESTS = 500
MODEL = "busy"


@dataclass(frozen=True)
class Change:
    """What clients saw of a change. written_s, gone_s: when it began, and when no pod of the former release was left
    (both on the monotonic clock)."""

    traffic: Traffic
    written_s: float
    gone_s: float


def under_traffic(change: Callable[[], object], *, connection: Connection) -> Change:
    former = pods(connection)
    with traffic(address(connection), MODEL) as flowing:
        until(lambda: flowing.requests >= SETTLED_REQUESTS)
        written_s = time.monotonic()
        change()
        until(lambda: not former & pods(connection), every_s=0.5)
        gone_s, wanted = time.monotonic(), max(REQUESTS, flowing.requests + SETTLED_REQUESTS)
        until(lambda: flowing.requests >= wanted)
    return Change(flowing, written_s, gone_s)


def pods(connection: Connection) -> set[str]:
    found = connection.pods(f"serving.kserve.io/inferenceservice={MODEL}")
    return {each["metadata"]["name"] for each in found}


def address(connection: Connection) -> str:
    service = connection.service(f"{MODEL}-predictor")
    assert service is not None
    return str(service["spec"]["clusterIP"])


def until(holds: Callable[[], bool], *, every_s: float = 0.1, timeout_s: float = 120.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"not after {timeout_s:.0f} s"
        time.sleep(every_s)


def assert_nobody_was_disturbed(change: Change, *, before: float, after: float) -> None:
    """before, after: what the two releases answer."""
    flowing = change.traffic
    early = [each for each in flowing.answers if each.asked_s < change.written_s]
    late = [each for each in flowing.answers if each.asked_s > change.gone_s]

    assert not flowing.failures, "\n".join([f"{len(flowing.failures)} of {flowing.requests}", *flowing.failures[:20]])
    assert flowing.requests >= REQUESTS
    assert all(flowing.answered(kind) >= AT_LEAST for kind in CLIENTS)
    assert {round(each.probability, 9) for each in flowing.answers} == {round(before, 9), round(after, 9)}
    assert {round(each.probability, 9) for each in early} == {round(before, 9)}
    assert {round(each.probability, 9) for each in late} == {round(after, 9)}


@pytest.mark.timeout(300)
def test_no_request_is_lost_while_a_release_replaces_another_and_while_it_is_put_back(
    platform: ReachablePlatform, publish: Publish, retail_propensity: Path, retail_retrained: Path
) -> None:
    first = publish(retail_propensity, model_name=MODEL, version=1)
    second = publish(retail_retrained, model_name=MODEL, version=2)
    answers = expectations_of(retail_propensity, weights=export.VARIABLES)
    others = expectations_of(retail_retrained, weights=RETRAINED)
    run_to_its_end(first, expectations=answers, platform=platform, run_id="run-1")
    platform.deploy_candidate(second, run_id="run-2", timeout_s=WAIT_S)

    replaced = under_traffic(
        lambda: run_to_its_end(second, expectations=others, platform=platform, run_id="run-2"),
        connection=platform.connection,
    )
    live = platform.live_service(MODEL)
    restored = under_traffic(
        lambda: restore(first, model_name=MODEL, run_id="run-3", platform=platform), connection=platform.connection
    )

    assert live is not None
    assert (live.release, live.former, live.phase, live.run_id) == (second, first, PROMOTED, "run-2")
    assert platform.wait_until_live(first, timeout_s=WAIT_S).version == 1
    print(summary(replaced, "replaced"), summary(restored, "restored"), sep="\n")
    assert_nobody_was_disturbed(replaced, before=probability_of(answers), after=probability_of(others))
    assert_nobody_was_disturbed(restored, before=probability_of(others), after=probability_of(answers))


def summary(change: Change, name: str) -> str:
    flowing = change.traffic
    counts = ", ".join(f"{kind} {flowing.answered(kind)}" for kind in dict.fromkeys(CLIENTS))
    lasted = max(each.asked_s for each in flowing.answers) - min(each.asked_s for each in flowing.answers)
    done = f"change {change.gone_s - change.written_s:.1f} s"
    return f"{name}: {flowing.requests} requests in {lasted:.1f} s ({counts}), {done}, {len(flowing.failures)} failed"
