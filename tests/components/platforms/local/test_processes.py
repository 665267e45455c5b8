import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from components.platforms.local.processes import CANDIDATE, STEP, Owner, ProcessRecord, owned, start, stop, tail

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    yield Owner(str(tmp_path), "run-1", CANDIDATE)
    stop([process for process, _ in owned(tmp_path)], grace_s=0.1)


def test_an_owner_survives_its_text_even_with_bars_in_the_home() -> None:
    owner = Owner("/tmp/a|b", "run-1", STEP)

    assert Owner.parse(str(owner)) == owner
    assert Owner.parse("nonsense") is None


def test_a_started_process_is_found_by_its_home_and_only_there(tmp_path: Path, owner: Owner) -> None:
    record = start(SLEEP, owner=owner, log_file=tmp_path / "log")

    assert [(process.pid, found) for process, found in owned(tmp_path)] == [(record.pid, owner)]
    assert list(owned(tmp_path / "elsewhere")) == []


def test_grandchildren_are_found_too(tmp_path: Path, owner: Owner) -> None:
    code = f"import subprocess, time; subprocess.Popen({SLEEP!r}); print('ready', flush=True); time.sleep(60)"
    start([sys.executable, "-c", code], owner=owner, log_file=tmp_path / "log")
    while "ready" not in tail(tmp_path / "log"):
        time.sleep(0.02)

    assert len(list(owned(tmp_path))) == 2


def test_stopping_kills_what_does_not_end_when_asked(tmp_path: Path, owner: Owner) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    )
    record = start([sys.executable, "-c", code], owner=owner, log_file=tmp_path / "log")
    while "ready" not in tail(tmp_path / "log"):
        time.sleep(0.02)

    stop([psutil.Process(record.pid)], grace_s=0.2)

    assert not record.alive


def test_a_record_does_not_mistake_a_later_process_with_the_same_number() -> None:
    mine = ProcessRecord.of(os.getpid())

    assert mine.alive
    assert not ProcessRecord(mine.pid, mine.created - 100).alive


def test_a_process_that_has_ended_is_not_alive(tmp_path: Path) -> None:
    with subprocess.Popen(SLEEP) as child:
        record = ProcessRecord.of(child.pid)
        child.kill()

    assert not record.alive
