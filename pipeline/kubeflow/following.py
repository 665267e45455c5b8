"""Following a run until it is over, through what passes."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from rich.console import Console

from model.errors import ReleaseError
from pipeline.kubeflow.backend import Backend
from pipeline.kubeflow.errors import BackendUnavailable, LoginNeeded
from pipeline.kubeflow.runs import CANCELING, FAILED, RUNNING, SKIPPED, SUCCEEDED, Node, Run

#: An API that does not answer for so long is given up; the run goes on.
PATIENCE_S = 600.0


class StillRunning(ReleaseError):
    """Nobody follows the run any more; it goes on."""


@dataclass(frozen=True)
class Pace:
    """timeout_s: for all; poll_s: between looks; patience_s: without an answer. clock, sleep: as in `time`."""

    timeout_s: float
    poll_s: float = 5.0
    patience_s: float = PATIENCE_S
    clock: Callable[[], float] = field(default=time.monotonic)
    sleep: Callable[[float], None] = field(default=time.sleep)


class Session:
    """A backend that is connected anew when its token has expired."""

    def __init__(self, connect: Callable[[], Backend]) -> None:
        self._connect = connect
        self.backend = connect()

    def renew(self) -> None:
        self.backend.close()
        self.backend = self._connect()

    def close(self) -> None:
        self.backend.close()


def follow(session: Session, run_id: str, *, pace: Pace, console: Console, terminated: bool = False) -> Run:
    """Tells of each step on `console`. Returns the run when it is over, however it ended. terminated: by us; the
    run's own history need not say so.

    Raises:
        StillRunning: it goes on after timeout_s.
        BackendError: the API cannot be asked any more; the run goes on.
    """
    teller = StepTeller(console)
    looks = _Looks(session, run_id, pace=pace, console=console)
    deadline = pace.clock() + pace.timeout_s
    while True:
        run = looks.look()
        if run is not None:
            teller.tell(run)
            terminated = terminated or run.state == CANCELING
            if run.is_over:
                return run.ended_by_somebody() if terminated else run
        if pace.clock() >= deadline:
            raise StillRunning(
                expected=f"the run to be over after {pace.timeout_s:.0f} s",
                found=f"it is {run.state if run else 'not known how it stands'}, and goes on",
                where=session.backend.run_link(run_id),
                do=f"Go on with --follow {run_id}, or set --timeout-s.",
            )
        pace.sleep(pace.poll_s)


T = TypeVar("T")


def patiently(
    call: Callable[[], T], *, pace: Pace, console: Console, passes: Callable[[BackendUnavailable], bool]
) -> T:
    """What `call` returns, once the API answers. passes: whether that is to be waited for.

    Raises:
        BackendError
    """
    patience = _Patience(replace(pace, patience_s=min(pace.patience_s, pace.timeout_s)), console)
    while True:
        try:
            found = call()
            patience.answered()
            return found
        except BackendUnavailable as error:
            if not passes(error):
                raise
            patience.bear(error)
        pace.sleep(pace.poll_s)


class _Patience:
    """Bears it that nobody answers for a while, and says so once."""

    def __init__(self, pace: Pace, console: Console) -> None:
        self._pace, self._console = pace, console
        self._answered, self._complained = pace.clock(), False

    def bear(self, error: BackendUnavailable) -> None:
        if self._pace.clock() - self._answered >= self._pace.patience_s:
            raise error
        if not self._complained:
            self._console.print(f"  the API does not answer ({error.found}); the run goes on", style="yellow")
        self._complained = True

    def answered(self) -> None:
        if self._complained:
            self._console.print("  the API answers again", style="dim")
        self._answered, self._complained = self._pace.clock(), False


class _Looks:
    """Asks for the run, and bears it that nobody answers for a while, or that a token expires."""

    def __init__(self, session: Session, run_id: str, *, pace: Pace, console: Console) -> None:
        self._session, self._run_id = session, run_id
        self._patience, self._renewed = _Patience(pace, console), False

    def look(self) -> Run | None:
        """None: no answer this time."""
        try:
            run = self._session.backend.run(self._run_id)
        except BackendUnavailable as error:
            self._patience.bear(error)
            return None
        except LoginNeeded:
            if self._renewed:
                raise
            self._renew()
            return None
        self._patience.answered()
        self._renewed = False
        return run

    def _renew(self) -> None:
        try:
            self._session.renew()
            self._renewed = True
        except BackendUnavailable as error:
            self._patience.bear(error)


_ENDS = {SUCCEEDED: ("✓", "green"), FAILED: ("✗", "red"), SKIPPED: ("–", "dim")}


class StepTeller:
    """A line when a step begins, and one when it ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: dict[str, str] = {}
        self._waits = False

    def tell(self, run: Run) -> None:
        steps = run.steps()
        if not steps and not run.is_over and not self._waits:
            self._waits = True
            self._console.print(f"  waiting for the first step (run {run.state.lower()})", style="dim")
        for step in steps:
            if self._told.get(step.name) != step.state:
                self._told[step.name] = step.state
                self._tell(step)

    def _tell(self, step: Node) -> None:
        name = step.name.replace("-", "_")
        if step.state == RUNNING:
            self._console.print(f"  … {name}")
        elif step.state in _ENDS:
            mark, style = _ENDS[step.state]
            took = f" {step.seconds:.0f} s" if step.seconds is not None else ""
            self._console.print(f"  {mark} {name}{took}", style=style)
