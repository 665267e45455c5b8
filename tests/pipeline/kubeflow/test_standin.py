"""The stand-in does what its docstring says, asked by kfp.Client and by hand."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from kfp_server_api import ApiException

from pipeline.environments import COMPILED
from tests.kfp_standin.script import Clock, Script
from tests.kfp_standin.server import Standin
from tests.pipeline.kubeflow.commands import kfp_client

REQUIRED = {
    "model_name": "rpm",
    "export_uri": "gs://b/e",
    "rows_uri": "gs://b/r.csv",
    "models_root": "gs://b/m",
    "predictions_uri": "gs://b/p",
}


@pytest.fixture
def client(standin: Standin) -> Iterator[Any]:
    with kfp_client(standin.url) as made:
        yield made


@pytest.fixture
def uploaded(client: Any) -> dict[str, str]:
    """Ids, as `run_pipeline` and `create_recurring_run` take them."""
    pipeline = client.upload_pipeline(str(COMPILED), "ours")
    version = client.upload_pipeline_version(str(COMPILED), "v1", pipeline_id=pipeline.pipeline_id)
    experiment = client.create_experiment("Default")
    return {
        "experiment_id": experiment.experiment_id,
        "pipeline_id": pipeline.pipeline_id,
        "version_id": version.pipeline_version_id,
    }


def refused(call: Any, *args: Any, **kwargs: Any) -> tuple[int, str]:
    """Status and body of what the API refuses."""
    with pytest.raises(ApiException) as error:
        call(*args, **kwargs)
    return error.value.status, error.value.body


def test_names_that_exist_are_409(client: Any, uploaded: dict[str, str]) -> None:
    assert refused(client.upload_pipeline, str(COMPILED), "ours")[0] == 409
    again = refused(client.upload_pipeline_version, str(COMPILED), "v1", pipeline_id=uploaded["pipeline_id"])
    assert again[0] == 409


def test_what_is_no_pipeline_is_400(client: Any, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a: b\n")

    status, body = refused(client.upload_pipeline, str(tmp_path / "x.yaml"), "x")

    assert (status, "unknown template format" in body) == (400, True)


def test_what_does_not_exist_is_404_in_the_apis_own_words(client: Any, uploaded: dict[str, str]) -> None:
    for call in (client.get_run, client.get_recurring_run, client.delete_recurring_run, client.list_pipeline_versions):
        status, body = refused(call, "none")
        assert (status, '"code": 5' in body, "none not found" in body) == (404, True, True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"batch_rows": "5"}, "requires NUMBER_INTEGER, found str"),
        ({"batch_rows": True}, "requires NUMBER_INTEGER, found bool"),
        ({"allow_signature_change": 1}, "requires BOOLEAN"),
        ({"min_auc": None}, "found null"),
        ({"unheard_of": "x"}, "unknown input parameter"),
        ({"outputs": "{{inputs.parameters.x}}"}, "failed to resolve"),
    ],
)
def test_parameters_that_do_not_fit_are_400(
    client: Any, uploaded: dict[str, str], change: dict[str, Any], says: str
) -> None:
    status, body = refused(client.run_pipeline, job_name="x", params={**REQUIRED, **change}, **uploaded)

    assert (status, says in body) == (400, True)


def test_a_missing_parameter_is_400_and_a_fraction_for_a_whole_number_is_not(
    client: Any, uploaded: dict[str, str]
) -> None:
    # A component alone is a pipeline too; that of ours has a default for each parameter.
    alone = client.upload_pipeline(str(COMPILED.parent / "components" / "inspect_signature.yaml"), "alone")
    without = {"experiment_id": uploaded["experiment_id"], "pipeline_id": alone.pipeline_id}
    version = client.list_pipeline_versions(alone.pipeline_id).pipeline_versions[0].pipeline_version_id
    status, body = refused(client.run_pipeline, job_name="x", params={}, version_id=version, **without)
    taken = client.run_pipeline(job_name="x", params={**REQUIRED, "batch_rows": 2.5}, **uploaded)

    assert (status, "requires a value" in body) == (400, True)
    assert taken.runtime_config.parameters["batch_rows"] == 2.5


def test_the_workflows_name_is_replaced_in_a_parameter(client: Any, uploaded: dict[str, str]) -> None:
    run = client.run_pipeline(job_name="x", params={**REQUIRED, "outputs": "{{workflow.name}}"}, **uploaded)

    assert run.runtime_config.parameters["outputs"].startswith("savedmodel-release-")


def test_a_run_goes_on_and_tells_of_nodes_but_of_no_error(
    standin: Standin, client: Any, uploaded: dict[str, str]
) -> None:
    standin.store.script = Script(failing=frozenset({"score-batch"}))
    run = client.run_pipeline(job_name="x", params=REQUIRED, **uploaded)
    states = {run.state}

    done = client.wait_for_run_completion(run.run_id, timeout=30, sleep_duration=0.02)

    names = [each.display_name for each in done.run_details.task_details]
    assert states == {"PENDING"}
    assert (done.state, done.error) == ("FAILED", None)
    assert [each.state for each in done.state_history] == ["PENDING", "RUNNING", "FAILED"]
    assert {"root", "root-driver(0)", "exit-handler-1", "score-batch-driver", "score-batch", "finish-release"} <= set(
        names
    )
    assert names.count("executor") == names.count("executor(0)") == 6
    assert "promote-release" not in names
    assert all(each.error is None and each.pod_name is None for each in done.run_details.task_details)


def test_terminating_ends_in_failed_by_way_of_canceling(
    standin: Standin, client: Any, uploaded: dict[str, str]
) -> None:
    standin.store.clock, standin.store.script = Clock(50.0), Script(endless="inspect-signature")
    run = client.run_pipeline(job_name="x", params=REQUIRED, **uploaded)

    client.terminate_run(run.run_id)
    during = client.get_run(run.run_id).state
    done = client.wait_for_run_completion(run.run_id, timeout=30, sleep_duration=0.02)

    assert (during, done.state) == ("CANCELING", "FAILED")
    assert refused(client.terminate_run, run.run_id)[0] == 400


def test_logs_are_had_by_the_name_of_the_pod_alone(standin: Standin, client: Any, uploaded: dict[str, str]) -> None:
    run = client.run_pipeline(job_name="x", params=REQUIRED, **uploaded)
    pods = [pod for pod, step in standin.store.courses[run.run_id].pods() if step == "stage-release"]
    logs = f"{standin.url}/apis/v1alpha1/runs/{run.run_id}/nodes"

    found = requests.get(f"{logs}/{pods[-1]}/log", timeout=10)
    workflow, _, number = pods[-1].rpartition("-system-container-impl-")
    by_node = requests.get(f"{logs}/{workflow}-{number}/log", timeout=10)

    assert (found.status_code, found.text) == (200, "INFO components.stage_release: done\n")
    assert (by_node.status_code, "error_message" in by_node.json()) == (500, True)


def test_schedules(standin: Standin, client: Any, uploaded: dict[str, str]) -> None:
    given = {"job_name": "nightly", "params": REQUIRED, "no_catchup": True, **uploaded}
    for cron in ("0 0 3 * * *", "0 3 * * *"):
        client.create_recurring_run(cron_expression=cron, **given)

    listed = client.list_recurring_runs(page_size=1, sort_by="created_at desc")
    rest = client.list_recurring_runs(page_size=9, page_token=listed.next_page_token, sort_by="created_at desc")

    assert [each.trigger.cron_schedule.cron for each in listed.recurring_runs] == ["0 3 * * *"]
    assert [each.trigger.cron_schedule.cron for each in rest.recurring_runs] == ["0 0 3 * * *"]
    assert rest.next_page_token is None
    assert (rest.recurring_runs[0].service_account, rest.recurring_runs[0].no_catchup) == ("pipeline-runner", True)
    assert refused(client.create_recurring_run, cron_expression="0 0 25 * * *", **given)[0] == 400
    assert refused(client.create_recurring_run, cron_expression="0 3 * *", **given)[0] == 400
    assert refused(client.create_recurring_run, interval_second=60, max_concurrency=11, **given)[0] == 400


def test_a_payload_with_a_field_that_the_model_lacks_is_400(standin: Standin) -> None:
    answer = requests.post(f"{standin.url}/apis/v2beta1/runs", json={"name": "v1beta1"}, timeout=10)

    assert (answer.status_code, "unknown field 'name'" in answer.json()["message"]) == (400, True)


def test_lists_refuse_a_namespace_or_ask_for_one(standin: Standin, client: Any) -> None:
    assert refused(client.list_experiments, namespace="mlops")[0] == 400
    standin.store.multi_user = True
    for call in (client.list_experiments, client.list_runs, client.list_recurring_runs):
        assert refused(call)[0] == 400


def test_a_login_page_comes_by_redirect(standin: Standin) -> None:
    standin.cookies = {"session=good"}
    url = f"{standin.url}/apis/v2beta1/healthz"

    first = requests.get(url, timeout=10, allow_redirects=False)
    page = requests.get(url, timeout=10)
    let_in = requests.get(url, timeout=10, headers={"Cookie": "session=good"})

    assert (first.status_code, first.headers["Location"].startswith("/dex/auth?")) == (302, True)
    assert (page.status_code, page.headers["Content-Type"], "dex" in page.text) == (200, "text/html", True)
    assert let_in.json() == {"multi_user": False, "pipeline_store": "database"}


def test_a_description_without_room_in_the_database_leaves_a_schedule_behind(
    standin: Standin, client: Any, uploaded: dict[str, str]
) -> None:
    given = {"job_name": "nightly", "params": REQUIRED, "interval_second": 60, **uploaded}

    status, body = refused(client.create_recurring_run, description="x" * 256, **given)
    client.create_recurring_run(description="x" * 255, **given)

    assert (status, "Data too long for column 'Description'" in body) == (500, True)
    assert (len(standin.store.strays), len(standin.store.recurring_runs)) == (1, 1)


def test_names_that_differ_in_case_or_accents_are_equal_to_its_database(client: Any) -> None:
    made = client.create_experiment("Nightly")

    assert client.get_experiment(experiment_name="nìghtly").experiment_id == made.experiment_id


def test_behind_the_ui_the_api_has_no_v1alpha1_and_health_is_the_uis(
    standin: Standin, client: Any, uploaded: dict[str, str]
) -> None:
    standin.behind_ui = True
    run = client.run_pipeline(job_name="x", params=REQUIRED, **uploaded)
    pod = next(pod for pod, step in standin.store.courses[run.run_id].pods() if step == "stage-release")

    by_api = [
        requests.get(f"{standin.url}/apis/{version}/runs/{run.run_id}/nodes/{pod}/log", timeout=10)
        for version in ("v1alpha1", "v2beta1")
    ]
    by_ui = requests.get(f"{standin.url}/k8s/pod/logs", params={"podname": pod}, timeout=10)
    unknown = requests.get(f"{standin.url}/k8s/pod/logs?podname=none", timeout=10)
    standin.store.multi_user, standin.api_is_up = True, False
    without_namespace = requests.get(f"{standin.url}/k8s/pod/logs", params={"podname": pod}, timeout=10)
    health = requests.get(f"{standin.url}/apis/v2beta1/healthz", timeout=10)
    away = requests.get(f"{standin.url}/apis/v2beta1/runs", timeout=10)

    assert [(each.status_code, each.headers["Content-Type"]) for each in by_api] == [
        (404, "text/html"),
        (404, "application/json"),
    ]
    assert (by_ui.status_code, by_ui.headers["Content-Type"]) == (200, "text/plain")
    assert (unknown.status_code, unknown.text) == (404, "pod not found")
    assert (without_namespace.status_code, away.status_code) == (422, 504)
    assert (health.status_code, health.json()["apiServerReady"], "multi_user" in health.json()) == (200, False, False)
