"""Answers that are JSON and none of this API's."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.kfp_standin.script import Script
from tests.kfp_standin.server import Standin
from tests.pipeline.kubeflow.commands import RELEASE, Outcome, schedule, submit


@pytest.fixture
def run_id(standin: Standin) -> str:
    standin.store.script = Script(endless="score-batch")
    return str(submit(standin, *RELEASE, "--no-wait", "--json").json["run_id"])


@pytest.mark.parametrize(
    "details",
    [
        '"run_details": {"task_details": [null]}',
        '"run_details": {"task_details": [{"child_tasks": [null]}]}',
        '"created_at": "yesterday"',
        '"created_at": {}',
        '"state_history": [{"state": {}}]',
        '"state_history": 1',
        '"run_id": null',
    ],
)
def test_a_run_that_cannot_be_read_goes_on(standin: Standin, run_id: str, details: str) -> None:
    looks, seen = standin.store.run, []

    def garbled(run_id: str) -> Any:
        seen.append(run_id)
        return looks(run_id) if len(seen) < 3 else f'{{"run_id": "{run_id}", "state": "RUNNING", {details}}}'

    standin.store.run = garbled  # type: ignore[method-assign]

    done = submit(standin, "--follow", run_id, "--timeout-s", "5", "--json")

    assert (done.status, done.json["state"], done.json["error_details"]["kind"]) == (1, "running", "NotTheBackend")
    assert f"savedmodel-release submit --follow {run_id}" in done.err


def test_times_with_and_without_a_zone_are_compared(standin: Standin, run_id: str) -> None:
    tasks = (
        '{"display_name": "a", "state": "SUCCEEDED", "start_time": "2026-01-01T00:00:00", '
        '"end_time": "2026-01-01T00:00:05Z"}, {"display_name": "b", "start_time": "2026-01-01T00:00:00Z"}'
    )
    body = f'{{"run_id": "{run_id}", "state": "SUCCEEDED", "run_details": {{"task_details": [{tasks}]}}}}'
    standin.store.run = lambda run_id: body  # type: ignore[method-assign]

    done = submit(standin, "--follow", run_id, "--timeout-s", "5", "--json")

    assert (done.status, done.json["seconds"]) == (0, {"a": 5.0})


def test_an_answer_without_an_id_is_none(standin: Standin) -> None:
    calls: list[tuple[str, Callable[[], Outcome]]] = [
        ("create_run", lambda: submit(standin, *RELEASE, "--no-wait")),
        ("create_recurring_run", lambda: schedule(standin, "--interval", "1h", *RELEASE)),
        ("list_versions", lambda: submit(standin, *RELEASE, "--no-wait")),
    ]
    for method, call in calls:
        makes = getattr(standin.store, method)
        answer = '{"pipeline_versions": [{}]}' if method == "list_versions" else '{"display_name": "made"}'
        setattr(standin.store, method, lambda *_, said=answer: said)
        done = call()
        setattr(standin.store, method, makes)

        assert done.status == 1
        assert done.err.rpartition("\n  ")[2].count("NotTheBackend: ") == 1
        assert "None" not in done.out + done.err


@pytest.mark.parametrize("listed", ["[null]", "3", "[{}]"])
def test_schedules_that_cannot_be_read_are_explained(standin: Standin, listed: str) -> None:
    standin.store.list_recurring_runs = lambda query: f'{{"recurringRuns": {listed}}}'  # type: ignore[method-assign]

    done = schedule(standin, "--list")

    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("NotTheBackend: ")
