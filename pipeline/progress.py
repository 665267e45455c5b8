"""What a person sees while a run goes on: a line when a step begins and ends, and the step's own messages.

kfp.local prints everything, each step's whole input included, to standard output; all of it goes to the run's log file
and the lines that tell something to the terminal, on standard error.
"""

import io
import re
import threading
import time
from pathlib import Path
from typing import TextIO

from rich.console import Console

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_BEGIN = re.compile(r"Executing task '?([\w-]+?)(-\d+)?'?$")
_END = re.compile(r"Task '?([\w-]+?)(-\d+)?'? finished with status (\w+)")
_MESSAGE = re.compile(r"^\s*(INFO|WARNING|ERROR) ((?:components|model|webapp|pipeline)[\w.]*): (.*)")
#: A step that says nothing for so long is reported as still running.
HEARTBEAT_S = 5.0


def elapsed_s(began: float) -> float:
    """Seconds since `began` of the monotonic clock, rounded once: the terminal and the JSON tell the same number."""
    return round(time.monotonic() - began, 1)


class StepLog(io.TextIOBase):
    """A standard output for kfp.local that knows which step runs and for how long."""

    def __init__(self, log_file: TextIO, console: Console) -> None:
        self._log_file, self._console = log_file, console
        self._pending = ""
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []
        self.running: str | None = None
        self._began = self._spoke = time.monotonic()

    def write(self, text: str) -> int:
        *lines, self._pending = (self._pending + text).split("\n")
        for line in lines:
            self._line(_ANSI.sub("", line))
        return len(text)

    def _line(self, line: str) -> None:
        self._log_file.write(f"{line}\n")
        self._log_file.flush()
        if match := _BEGIN.search(line):
            self._begin(match[1].replace("-", "_"))
        elif match := _END.search(line):
            self._end(match[1].replace("-", "_"), succeeded=match[3] == "SUCCESS")
        elif (match := _MESSAGE.match(line)) and self.running and match[2] != "components.reporting":
            self._say(f"      {match[3]}", style="yellow" if match[1] == "WARNING" else "dim")

    def _begin(self, step: str) -> None:
        self.running, self._began = step, time.monotonic()
        self._say(f"  … {step}")

    def _end(self, step: str, *, succeeded: bool) -> None:
        self.seconds[step] = elapsed_s(self._began)
        self.running = None
        if not succeeded:
            self.failed.append(step)
        mark, style = ("✓", "green") if succeeded else ("✗", "red")
        self._say(f"  {mark} {step} {self.seconds[step]:.1f} s", style=style)

    def _say(self, text: str, *, style: str = "") -> None:
        self._spoke = time.monotonic()
        self._console.print(text, style=style or None, soft_wrap=True)

    def beat(self) -> None:
        """Says that the running step still runs, if it has been silent for a while."""
        now = time.monotonic()
        if self.running and now - self._spoke >= HEARTBEAT_S:
            self._say(f"      still running after {now - self._began:.0f} s", style="dim")


class Heartbeat:
    """Calls `StepLog.beat` now and then while the block runs."""

    def __init__(self, steps: StepLog) -> None:
        self._steps, self._done = steps, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._done.wait(1.0):
            self._steps.beat()

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()


def last_lines(log_file: Path, *, lines: int = 15) -> str:
    """The end of a run's log, for a step that left no word of its own."""
    return "\n".join(log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
