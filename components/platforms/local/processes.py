"""Processes of a home: started apart from the terminal, found again by whoever comes later, and stopped for good.

Every process that a run starts inherits SAVEDMODEL_RELEASE_OWNER, which names home, run and role. So what a killed run
left can be told from everything else on the machine, grandchildren (a Java process, Spark's workers) included.
"""

import logging
import os
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from model import json_codec

log = logging.getLogger(__name__)

OWNER_VARIABLE = "SAVEDMODEL_RELEASE_OWNER"
POLL_S = 0.02
STEP, CANDIDATE, MODEL_SERVER, WEBAPP = "step", "candidate", "model-server", "webapp"


@dataclass(frozen=True)
class Owner:
    """Who started a process: the home, the run, and the role it was started for."""

    home: str
    run_id: str
    role: str

    def __str__(self) -> str:
        return f"{self.home}|{self.run_id}|{self.role}"

    @classmethod
    def parse(cls, text: str) -> "Owner | None":
        parts = text.rsplit("|", 2)
        return cls(*parts) if len(parts) == 3 else None


@dataclass(frozen=True)
class ProcessRecord:
    """A process, told from a later one with the same number by its start time, `created`, in epoch seconds."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> "ProcessRecord":
        return cls(pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """The process, if it is the recorded one and still runs."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < 0.01
            return process if same and _runs(process) else None
        except psutil.NoSuchProcess:
            return None

    @property
    def alive(self) -> bool:
        return self.process() is not None

    def to_json(self) -> str:
        return json_codec.to_json(self)


def start(command: Sequence[str], *, owner: Owner, log_file: Path) -> ProcessRecord:
    """Starts a process in a session of its own, so that Ctrl-C in the terminal does not reach it; its output goes to
    `log_file`, which is emptied first."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, OWNER_VARIABLE: str(owner), "PYTHONUNBUFFERED": "1"}
    with log_file.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    _leave_running(child)
    _wait_until_marked(child.pid)
    return ProcessRecord.of(child.pid)


def _wait_until_marked(pid: int) -> None:
    """The kernel shows a new program's environment some microseconds after it has begun: until then the process could
    not be found by it."""
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        try:
            if OWNER_VARIABLE in psutil.Process(pid).environ():
                return
        except psutil.Error:
            return
        time.sleep(0.001)


def _leave_running(child: "subprocess.Popen[bytes]") -> None:
    # Popen would warn, when it is collected, that its process still runs: this one is meant to.
    child.returncode = 0


def owned(home: Path) -> Iterator[tuple[psutil.Process, Owner]]:
    """All processes of this home on this machine that may be looked at, whoever started them; not the caller itself."""
    for process in psutil.process_iter():
        try:
            text = process.environ().get(OWNER_VARIABLE, "")
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        owner = Owner.parse(text) if text else None
        if owner is not None and owner.home == str(home):
            yield process, owner


def stop(processes: Iterable[psutil.Process], *, grace_s: float = 2.0) -> None:
    """Asks the processes to end, and kills those that have not after `grace_s` seconds."""
    asked = list(processes)
    for process in asked:
        _signal(process, kill=False)
    remaining = _wait_for_end(asked, timeout_s=grace_s)
    for process in remaining:
        log.info("process %d did not end within %.0f s: killed", process.pid, grace_s)
        _signal(process, kill=True)
    _wait_for_end(remaining, timeout_s=grace_s)


def _wait_for_end(processes: list[psutil.Process], *, timeout_s: float) -> list[psutil.Process]:
    """Waits for the processes to end, and returns those that have not. A zombie has ended: its parent, another process
    of this run, has only not asked how."""
    deadline = time.monotonic() + timeout_s
    while (remaining := [each for each in processes if _runs(each)]) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return remaining


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.NoSuchProcess:
        return


def tail(log_file: Path, *, lines: int = 12) -> str:
    """The last lines of a log, for an error message; empty if there is none."""
    if not log_file.exists():
        return ""
    return "\n".join(log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
