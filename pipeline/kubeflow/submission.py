"""Starting a run of the compiled pipeline, and telling how it ended."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from model.errors import InvalidValue, ReleaseError
from pipeline.engine import new_run_id
from pipeline.kubeflow import names
from pipeline.kubeflow.backend import Backend
from pipeline.kubeflow.compiled import Compiled
from pipeline.kubeflow.errors import BackendError, BackendRefused, BackendUnavailable, NotTheBackend
from pipeline.kubeflow.failures import Failure
from pipeline.kubeflow.options import Asked
from pipeline.kubeflow.parameters import release_parameters
from pipeline.kubeflow.runs import Run
from pipeline.kubeflow.versions import Version, ensure


@dataclass(frozen=True)
class Prepared:
    """A run to start; nothing has been asked of the backend yet. name: its own, so that it is found again."""

    name: str
    compiled: Compiled
    pipeline_name: str
    experiment: str
    parameters: Mapping[str, Any]
    service_account: str = ""

    @classmethod
    def from_options(cls, asked: Asked, *, name: str = "") -> "Prepared":
        """name: empty for one of its own.

        Raises:
            InvalidValue
        """
        compiled = Compiled.parse(asked.pipeline_yaml())
        pipeline_name = asked.pipeline_name or compiled.name
        # As kfp has it: this one overrides what was asked for.
        experiment = os.environ.get("KF_PIPELINES_OVERRIDE_EXPERIMENT_NAME") or asked.experiment or "Default"
        names.check_pipeline(pipeline_name, version_name=compiled.version_name(pipeline_name))
        names.check_experiment(experiment)
        return cls(
            name=name or f"{asked.model_name} {new_run_id()}",
            compiled=compiled,
            pipeline_name=pipeline_name,
            experiment=experiment,
            parameters=release_parameters(compiled, given=asked.given, settings=asked.settings),
            service_account=asked.service_account,
        )


@dataclass(frozen=True)
class Started:
    """A run that the backend has. version: None if it was only followed."""

    run_id: str
    name: str
    version: Version | None = None


def start(backend: Backend, prepared: Prepared, *, console: Console) -> Started:
    """
    Raises:
        BackendError
    """
    version = ensure(backend, prepared.compiled, pipeline_name=prepared.pipeline_name)
    tell_version(version, backend=backend, console=console)
    experiment_id = backend.experiment_id(prepared.experiment)
    try:
        run_id = backend.start_run(
            prepared.name,
            experiment_id=experiment_id,
            version=(version.pipeline_id, version.version_id),
            parameters=prepared.parameters,
            account=prepared.service_account,
        )
    except (BackendUnavailable, NotTheBackend) as error:
        # The answer was lost, and perhaps only the answer.
        run_id = _found(backend, prepared.name, experiment_id=experiment_id)
        if not run_id:
            perhaps = f"If a run has been started, the list of runs in the UI has it as {prepared.name!r}."
            do = f"{error.do} {perhaps}".lstrip()
            told = {"expected": error.expected, "found": error.found, "where": error.where, "do": do}
            raise type(error)(**told, status=error.status) from error
    return Started(run_id, prepared.name, version)


def _found(backend: Backend, name: str, *, experiment_id: str) -> str:
    try:
        return backend.run_named(name, experiment_id=experiment_id)
    except BackendError:
        return ""


def existing(backend: Backend, run_id: str) -> Run:
    """
    Raises:
        InvalidValue: there is no run with that id.
        BackendError
    """
    try:
        return backend.run(run_id)
    except BackendRefused as error:
        if error.status not in (400, 404):
            raise
        do = "The run's page in the UI has it in its URL, after /runs/details/."
        raise InvalidValue(expected="the id of a run", found=run_id, where=backend.endpoint, do=do) from error


def tell_version(version: Version, *, backend: Backend, console: Console) -> None:
    what = "uploaded" if version.uploaded else "has been uploaded before"
    console.print(f"pipeline version {version.name} {what}", soft_wrap=True)
    console.print(f"  {backend.version_link(version.pipeline_id, version.version_id)}", style="dim", soft_wrap=True)


def show(run: Run, failure: Failure | None, *, backend: Backend, console: Console) -> None:
    """The verdict, and what failed."""
    took = f" ({run.seconds:.0f} s)" if run.seconds is not None else ""
    if failure is None:
        console.print(f"{run.name}: {run.state.lower()}{took}", style="bold green", soft_wrap=True)
        return
    what = "the run was terminated" if run.was_canceled else f"{failure.step or 'the run'} failed"
    console.print(f"{run.name}: {what}{took}", style="bold red", soft_wrap=True)
    console.print(f"{failure.kind}: {failure.message}", soft_wrap=True)
    if failure.log_url:
        console.print(f"its log   {failure.log_url}", soft_wrap=True)
    console.print(f"its page  {backend.run_link(run.run_id)}", soft_wrap=True)


def to_json(
    started: Started | None,
    *,
    link: str = "",
    run: Run | None = None,
    failure: Failure | None = None,
    error: ReleaseError | None = None,
    message: str = "",
) -> str:
    """One line of JSON, as `submit --json` prints it last. message: why there is no verdict, where there is none."""
    version = started.version if started else None
    details = failure.fields() if failure else json.loads(error.to_json()) if error else None
    return json.dumps(
        {
            "state": _state(started, run),
            "run_id": started.run_id if started else None,
            "run_name": started.name if started else None,
            "run_url": link or None,
            "pipeline_id": version.pipeline_id if version else None,
            "pipeline_version_id": version.version_id if version else None,
            "pipeline_version": version.name if version else None,
            "uploaded": version.uploaded if version else None,
            "failed_step": (failure.step or None) if failure else None,
            "error": details["message"] if details else message or None,
            "error_details": {key: value for key, value in details.items() if key != "message"} if details else None,
            "log_url": (failure.log_url or None) if failure else None,
            "seconds": _seconds(run) if run else {},
        },
        ensure_ascii=False,
    )


def _state(started: Started | None, run: Run | None) -> str:
    if run is not None:
        return "terminated" if run.was_canceled and run.is_over else run.state.lower()
    return "running" if started else "not_started"


def _seconds(run: Run) -> dict[str, float]:
    steps = {step.name.replace("-", "_"): step.seconds for step in run.steps()}
    return {name: seconds for name, seconds in {**steps, "total": run.seconds}.items() if seconds is not None}
