"""The parts of a run's surroundings that need no model server."""

import sys
from pathlib import Path

import pytest

from components.platforms.local.home import Home
from components.platforms.local.processes import STEP, Owner, ProcessRecord, owned, start
from components.platforms.local.session import is_running, session, stop_leftovers
from model.errors import ReleaseInProgress

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_two_runs_of_one_model_do_not_overlap(tmp_path: Path) -> None:
    home = Home.at(tmp_path)

    with session(home, model_name="rpm", run_id="run-1"):
        with pytest.raises(ReleaseInProgress, match="run-1"), session(home, model_name="rpm", run_id="run-2"):
            raise AssertionError("a second run of the model began")
        with session(home, model_name="other", run_id="run-3"):
            assert is_running(home, "run-3")

    assert not is_running(home, "run-1")


def test_a_step_of_a_dead_run_is_stopped_and_one_of_a_living_run_is_not(tmp_path: Path) -> None:
    home = Home.at(tmp_path)

    with session(home, model_name="rpm", run_id="alive"):
        living = start(SLEEP, owner=Owner(str(home.root), "alive", STEP), log_file=tmp_path / "log")
        dead = start(SLEEP, owner=Owner(str(home.root), "dead", STEP), log_file=tmp_path / "log")
        stop_leftovers(home)

        assert living.alive
        assert not dead.alive

    assert list(owned(home.root)) == []


def test_an_interrupted_run_leaves_no_process(tmp_path: Path) -> None:
    home, started = Home.at(tmp_path), list[ProcessRecord]()

    def interrupted_run() -> None:
        with session(home, model_name="rpm", run_id="run-1"):
            started.append(start(SLEEP, owner=Owner(str(home.root), "run-1", STEP), log_file=tmp_path / "log"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_run()

    assert not started[0].alive
