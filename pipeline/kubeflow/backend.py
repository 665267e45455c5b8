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
from pipeline.kubeflow.errors import BackendRefused
from pipeline.kubeflow.runs import Run
from pipeline.kubeflow.schedules import RecurringRun, Schedule

_PAGE = 100
_LOG = "/apis/v1alpha1/runs/{run_id}/nodes/{node_id}/log"


class Backend:
    """Each method raises BackendError where the API does not do what is asked.

    namespace: the user's in multi-user mode, else empty.
    """

    def __init__(self, client: Any, *, api: Any, links: str, namespace: str) -> None:
        """client: kfp.Client; api: the ApiClient that it goes through."""
        self._client, self._api, self._links = client, api, links
        self.namespace = namespace

    @property
    def endpoint(self) -> str:
        return str(self._api.configuration.host)

    def close(self) -> None:
        self._api.rest_client.close()

    # pipelines and their versions

    def pipeline_id(self, name: str) -> str:
        """Empty if there is none of that name."""
        namespace = {"namespace": self.namespace} if self.namespace else {}
        answer = self._ask(self._client.list_pipelines, filter=_named(name), page_size=2, **namespace)
        found = answer.pipelines or []
        if len(found) > 1:
            do = "Choose another --pipeline-name, or rename one of them."
            raise InvalidValue(expected="one pipeline of that name", found="several", where=name, do=do)
        return str(found[0].pipeline_id) if found else ""

    def create_pipeline(self, name: str, *, description: str) -> str:
        """An empty one: the client's own upload would name its first version as the pipeline."""
        wanted = kfp_server_api.V2beta1Pipeline(
            display_name=name, description=description, namespace=self.namespace or None
        )
        made = self._ask(self._client.pipelines.pipeline_service_create_pipeline, pipeline=wanted)
        return str(made.pipeline_id)

    def version_id(self, pipeline_id: str, name: str) -> str:
        """Empty if there is none of that name."""
        answer = self._ask(self._client.list_pipeline_versions, pipeline_id, filter=_named(name), page_size=2)
        return str(answer.pipeline_versions[0].pipeline_version_id) if answer.pipeline_versions else ""

    def upload_version(self, pipeline_id: str, *, name: str, pipeline_yaml: str) -> str:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "pipeline.yaml")
            path.write_text(pipeline_yaml, encoding="utf-8")
            made = self._ask(self._client.upload_pipeline_version, str(path), name, pipeline_id=pipeline_id)
        return str(made.pipeline_version_id)

    def experiment_id(self, name: str) -> str:
        """Of the experiment of that name, which is made if there is none."""
        try:
            made = self._ask(self._client.create_experiment, name, namespace=self.namespace or None)
        except BackendRefused as error:
            if error.status != 409:
                raise
            made = self._ask(self._client.create_experiment, name, namespace=self.namespace or None)
        return str(made.experiment_id)

    # runs

    def start_run(
        self, name: str, *, experiment_id: str, version: tuple[str, str], parameters: Mapping[str, Any], account: str
    ) -> str:
        """version: ids of pipeline and version. Returns the run's id."""
        made = self._ask(
            self._client.run_pipeline,
            experiment_id,
            name,
            params=dict(parameters),
            pipeline_id=version[0],
            version_id=version[1],
            service_account=account or None,
        )
        return str(made.run_id)

    def run_named(self, name: str, *, experiment_id: str) -> str:
        """Its id; empty if there is none of that name."""
        answer = self._ask(self._client.list_runs, experiment_id=experiment_id, filter=_named(name), page_size=2)
        return str(answer.runs[0].run_id) if answer.runs else ""

    def run(self, run_id: str) -> Run:
        return Run.from_api(self._ask(self._client.get_run, run_id))

    def terminate(self, run_id: str) -> None:
        self._ask(self._client.terminate_run, run_id)

    def log(self, run_id: str, pod: str) -> str:
        """The log of a step, also after its pod has gone."""
        answer = self._ask(
            self._api.call_api,
            _LOG,
            "GET",
            path_params={"run_id": run_id, "node_id": pod},
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
        wanted = {"filter": _named(name)} if name else {}
        return [RecurringRun.from_api(each) for each in self._recurring_runs({**scope, **wanted})]

    def _recurring_runs(self, asked: Mapping[str, Any]) -> Iterator[Any]:
        token = ""
        while True:
            answer = self._ask(
                self._client.list_recurring_runs,
                page_token=token,
                page_size=_PAGE,
                sort_by="created_at desc",
                **asked,
            )
            yield from answer.recurring_runs or ()
            token = answer.next_page_token or ""
            if not token:
                return

    def create_recurring_run(self, wanted: Schedule, *, enabled: bool) -> RecurringRun:
        made = self._ask(
            self._client.create_recurring_run,
            wanted.experiment_id,
            wanted.name,
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
        return RecurringRun.from_api(made)

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

    def log_link(self, run_id: str, pod: str) -> str:
        """The UI has no link to a log; the API beside it has."""
        return f"{self._links}{_LOG.format(run_id=run_id, node_id=pod)}"

    def _ask(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """kfp.Client prints links of its own; standard output is for what a program reads."""
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return call(*args, **kwargs)
            except ValueError as error:
                do = "Look at it in the UI."
                where = self.endpoint
                raise BackendRefused(
                    expected="an answer to go on with", found=str(error), where=where, do=do
                ) from error


def _named(name: str) -> str:
    """The API's filter for a display name."""
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": "display_name", "stringValue": name}]})
