"""Runs that are really executed, on this machine, each by a process of its own.

    with executing(home) as execute:
        store = Store(execute.clock, execute=execute)

The steps see the API's run id, and act on the home (`components.platforms.local.home`); states, times and logs that the
API tells are theirs.
"""

import contextlib
import json
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from components.platforms.local.home import Home
from model.errors import ReleaseError
from pipeline.engine import RunRequest
from pipeline.local import run_here
from tests.kfp_standin.script import Clock, Course, Node
from tests.kfp_standin.specification import Specification
from tests.servers import ROOT

#: As `pipeline.progress` tells that a step begins, and how it ends.
_TOLD = re.compile(r"  ([…✓✗]) (\w+)")


@dataclass
class Executed(Course):
    """A run on its way. began, ended: by step; the latter with whether it failed. finished: when the process ended."""

    log_file: Path = Path()
    process: Any = None
    began: dict[str, float] = field(default_factory=dict)
    ended: dict[str, tuple[float, bool]] = field(default_factory=dict)
    finished: float | None = None

    def follow(self, clock: Clock) -> None:
        """Reads what the process tells until it ends. The API tells whole seconds, so a step begins a second after the
        one before at the earliest, as it always does in a pod."""
        began = 0.0
        for line in self.process.stderr:
            print(line, end="", file=sys.__stderr__)  # for whoever looks why a test fails
            if match := _TOLD.match(line):
                step = match[2].replace("_", "-")
                if match[1] == "…":
                    began = self.began[step] = max(clock.now(), began + 1)
                else:
                    self.ended[step] = (max(clock.now(), began), match[1] == "✗")
        self.process.wait()
        self.finished = max(clock.now(), began)

    def cancel(self, now: float) -> None:
        super().cancel(now)
        self.process.terminate()

    def over(self) -> float | None:
        return self.finished

    def log(self, pod: str, now: float) -> str | None:
        step = dict(self.pods()).get(pod)
        if step not in self.began or "driver" in pod:
            return super().log(pod, now)
        return _section(self.log_file.read_text(encoding="utf-8"), step)

    def _verdict(self) -> str:
        if self.canceled is not None:
            return self.script.canceled_as
        return "FAILED" if self.process.returncode else "SUCCEEDED"

    def _step(self, step: str, begins: float) -> tuple[list[Node], float | None, bool]:
        if step not in self.began:
            return [], None, False
        began, (ended, failed) = self.began[step], self.ended.get(step, (None, False))
        driver = self._attempted(f"{step}/driver", f"{step}-driver", began, began, False, "system-container-driver")
        executor = self._attempted(f"{step}/executor", "executor", began, ended, failed, "system-container-impl")
        group = Node(f"{step}/", step, began, ended, failed, self._ids(executor[:1]))
        return [*driver, group, *executor], ended, failed


def _section(log: str, step: str) -> str:
    """What the step printed, of all that kfp.local wrote."""
    _, _, since = log.partition(f"Executing task '{step}'")
    printed, _, _ = since.partition(f"Task '{step}' finished")
    lines = printed.split("\n")[2:]  # the rest of that line, and a heading
    return textwrap.dedent("\n".join(lines[:-1]))


def _texts(specification: Specification) -> dict[str, str]:
    """The defaults that are text: whoever runs the pipeline looks at some of its parameters."""
    defaults = {name: each.get("defaultValue") for name, each in specification.parameters.items()}
    return {name: value for name, value in defaults.items() if isinstance(value, str)}


@dataclass
class Executing:
    """What a store asks to begin a run."""

    home: Path
    clock: Clock = field(default_factory=Clock)
    begun: list[tuple[Executed, threading.Thread]] = field(default_factory=list)

    def __call__(
        self, run_id: str, scripted: Course, specification: Specification, parameters: Mapping[str, Any]
    ) -> Course:
        order = self.home / f"{run_id}.json"
        order.parent.mkdir(exist_ok=True)
        asked = {"pipeline_yaml": specification.text, "parameters": {**_texts(specification), **parameters}}
        order.write_text(json.dumps(asked), encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(order)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        course = Executed(
            scripted.workflow,
            scripted.steps,
            scripted.exit_step,
            replace(scripted.script, pace_s=0.0),
            scripted.created,
            log_file=Home.at(self.home).run(run_id) / "log.txt",
            process=process,
        )
        follower = threading.Thread(target=course.follow, args=(self.clock,))
        follower.start()
        self.begun.append((course, follower))
        return course

    def close(self) -> None:
        """Ends what still runs; that it puts everything back is waited for."""
        for course, follower in self.begun:
            course.process.terminate()
            follower.join()
            course.process.stderr.close()


@contextlib.contextmanager
def executing(home: Path) -> Iterator[Executing]:
    execute = Executing(home)
    try:
        yield execute
    finally:
        execute.close()


def main() -> int:
    """In the run's own process. Returns its exit status."""
    order = Path(sys.argv[1])
    request = RunRequest(**json.loads(order.read_text(encoding="utf-8")), home=Home.at(order.parent))
    console = Console(stderr=True, markup=False, highlight=False)
    try:
        return 0 if run_here(request, console=console, run_id=order.stem).succeeded else 1
    except ReleaseError as error:
        console.print(f"{type(error).__name__}: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
