"""`savedmodel-release submit`, against the stand-in."""

from pathlib import Path

import pytest
from kfp_server_api import V2beta1Pipeline

from pipeline.environments import COMPILED
from tests.kfp_standin.script import Script
from tests.kfp_standin.server import Standin
from tests.pipeline.kubeflow.commands import REFUSED, RELEASE, run, submit
from tests.servers import ROOT

STEPS = [
    "inspect_signature",
    "stage_release",
    "validate_release",
    "deploy_candidate",
    "score_batch",
    "smoke_test_webapp",
    "promote_release",
    "finish_release",
]


@pytest.fixture
def changed(tmp_path: Path) -> str:
    """The compiled pipeline, changed a little."""
    path = tmp_path / "changed.yaml"
    path.write_text(COMPILED.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    return str(path)


def test_a_run_is_followed_step_by_step_and_its_verdict_is_the_exit_status(standin: Standin) -> None:
    done = submit(standin, *RELEASE, "--json")

    assert done.status == 0
    told = [line.split()[1] for line in done.err.splitlines() if line.startswith("  ✓")]
    assert told == STEPS
    assert (done.json["state"], done.json["failed_step"], done.json["error"]) == ("succeeded", None, None)
    assert list(done.json["seconds"]) == [*STEPS, "total"]
    assert done.json["run_url"] == f"{standin.url}/#/runs/details/{done.json['run_id']}"
    assert done.json["run_url"] in done.err


def test_the_pipeline_is_uploaded_once_for_each_content(standin: Standin, changed: str) -> None:
    real = ("--pipeline", str(COMPILED))
    first = submit(standin, *RELEASE, "--no-wait", "--json", *real)
    again = submit(standin, *RELEASE, "--no-wait", "--json", *real)
    other = submit(standin, *RELEASE, "--no-wait", "--json", "--pipeline", changed)

    assert [each.json["uploaded"] for each in (first, again, other)] == [True, False, True]
    assert first.json["pipeline_version"] == again.json["pipeline_version"] != other.json["pipeline_version"]
    assert len(standin.store.pipelines) == 1
    assert len(standin.store.versions) == 2
    assert standin.store.uploads[first.json["pipeline_version_id"]] == COMPILED.read_text(encoding="utf-8")


def test_parameters_arrive_typed_as_the_pipeline_declares_them(standin: Standin) -> None:
    settings = (
        "label_column=bought",
        "min_auc=0.5",
        "batch_rows=100",
        "allow_signature_change=yes",
        "positive_label=1",
    )

    done = submit(standin, *RELEASE, "--no-wait", "--json", *(f"--set={each}" for each in settings))

    sent = standin.store.runs[done.json["run_id"]].runtime_config.parameters
    assert sent["model_name"] == "rpm"
    assert sent["platform"] == "kubernetes"
    assert (sent["min_auc"], sent["batch_rows"], sent["positive_label"]) == (0.5, 100, "1")
    assert sent["allow_signature_change"] is True


def test_predictions_stand_below_the_releases_unless_a_place_is_given(standin: Standin) -> None:
    own = submit(standin, *RELEASE, "--no-wait", "--json").json["run_id"]
    given = submit(standin, *RELEASE, "--no-wait", "--json", "--set", "predictions_uri=gs://b/p").json["run_id"]

    uris = [standin.store.runs[each].runtime_config.parameters["predictions_uri"] for each in (own, given)]
    assert uris == ["gs://b/models/rpm/predictions", "gs://b/p"]


def test_experiment_service_account_and_pipeline_name_are_passed_on(standin: Standin) -> None:
    given = ("--experiment", "nightly", "--service-account", "releaser", "--pipeline-name", "ours")

    done = submit(standin, *RELEASE, *given, "--no-wait", "--json")

    run = standin.store.runs[done.json["run_id"]]
    assert standin.store.experiments[run.experiment_id].display_name == "nightly"
    assert run.service_account == "releaser"
    assert [each.display_name for each in standin.store.pipelines.values()] == ["ours"]


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, "Default"),
        ({"KF_PIPELINES_DEFAULT_EXPERIMENT_NAME": "usual"}, "usual"),
        (
            {"KF_PIPELINES_OVERRIDE_EXPERIMENT_NAME": "always", "KF_PIPELINES_DEFAULT_EXPERIMENT_NAME": "usual"},
            "always",
        ),
    ],
)
def test_the_experiment_is_found_in_kfps_own_variables(
    standin: Standin, environment: dict[str, str], name: str
) -> None:
    submit(standin, *RELEASE, "--no-wait", environment=environment)

    assert [each.display_name for each in standin.store.experiments.values()] == [name]


def test_a_failed_run_tells_the_step_the_cause_and_where_its_log_is(standin: Standin) -> None:
    standin.store.script = Script(failing=frozenset({"score-batch"}), logs={"score-batch": REFUSED})

    done = submit(standin, *RELEASE, "--json")

    assert done.status == 1
    assert (done.json["state"], done.json["failed_step"]) == ("failed", "score_batch")
    cause = "gs://b/models/rpm/predictions: expected AUC of at least 0.9; found 0.61. Train again."
    assert done.json["error"] == cause
    assert done.json["error_details"]["kind"] == "ScoringFailed"
    assert f"ScoringFailed: {cause}" in done.err
    assert "  ✓ finish_release" in done.err
    assert "promote_release" not in done.err
    run_id, pod = done.json["run_id"], done.json["log_url"].split("/")[-2]
    assert done.json["log_url"] == f"{standin.url}/apis/v1alpha1/runs/{run_id}/nodes/{pod}/log"
    assert standin.store.log(run_id, pod) == REFUSED


def test_the_exit_tasks_own_failure_is_none_of_the_runs(standin: Standin) -> None:
    standin.store.script = Script(failing=frozenset({"finish-release"}))

    done = submit(standin, *RELEASE, "--json")

    assert done.status == 0
    assert "  ✗ finish_release" in done.err


def test_a_run_that_somebody_terminates_has_failed_and_says_why(standin: Standin) -> None:
    standin.store.script = Script(endless="validate-release")
    run_id = submit(standin, *RELEASE, "--no-wait", "--json").json["run_id"]

    ended = submit(standin, "--terminate", run_id, "--json")
    seen = submit(standin, "--follow", run_id, "--json")

    assert (ended.status, ended.json["state"]) == (0, "terminated")
    assert (seen.status, seen.json["state"]) == (1, "terminated")
    assert "was terminated" in seen.err
    assert "The next run of this model puts right" in seen.json["error"]


RETRIED = ("PENDING", "RUNNING", "CANCELING", "FAILED")


@pytest.mark.parametrize(("failing", "state", "status"), [((), "succeeded", 0), (("score-batch",), "failed", 1)])
def test_a_run_that_was_retried_after_somebody_terminated_it_ends_as_it_ends(
    standin: Standin, failing: tuple[str, ...], state: str, status: int
) -> None:
    standin.store.script = Script(failing=frozenset(failing), earlier=RETRIED)

    done = submit(standin, *RELEASE, "--json")

    (run,) = standin.store.runs.values()
    assert [each.state for each in run.state_history] == [*RETRIED, "RUNNING", state.upper()]
    assert (done.status, done.json["state"]) == (status, state)
    assert "terminated" not in done.err


def test_what_we_have_terminated_is_so_though_its_history_does_not_tell(standin: Standin) -> None:
    standin.store.script = Script(endless="validate-release", history_of_cancel=False)
    run_id = submit(standin, *RELEASE, "--no-wait", "--json").json["run_id"]

    done = submit(standin, "--terminate", run_id, "--poll-s", "1", "--json")

    assert [each.state for each in standin.store.run(run_id).state_history][-2:] != ["CANCELING", "FAILED"]
    assert (done.status, done.json["state"]) == (0, "terminated")


def test_canceled_is_an_end(standin: Standin) -> None:
    standin.store.script = Script(endless="validate-release", canceled_as="CANCELED")
    run_id = submit(standin, *RELEASE, "--no-wait", "--json").json["run_id"]
    standin.store.terminate_run(run_id)

    done = submit(standin, "--follow", run_id, "--timeout-s", "5", "--json")

    assert (done.status, done.json["state"]) == (1, "terminated")


def test_a_run_that_is_over_is_not_terminated_again(standin: Standin) -> None:
    run_id = submit(standin, *RELEASE, "--json").json["run_id"]

    done = submit(standin, "--terminate", run_id, "--json")

    assert (done.status, done.json["state"]) == (0, "succeeded")
    assert not any(path.endswith(":terminate") for path in standin.calls("POST"))


def test_a_run_that_goes_on_too_long_is_left_to_go_on(standin: Standin) -> None:
    standin.store.script = Script(endless="score-batch")

    done = submit(standin, *RELEASE, "--timeout-s", "0.1", "--json")

    assert (done.status, done.json["state"]) == (1, "running")
    assert f"--follow {done.json['run_id']}" in done.err
    assert standin.store.run(done.json["run_id"]).state in ("PENDING", "RUNNING")


def test_without_details_of_tasks_the_verdict_is_still_told(standin: Standin) -> None:
    standin.store.script = Script(failing=frozenset({"score-batch"}), details=False)

    done = submit(standin, *RELEASE, "--json")

    assert (done.status, done.json["state"], done.json["failed_step"]) == (1, "failed", None)
    assert done.json["run_url"] in done.json["error"]


def test_a_start_whose_answer_is_lost_does_not_start_twice(standin: Standin) -> None:
    submit(standin, *RELEASE, "--no-wait")  # pipeline and experiment are there
    standin.lost.append(0)

    done = submit(standin, *RELEASE, "--no-wait", "--json")

    assert done.status == 0
    assert done.json["run_id"] in standin.store.runs
    assert len(standin.store.runs) == 2


def test_a_start_that_is_lost_with_all_after_it_is_told_by_its_name(standin: Standin) -> None:
    submit(standin, *RELEASE, "--no-wait")  # pipeline and experiment are there
    standin.store.list_runs = lambda query: "garbled"  # type: ignore[method-assign]
    standin.lost.append(0)

    done = submit(standin, *RELEASE, "--no-wait", "--json")

    started = list(standin.store.runs.values())[-1].display_name
    assert (done.status, done.json["error_details"]["kind"]) == (1, "BackendUnavailable")
    assert f"has it as {started!r}" in done.err


def test_two_who_upload_at_once_end_with_one_version(standin: Standin) -> None:
    submit(standin, *RELEASE, "--no-wait")
    standin.store.versions.clear()  # as if it had been looked for before the other one came
    made = standin.store.upload_version

    def meanwhile(text: str, query: dict[str, str]) -> object:
        made(text, query)
        return made(text, query)

    standin.store.upload_version = meanwhile  # type: ignore[method-assign]

    done = submit(standin, *RELEASE, "--no-wait", "--json")

    assert (done.status, done.json["uploaded"]) == (0, False)
    assert done.json["pipeline_version_id"] in standin.store.versions


def test_an_experiment_that_somebody_makes_meanwhile_is_taken(standin: Standin) -> None:
    submit(standin, *RELEASE, "--no-wait")
    lists = standin.store.list_experiments

    def not_yet(query: dict[str, str]) -> object:
        standin.store.list_experiments = lists  # type: ignore[method-assign]
        return {"total_size": 0}

    standin.store.list_experiments = not_yet  # type: ignore[method-assign]

    done = submit(standin, *RELEASE, "--no-wait")

    assert done.status == 0
    assert len(standin.store.experiments) == 1


def test_a_pipeline_name_that_is_taken_and_not_to_be_seen_is_told(standin: Standin) -> None:
    standin.store.create_pipeline(V2beta1Pipeline(name="savedmodel-release", display_name="Somebody's"))

    done = submit(standin, *RELEASE, "--no-wait")

    assert done.status == 1
    assert "Choose another --pipeline-name" in done.err
    assert submit(standin, *RELEASE, "--no-wait", "--pipeline-name", "ours").status == 0


@pytest.mark.parametrize("text", ["2001-99-99", 'a: !!int "x"', 'a: !!float "x"'])
def test_yaml_with_a_value_that_is_none_is_no_pipeline(standin: Standin, tmp_path: Path, text: str) -> None:
    (tmp_path / "pipeline.yaml").write_text(text)

    done = submit(standin, *RELEASE, "--pipeline", str(tmp_path / "pipeline.yaml"))

    assert done.status == 2
    assert "a pipeline compiled by this project" in done.err


@pytest.mark.parametrize("option", ["--poll-s", "--timeout-s"])
@pytest.mark.parametrize("number", ["nan", "inf", "-1"])
def test_seconds_that_are_no_number_are_refused_before_anything_starts(
    standin: Standin, option: str, number: str
) -> None:
    done = run("submit", *RELEASE, option, number, endpoint=standin.url)

    assert done.status == 2
    assert option in done.err
    assert not standin.seen


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (RELEASE[:-2], "Add --set models_root=gs://BUCKET/PATH"),
        ((*RELEASE, "--set", "label_column={{workflow.name}}"), "no `{{`, which Argo would replace"),
        ((*RELEASE, "--set", "batch_rows=many"), "expected a whole number; found 'many'"),
        ((*RELEASE, "--set", "batch_row=5"), "Did you mean batch_rows?"),
        ((*RELEASE, "--set", "platform=local"), "expected platform=kubernetes; found platform=local"),
        ((*RELEASE, "--set", "min_auc=0.5"), "without labels there is nothing to measure"),
        ((*RELEASE[:2], "--export-uri", "./exports", *RELEASE[4:]), "a URI that the cluster's pods can read"),
        (("--model-name", "R P M", *RELEASE[2:]), "an InferenceService's name"),
        ((*RELEASE, "--pipeline", str(ROOT / "README.md")), "a pipeline compiled by this project"),
        (RELEASE[2:], "Missing option '--model-name'"),
        ((*RELEASE, "--no-wait", "--follow", "x"), "exclude each other"),
        (("--follow", "nobody-knows-it"), "expected the id of a run; found nobody-knows-it"),
    ],
)
def test_wrong_usage_is_exit_status_2_and_starts_nothing(
    standin: Standin, arguments: tuple[str, ...], says: str
) -> None:
    done = submit(standin, *arguments)

    assert done.status == 2
    assert says in done.err
    assert not standin.store.runs
    assert not standin.store.pipelines
