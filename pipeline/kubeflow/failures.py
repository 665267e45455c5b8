"""Why a run failed. The API tells nothing of it; the failed step's log does."""

import re
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.kubeflow.backend import Backend
from pipeline.kubeflow.errors import AccessDenied, BackendError, LoginNeeded, NotTheBackend
from pipeline.kubeflow.runs import Run

#: As `components.reporting` tells of a failure.
_OURS = re.compile(r"^ERROR components\.reporting: (\w+) failed\. (\w+): (.*)$")
#: A line that another message begins with: ours, Python's, the launcher's in Go, the workflow engine's.
_NEXT = re.compile(
    r"^(DEBUG|INFO|WARNING|ERROR|CRITICAL) [\w.]+: |^[IWEF]\d{4} [\d:.]+ |^time=|^Error: exit status|^Traceback \(most"
)
_RAISED = re.compile(r"^((?:\w+\.)*[A-Z]\w+)(?:: (.*))?$")
_LAST_LINES = 15


@dataclass(frozen=True)
class Failure:
    """step: empty if not known; message: one paragraph; log_url: empty if no log could be read."""

    step: str
    kind: str
    message: str
    log_url: str = ""

    def fields(self) -> dict[str, Any]:
        return asdict(self)


def failure_of(backend: Backend, run: Run) -> Failure:
    """What went wrong in a run that is over and did not succeed."""
    step = run.failed_step()
    named = step.replace("-", "_")
    if run.was_canceled:
        message = "It was terminated. The next run of this model puts right what it left, or `clean` does at once."
        return Failure(named, "Terminated", message)
    if not step:
        link = backend.run_link(run.run_id)
        return Failure("", "Unknown", f"The API does not say which step failed; the run's page may: {link}")
    return _from_logs(backend, run, step)


def _from_logs(backend: Backend, run: Run, step: str) -> Failure:
    """The first log that tells of this step's failure, else the first that there is, else why there is none."""
    named = step.replace("-", "_")
    other, refusals = None, []
    for pod in run.pods_of(step):
        try:
            log = backend.log(run, pod)
        except BackendError as error:
            refusals.append(error)
            if isinstance(error, (NotTheBackend, AccessDenied, LoginNeeded)):  # so it is for each pod
                break
            continue
        if not log.strip():
            continue
        teller, kind, message = cause(log)
        found = Failure(named, kind, message, backend.log_link(run, pod))
        if teller in ("", found.step):
            return found
        other = other or found
    return other or Failure(named, "NoLog", _why_no_log(next(iter(refusals), None), page=backend.run_link(run.run_id)))


def _why_no_log(refusal: BackendError | None, *, page: str) -> str:
    """refusal: why the logs could not be read, if that is why there is none."""
    if isinstance(refusal, NotTheBackend):
        return f"Its log could not be read: {refusal.where} serves none. The run's page may show it: {page}"
    if refusal is not None:
        return f"Its log could not be read. {refusal}"
    return (
        "There is no log to read: its pod may not have come to start, or was ended from outside. The run's page shows "
        f"the pod's events: {page}"
    )


def cause(log: str) -> tuple[str, str, str]:
    """Who tells it (empty where not our own code does), its kind, and what it says."""
    lines = log.splitlines()
    for index, line in enumerate(lines):
        if match := _OURS.match(line):
            return match[1], match[2], "\n".join([match[3], *_continued(lines[index + 1 :])]).rstrip()
    raised = _raised(lines)
    if raised is not None:
        return "", *raised
    return "", "StepFailed", "Its log ends with:\n" + "\n".join(lines[-_LAST_LINES:])


def _continued(lines: list[str]) -> list[str]:
    """A message may have several lines, such as a server's log."""
    end = next((index for index, line in enumerate(lines) if _NEXT.match(line)), len(lines))
    return lines[:end]


def _raised(lines: list[str]) -> tuple[str, str] | None:
    """The last exception of a traceback, and what it says."""
    begins = [index for index, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    for index in range(begins[-1] + 1, len(lines)) if begins else ():
        if match := _RAISED.match(lines[index]):
            said = "\n".join([match[2] or "", *_continued(lines[index + 1 :])]).strip()
            return match[1].rpartition(".")[2], said or match[1]
    return None
