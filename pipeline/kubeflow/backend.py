"""What Kubeflow Pipelines is asked for, one method for each thing; all through kfp.Client."""

import contextlib
import io
import json
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import kfp_server_api

from model.errors import InvalidValue
from pipeline.kubeflow import refusals
from pipeline.kubeflow.errors import BackendRefused
from pipeline.kubeflow.logs import StepLogs
from pipeline.kubeflow.runs import Run
from pipeline.kubeflow.schedules import RecurringRun, Schedule

_PAGE = 100
#: What kfp and its generated client end with on JSON of another shape than the API's.
_UNREADABLE = (
    kfp_server_api.ApiException,
    AttributeError,
    LookupError,
    OverflowError,
    RecursionError,
    TypeError,
    UnicodeError,
)


def _as_it_is(answer: Any) -> Any:
    return answer


def _id(kind: str) -> Callable[[Any], str]:
    """Takes from an answer the id of that kind of thing."""

    def read(answer: Any) -> str:
        identifier = getattr(answer, f"{kind}_id")
        if not identifier:
            raise LookupError(kind)
        return str(identifier)

    return read


def _named(kind: str, name: str) -> Callable[[Any], list[str]]:
    """Takes from a list of that kind of thing the ids of those whose name that is. To the backend's database it is
    also that of those whose names differ from it in case or accents."""

    def read(answer: Any) -> list[str]:
        found = [(_id(kind)(each), each.display_name) for each in getattr(answer, f"{kind}s") or ()]
        return [identifier for identifier, display_name in found if display_name == name]

    return read


def _page(answer: Any) -> tuple[list[RecurringRun], str]:
    """The schedules, and the token for the next page."""
    return [RecurringRun.from_api(each) for each in answer.recurring_runs or ()], answer.next_page_token or ""


class Backend:
    """Each method raises BackendError where the API does not do what is asked.

    namespace: the user's in multi-user mode, else empty.
    """

    def __init__(self, client: Any, *, api: Any, links: str) -> None:
        """client: kfp.Client; api: the ApiClient that it goes through."""
        self._client, self._api, self._links = client, api, links
        self._logs = StepLogs(self._text, endpoint=self.endpoint, links=links)
        self.namespace = ""

    @property
    def endpoint(self) -> str:
        return str(self._api.configuration.host)

    def close(self) -> None:
        self._api.rest_client.close()

    def is_multi_user(self) -> bool:
        """The first question: whether it is Kubeflow Pipelines at all shows too."""
        answer = self._ask(kfp_server_api.HealthzServiceApi(self._api).healthz_service_get_healthz)
        # The UI answers this itself, whether or not there is an API server behind it.
        if json.loads(self._api.last_response.data).get("apiServerReady") is False:
            raise refusals.not_ready("the UI, without an API server that answers it", url=self.endpoint)
        if answer.multi_user is None:
            found = "an answer without what a Kubeflow Pipelines that is up says of itself"
            raise refusals.not_the_backend(found, url=self.endpoint)
        return bool(answer.multi_user)

    # pipelines and their versions

    def pipeline_id(self, name: str) -> str:
        """Empty if there is none of that name."""
        namespace = {"namespace": self.namespace} if self.namespace else {}
        call = self._client.list_pipelines
        read = _named("pipeline", name)
        found = self._ask(call, read=read, filter=_filter(name), page_size=_PAGE, **namespace)
        if len(found) > 1:
            do = "Choose another --pipeline-name, or rename one of them."
            raise InvalidValue(expected="one pipeline of that name", found="several", where=name, do=do)
        return found[0] if found else ""

    def create_pipeline(self, name: str, *, description: str) -> str:
        """An empty one: the client's own upload would name its first version as the pipeline."""
        wanted = kfp_server_api.V2beta1Pipeline(
            display_name=name, description=description, namespace=self.namespace or None
        )
        call = self._client.pipelines.pipeline_service_create_pipeline
        return str(self._ask(call, read=_id("pipeline"), pipeline=wanted))

    def version_id(self, pipeline_id: str, name: str) -> str:
        """Empty if there is none of that name."""
        call = self._client.list_pipeline_versions
        read = _named("pipeline_version", name)
        found = self._ask(call, pipeline_id, read=read, filter=_filter(name), page_size=_PAGE)
        return found[0] if found else ""

    def upload_version(self, pipeline_id: str, *, name: str, pipeline_yaml: str) -> str:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "pipeline.yaml")
            path.write_text(pipeline_yaml, encoding="utf-8")
            call = self._client.upload_pipeline_version
            return str(self._ask(call, str(path), name, read=_id("pipeline_version"), pipeline_id=pipeline_id))

    def experiment_id(self, name: str) -> str:
        """Of the experiment of that name, which is made if there is none."""
        call, given = self._client.create_experiment, {"namespace": self.namespace or None}
        try:
            return str(self._ask(call, name, read=_id("experiment"), **given))
        except BackendRefused as error:
            if error.status != 409:
                raise
            return str(self._ask(call, name, read=_id("experiment"), **given))

    # runs

    def start_run(
        self, name: str, *, experiment_id: str, version: tuple[str, str], parameters: Mapping[str, Any], account: str
    ) -> str:
        """version: ids of pipeline and version. Returns the run's id."""
        run_id = self._ask(
            self._client.run_pipeline,
            experiment_id,
            name,
            read=_id("run"),
            params=dict(parameters),
            pipeline_id=version[0],
            version_id=version[1],
            service_account=account or None,
        )
        return str(run_id)

    def run_named(self, name: str, *, experiment_id: str) -> str:
        """Its id; empty if there is none of that name."""
        call = self._client.list_runs
        read = _named("run", name)
        found = self._ask(call, read=read, experiment_id=experiment_id, filter=_filter(name), page_size=_PAGE)
        return found[0] if found else ""

    def run(self, run_id: str) -> Run:
        run: Run = self._ask(self._client.get_run, run_id, read=Run.from_api)
        return run

    def terminate(self, run_id: str) -> None:
        self._ask(self._client.terminate_run, run_id)

    def log(self, run: Run, pod: str) -> str:
        """The log of a step, also after its pod has gone; empty if that pod left none.

        Raises:
            NotTheBackend: nothing there serves logs.
        """
        return self._logs.read(run, pod, namespace=self.namespace)

    def _text(self, path: str) -> str:
        answer = self._ask(
            self._api.call_api,
            path,
            "GET",
            header_params={"Accept": "text/plain"},
            auth_settings=["Bearer"],
            # Else it would be taken for JSON, or for UTF-8 without a flaw.
            _preload_content=False,
        )
        return str(answer.data.decode("utf-8", "replace"))

    # schedules

    def recurring_runs(self, name: str = "") -> list[RecurringRun]:
        """Those of that name, or all; the newest first."""
        scope = {"namespace": self.namespace} if self.namespace else {}
        wanted = {"filter": _filter(name)} if name else {}
        found = self._recurring_runs({**scope, **wanted})
        return [each for each in found if name in ("", each.schedule.name)]

    def _recurring_runs(self, asked: Mapping[str, Any]) -> Iterator[RecurringRun]:
        token = ""
        while True:
            found, token = self._ask(
                self._client.list_recurring_runs,
                read=_page,
                page_token=token,
                page_size=_PAGE,
                sort_by="created_at desc",
                **asked,
            )
            yield from found
            if not token:
                return

    def create_recurring_run(self, wanted: Schedule, *, enabled: bool) -> RecurringRun:
        made: RecurringRun = self._ask(
            self._client.create_recurring_run,
            wanted.experiment_id,
            wanted.name,
            read=RecurringRun.from_api,
            description=wanted.description,
            cron_expression=wanted.trigger.cron or None,
            interval_second=wanted.trigger.interval_s or None,
            max_concurrency=1,
            no_catchup=True,
            params=dict(wanted.parameters),
            pipeline_id=wanted.pipeline_id,
            version_id=wanted.version_id,
            enabled=enabled,
            service_account=wanted.service_account or None,
        )
        return made

    def delete_recurring_run(self, identifier: str) -> None:
        """One that has gone meanwhile is gone."""
        try:
            self._ask(self._client.delete_recurring_run, identifier)
        except BackendRefused as error:
            if error.status != 404:
                raise

    def enable_recurring_run(self, identifier: str, *, enabled: bool) -> None:
        call = self._client.enable_recurring_run if enabled else self._client.disable_recurring_run
        self._ask(call, identifier)

    # links into the UI

    def run_link(self, run_id: str) -> str:
        return f"{self._links}/#/runs/details/{run_id}"

    def version_link(self, pipeline_id: str, version_id: str) -> str:
        return f"{self._links}/#/pipelines/details/{pipeline_id}/version/{version_id}"

    def recurring_run_link(self, identifier: str) -> str:
        return f"{self._links}/#/recurringrun/details/{identifier}"

    def log_link(self, run: Run, pod: str) -> str:
        """For what `log` has returned."""
        return self._logs.link(run, pod, namespace=self.namespace)

    def _ask(self, call: Callable[..., Any], *args: Any, read: Callable[[Any], Any] = _as_it_is, **kwargs: Any) -> Any:
        """kfp.Client prints links of its own; standard output is for what a program reads. read: of the answer, what
        is wanted; an answer that it, or kfp, cannot read is none of this API."""
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return read(call(*args, **kwargs))
            except _UNREADABLE as error:
                found = f"an answer that cannot be read ({type(error).__name__})"
                raise refusals.not_the_backend(found, url=self.endpoint) from error
            except ValueError as error:
                do = "Look at it in the UI."
                where = self.endpoint
                raise BackendRefused(
                    expected="an answer to go on with", found=str(error), where=where, do=do
                ) from error


def _filter(name: str) -> str:
    """The API's for a display name."""
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": "display_name", "stringValue": name}]})
