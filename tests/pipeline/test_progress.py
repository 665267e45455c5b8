"""What the terminal tells of the steps, out of what the engine prints."""

import io

import pytest
from rich.console import Console

from pipeline.progress import StepLog


@pytest.mark.parametrize("took", [41.549, 41.55, 41.451, 0.04])
def test_the_terminal_and_the_json_tell_the_same_seconds(took: float, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("pipeline.progress.time.monotonic", lambda: now)
    terminal = io.StringIO()
    log = StepLog(io.StringIO(), Console(file=terminal))

    log.write("Executing task 'score-batch'\n")
    now += took
    log.write("Task 'score-batch' finished with status SUCCESS\n")

    assert f"✓ score_batch {log.seconds['score_batch']} s" in terminal.getvalue()
