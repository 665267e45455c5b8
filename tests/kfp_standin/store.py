"""What the stand-in keeps, and what may be done with it."""

import json
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import kfp_server_api

from tests.kfp_standin.answers import Refusal, exists, invalid, missing, plain, said
from tests.kfp_standin.cron import Cron
from tests.kfp_standin.listing import folded, page
from tests.kfp_standin.script import Clock, Course, Script, moment
from tests.kfp_standin.specification import Specification

Query = Mapping[str, str]
#: Begins a run in earnest: its id, the course that the script gives it, the pipeline and its parameters -> its course.
Execute = Callable[[str, Course, Specification, Mapping[str, Any]], Course]
#: Characters that there is room for in the database.
_COLUMN = 255
#: What the backend writes where no account was asked for.
DEFAULT_ACCOUNT = "pipeline-runner"


@dataclass
class Store:
    """script: for runs that are started from now on. execute: None to run nothing. strays: schedules that the cluster
    has, and the database not.
    """

    clock: Clock = field(default_factory=Clock)
    script: Script = field(default_factory=Script)
    execute: Execute | None = None
    multi_user: bool = False
    pipelines: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, Any] = field(default_factory=dict)
    uploads: dict[str, str] = field(default_factory=dict)
    experiments: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, Any] = field(default_factory=dict)
    courses: dict[str, Course] = field(default_factory=dict)
    recurring_runs: dict[str, Any] = field(default_factory=dict)
    strays: list[Any] = field(default_factory=list)
    lock: Any = field(default_factory=threading.RLock)

    # pipelines

    def create_pipeline(self, wanted: Any) -> Any:
        doing = "Failed to create a pipeline due to server error"
        name = wanted.name or wanted.display_name
        if not name:
            raise invalid("pipeline's name cannot be empty", doing=doing)
        _check_length("Pipeline", name, most=128, doing=doing)
        namespace = wanted.namespace or ""
        taken = {(folded(each.name), each.namespace or "") for each in self.pipelines.values()}
        if (folded(name), namespace) in taken:
            raise exists("pipeline", name, doing=doing)
        made = kfp_server_api.V2beta1Pipeline(
            pipeline_id=_new(),
            name=name,
            display_name=wanted.display_name or name,
            description=wanted.description,
            namespace=wanted.namespace,
            created_at=moment(self.clock.now()),
        )
        self.pipelines[made.pipeline_id] = made
        return made

    def upload_pipeline(self, text: str, query: Query) -> Any:
        """The first version has the pipeline's own name."""
        wanted = kfp_server_api.V2beta1Pipeline(
            display_name=query.get("name"), description=query.get("description"), namespace=query.get("namespace")
        )
        _specification(text)
        try:
            made = self.create_pipeline(wanted)
        except Refusal as refusal:
            raise plain(refusal.status, "Failed to create a pipeline and a pipeline version") from refusal
        self.upload_version(text, {**query, "pipelineid": made.pipeline_id})
        return made

    def upload_version(self, text: str, query: Query) -> Any:
        pipeline_id, name = query.get("pipelineid", ""), query.get("name", "")
        if pipeline_id not in self.pipelines:
            raise plain(400, "Failed to create a pipeline version")
        if (pipeline_id, folded(name)) in {(each.pipeline_id, folded(each.name)) for each in self.versions.values()}:
            raise plain(409, "Failed to create a pipeline version")
        _check_length("PipelineVersion", name, most=127, doing="Failed to create a pipeline version")
        _specification(text)
        made = kfp_server_api.V2beta1PipelineVersion(
            pipeline_id=pipeline_id,
            pipeline_version_id=_new(),
            name=name,
            display_name=name,
            created_at=moment(self.clock.now()),
        )
        self.versions[made.pipeline_version_id] = made
        self.uploads[made.pipeline_version_id] = text
        return made

    def list_pipelines(self, query: Query) -> Any:
        namespace = query.get("namespace", "")
        found = [each for each in self.pipelines.values() if (each.namespace or "") == namespace]
        return page("pipelines", found, query)

    def list_versions(self, pipeline_id: str, query: Query) -> Any:
        self._pipeline(pipeline_id)
        found = [each for each in self.versions.values() if each.pipeline_id == pipeline_id]
        return page("pipeline_versions", found, query)

    def _pipeline(self, pipeline_id: str) -> Any:
        if pipeline_id not in self.pipelines:
            raise missing("Pipeline", pipeline_id, doing="Failed to get a pipeline")
        return self.pipelines[pipeline_id]

    # experiments

    def create_experiment(self, wanted: Any) -> Any:
        doing = "Failed to create an experiment"
        namespace = wanted.namespace or ""
        self._check_namespace(namespace, doing=doing)
        _check_length("Experiment", wanted.display_name, most=128, doing=doing)
        taken = {(folded(each.display_name), each.namespace or "") for each in self.experiments.values()}
        if (folded(wanted.display_name), namespace) in taken:
            raise exists("experiment", wanted.display_name, doing=doing)
        made = kfp_server_api.V2beta1Experiment(
            experiment_id=_new(),
            display_name=wanted.display_name,
            description=wanted.description,
            namespace=namespace,
            created_at=moment(self.clock.now()),
            storage_state="AVAILABLE",
        )
        self.experiments[made.experiment_id] = made
        return made

    def list_experiments(self, query: Query) -> Any:
        namespace = query.get("namespace", "")
        self._check_namespace(namespace, doing="Failed to list v2beta1 experiments")
        found = [each for each in self.experiments.values() if (each.namespace or "") == namespace]
        return page("experiments", found, query)

    def _check_namespace(self, namespace: str, *, doing: str) -> None:
        if self.multi_user and not namespace:
            raise invalid("Invalid resource references for experiment. Namespace is empty.", doing=doing)
        if namespace and not self.multi_user:
            raise invalid("In single-user mode, ListExperiments cannot filter by namespace.", doing=doing)

    def _experiment(self, experiment_id: str, *, doing: str) -> Any:
        if experiment_id not in self.experiments:
            raise missing("Experiment", experiment_id, doing=doing)
        return self.experiments[experiment_id]

    # runs

    def create_run(self, wanted: Any) -> Any:
        doing = "Failed to create a run"
        specification, parameters, workflow = self._resolved(wanted, doing=doing)
        now = self.clock.now()
        made = kfp_server_api.V2beta1Run(
            experiment_id=wanted.experiment_id,
            run_id=_new(),
            display_name=wanted.display_name,
            storage_state="AVAILABLE",
            pipeline_version_reference=wanted.pipeline_version_reference,
            runtime_config=kfp_server_api.V2beta1RuntimeConfig(parameters=parameters),
            service_account=wanted.service_account or DEFAULT_ACCOUNT,
            created_at=moment(now),
            scheduled_at=moment(now),
            recurring_run_id=wanted.recurring_run_id,
        )
        self.runs[made.run_id] = made
        course = Course(workflow, list(specification.steps), specification.exit_step, self.script, now)
        if self.execute is not None:
            course = self.execute(made.run_id, course, specification, parameters)
        self.courses[made.run_id] = course
        return self.run(made.run_id)

    def _resolved(self, wanted: Any, *, doing: str) -> tuple[Specification, dict[str, Any], str]:
        self._experiment(wanted.experiment_id, doing=doing)
        specification = self._specified(wanted, doing=doing)
        workflow = f"{specification.name}-{uuid.uuid4().hex[:5]}"
        given = (wanted.runtime_config.parameters if wanted.runtime_config else None) or {}
        return specification, specification.resolved(given, workflow=workflow, doing=doing), workflow

    def _specified(self, wanted: Any, *, doing: str) -> Specification:
        """By a version, or by a specification that comes along: alone, or with the platform's beside it."""
        if wanted.pipeline_spec:
            given = wanted.pipeline_spec
            return _specification(json.dumps(given.get("pipeline_spec", given)))
        reference = wanted.pipeline_version_reference
        version = self.versions.get(reference.pipeline_version_id) if reference else None
        if version is None or version.pipeline_id != reference.pipeline_id:
            raise missing("PipelineVersion", str(reference and reference.pipeline_version_id), doing=doing)
        return Specification.parse(self.uploads[version.pipeline_version_id])

    def run(self, run_id: str) -> Any:
        """As it stands now."""
        if run_id not in self.runs:
            raise missing("Run", run_id, doing="Failed to get a run")
        run, course, now = self.runs[run_id], self.courses[run_id], self.clock.now()
        run.state = course.state(now)
        over = course.over()
        run.finished_at = moment(over if over is not None and over <= now else None)
        run.state_history = [
            kfp_server_api.V2beta1RuntimeStatus(state=state, update_time=moment(now)) for state in course.states(now)
        ]
        run.run_details = kfp_server_api.V2beta1RunDetails(task_details=course.details(now, run_id=run_id))
        return run

    def list_runs(self, query: Query) -> Any:
        experiment_id = query.get("experiment_id", "")
        if self.multi_user and not (query.get("namespace") or experiment_id):
            raise invalid("A list of runs needs a namespace or an experiment", doing="Failed to list runs")
        found = [self.run(each.run_id) for each in self.runs.values() if experiment_id in ("", each.experiment_id)]
        return page("runs", found, query)

    def terminate_run(self, run_id: str) -> Any:
        run = self.run(run_id)
        if run.state not in ("PENDING", "RUNNING"):
            raise invalid(f"run {run_id} is {run.state}", doing="Failed to terminate a run")
        self.courses[run_id].cancel(self.clock.now())
        return {}

    def log(self, run_id: str, pod: str) -> str:
        """
        Raises:
            Refusal: 500, whatever is wrong.
        """
        if run_id not in self.runs:
            raise plain(500, f"BadRequestError: Failed to read logs for run {run_id} due to run fetching error")
        text = self.courses[run_id].log(pod, self.clock.now())
        if text is None:
            raise plain(500, f"BadRequestError: Failed to read logs for run {run_id}: pods {pod!r} not found")
        return text

    # recurring runs

    def create_recurring_run(self, wanted: Any) -> Any:
        doing = "Failed to create a recurring run"
        self._resolved(wanted, doing=doing)
        _check_trigger(wanted, doing=doing)
        wanted.recurring_run_id = _new()
        wanted.namespace = self.experiments[wanted.experiment_id].namespace or "kubeflow"
        wanted.service_account = wanted.service_account or DEFAULT_ACCOUNT
        wanted.created_at = wanted.updated_at = moment(self.clock.now())
        wanted.status = "ENABLED" if wanted.mode == "ENABLE" else "DISABLED"
        for column, value in (("DisplayName", wanted.display_name), ("Description", wanted.description)):
            if len(value or "") > _COLUMN:
                self.strays.append(wanted)
                raise said(500, f"{doing}: InternalServerError: Data too long for column '{column}' at row 1")
        self.recurring_runs[wanted.recurring_run_id] = wanted
        return wanted

    def list_recurring_runs(self, query: Query) -> Any:
        namespace = query.get("namespace", "")
        if self.multi_user and not (namespace or query.get("experiment_id")):
            raise invalid("A list of recurring runs needs a namespace", doing="Failed to list jobs")
        found = [each for each in self.recurring_runs.values() if namespace in ("", each.namespace)]
        return page("recurringRuns", found, query)

    def recurring_run(self, identifier: str) -> Any:
        if identifier not in self.recurring_runs:
            raise missing("Job", identifier, doing="Failed to get a recurring run")
        return self.recurring_runs[identifier]

    def switch_recurring_run(self, identifier: str, *, enabled: bool) -> Any:
        found = self.recurring_run(identifier)
        found.mode, found.status = ("ENABLE", "ENABLED") if enabled else ("DISABLE", "DISABLED")
        return {}

    def delete_recurring_run(self, identifier: str) -> Any:
        self.recurring_run(identifier)
        del self.recurring_runs[identifier]
        return {}

    def fire(self, identifier: str) -> Any:
        """What the scheduler does when the time has come. None: it is disabled."""
        due = self.recurring_run(identifier)
        if due.mode != "ENABLE":
            return None
        return self.create_run(
            kfp_server_api.V2beta1Run(
                experiment_id=due.experiment_id,
                display_name=f"{due.display_name} {len(self.runs)}",
                pipeline_version_reference=due.pipeline_version_reference,
                runtime_config=due.runtime_config,
                recurring_run_id=identifier,
            )
        )


def _check_length(kind: str, name: str, *, most: int, doing: str) -> None:
    """In bytes."""
    if len(name.encode()) > most:
        raise invalid(f"{kind}.Name length cannot exceed {most}", doing=doing)


def _check_trigger(wanted: Any, *, doing: str) -> None:
    if not 1 <= int(wanted.max_concurrency or 0) <= 10:
        raise invalid(
            f"Max concurrency must be at least 1 and at most 10. Received {wanted.max_concurrency}", doing=doing
        )
    cron = wanted.trigger.cron_schedule if wanted.trigger else None
    periodic = wanted.trigger.periodic_schedule if wanted.trigger else None
    if cron is not None:
        try:
            Cron.parse(cron.cron)
        except ValueError as error:
            raise invalid(f"Schedule cron is not a supported format. Error: {error}", doing=doing) from error
    if periodic is not None and int(periodic.interval_second or 0) < 1:
        raise invalid(f"Found invalid period schedule interval {periodic.interval_second}", doing=doing)


def _specification(text: str) -> Specification:
    try:
        return Specification.parse(text)
    except ValueError as error:
        raise plain(400, str(error)) from error


def _new() -> str:
    return str(uuid.uuid4())
