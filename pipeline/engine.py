"""Running the compiled pipeline here: kfp.local as engine, subprocesses, no pip step. What a run on this machine and
one that acts on a cluster share."""

import contextlib
import json
import os
import secrets
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from components.platforms.local.environment import environment
from components.platforms.local.home import Home
from components.platforms.local.session import stop_steps
from components.reporting import RUN_DIRECTORY_VARIABLE
from pipeline import results
from pipeline.progress import Heartbeat, StepLog, last_lines
from pipeline.results import RunResult


@dataclass(frozen=True)
class RunRequest:
    """A run to make. `parameters` are the pipeline's, typed as it declares them."""

    pipeline_yaml: str
    parameters: Mapping[str, Any]
    home: Home
    keep: bool = False

    @property
    def model_name(self) -> str:
        return str(self.parameters["model_name"])


def new_run_id() -> str:
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def execute(request: RunRequest, directory: Path, *, console: Console) -> tuple[StepLog, str]:
    """Runs the steps. Returns what they have told, and what the pipeline engine complained of, if it did."""
    from kfp import components as kfp_components
    from kfp import dsl, local

    # The engine would give the run a number of its own; whoever puts things back later goes by this one.
    # As a backend does, only where it is the whole of a value.
    whole = f"constant: '{dsl.PIPELINE_JOB_ID_PLACEHOLDER}'\n"
    pipeline_yaml = without_pip(request.pipeline_yaml).replace(whole, f"constant: '{directory.name}'\n")
    pipeline = kfp_components.load_component_from_text(pipeline_yaml)
    log_path = directory / "log.txt"
    with log_path.open("w", encoding="utf-8") as log_file, _step_environment(directory, request.home) as temporary:
        # An interrupted step may still write while kfp.local removes its workspace: nothing of ours stands in that.
        workspace, root = str(Path(temporary, "workspace")), str(directory / "steps")
        local.init(local.SubprocessRunner(use_venv=False), pipeline_root=root, workspace_root=workspace)
        steps = StepLog(log_file, console)
        try:
            with contextlib.redirect_stdout(steps), Heartbeat(steps), _quiet():
                pipeline(**request.parameters)
        except RuntimeError as error:
            # Where a step failed it has said why, and this repeats only its name; else this is all there is.
            return steps, str(error)
    return steps, ""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """kfp.local warns, for every step, that resource requests and display names mean nothing to it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"kfp\.")
        yield


def without_pip(pipeline_yaml: str) -> str:
    """The pipeline without the line that installs packages when a step starts: here they are installed."""
    documents = list(yaml.safe_load_all(pipeline_yaml))
    for executor in documents[0]["deploymentSpec"]["executors"].values():
        command = executor["container"]["command"]
        if len(command) > 3 and "pip install" in command[2]:
            executor["container"]["command"] = command[3:]
    return yaml.safe_dump_all(documents, sort_keys=False)


@contextlib.contextmanager
def _step_environment(directory: Path, home: Home) -> Iterator[str]:
    """Temporary files of the steps vanish with the run; failures are left in the run's directory."""
    with tempfile.TemporaryDirectory(prefix="savedmodel-release-") as temporary:
        installed = str(Path(__file__).resolve().parent.parent)
        values = {
            "TMPDIR": temporary,
            RUN_DIRECTORY_VARIABLE: str(directory),
            "PYTHONSAFEPATH": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, (installed, os.environ.get("PYTHONPATH")))),
        }
        with environment(values):
            try:
                yield temporary
            finally:  # the engine does not stop the step that an interruption finds at work, and that writes there
                stop_steps(home, directory.name)


def verdict(request: RunRequest, run_id: str, *, steps: StepLog, complaint: str) -> RunResult:
    directory = request.home.run(run_id)
    outputs = results.collect(directory)
    failed_step, error = _failure(directory, steps)
    if error is None and (complaint or outputs.state == results.FAILED):
        error = {"kind": "EngineFailed", "message": complaint or "The pipeline ended without a verdict."}
    state = results.FAILED if error else outputs.state
    return RunResult(
        state=state,
        run_id=run_id,
        outputs=outputs,
        report=str(directory / "report.html"),
        seconds=dict(steps.seconds),
        model_name=request.model_name,
        failed_step=failed_step,
        error=error,
    )


def _failure(directory: Path, steps: StepLog) -> tuple[str | None, Mapping[str, Any] | None]:
    """The failed step and its error: what it left, or the end of the log if it was killed before it could."""
    failed_step = steps.failed[0] if steps.failed else None
    if failed_step is None:
        return None, None
    left = directory / "failure.json"
    if left.exists():
        failure = json.loads(left.read_text(encoding="utf-8"))
        return str(failure["failed_step"]), failure["error"]
    log_path = directory / "log.txt"
    message = f"{failed_step} ended without a word, as if it was killed. The log ends with:\n{last_lines(log_path)}"
    return failed_step, {"kind": "StepKilled", "message": message, "where": str(log_path)}
