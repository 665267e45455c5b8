"""`savedmodel-release schedule`, against the stand-in."""

import os
import subprocess

import kfp_server_api
import pytest

from pipeline import environments
from tests.kfp_standin.server import Standin
from tests.pipeline.kubeflow.commands import RELEASE, Outcome, schedule
from tests.pipeline.kubeflow.test_submit import changed
from tests.pipeline.runs import CLI

__all__ = ["changed"]

NIGHTLY = ("--cron", "0 0 3 * * *", *RELEASE, "--json")


def recurring_runs(standin: Standin) -> list[object]:
    return list(standin.store.recurring_runs.values())


def test_a_schedule_is_made_as_asked_for(standin: Standin) -> None:
    done = schedule(standin, *NIGHTLY, "--experiment", "nightly", "--service-account", "releaser")

    assert (done.status, done.json["action"], done.json["name"]) == (0, "created", "release rpm")
    (made,) = standin.store.recurring_runs.values()
    assert made.recurring_run_id == done.json["recurring_run_id"]
    assert done.json["url"] == f"{standin.url}/#/recurringrun/details/{made.recurring_run_id}"
    assert made.trigger.cron_schedule.cron == "0 0 3 * * *"
    assert (made.no_catchup, made.max_concurrency, made.mode) == (True, "1", "ENABLE")
    assert made.service_account == "releaser"
    assert standin.store.experiments[made.experiment_id].display_name == "nightly"
    assert made.runtime_config.parameters["export_uri"] == "gs://b/exports"
    assert made.runtime_config.parameters["predictions_uri"] == "gs://b/models/rpm/predictions"


def test_what_a_schedule_starts_is_a_release(standin: Standin) -> None:
    schedule(standin, *NIGHTLY)
    (made,) = standin.store.recurring_runs

    run = standin.store.fire(made)

    assert run.recurring_run_id == made
    assert run.runtime_config.parameters["model_name"] == "rpm"


def test_the_same_again_changes_nothing_and_says_so(standin: Standin) -> None:
    given = (
        *NIGHTLY,
        "--set",
        "batch_rows=100",
        "--set",
        "max_failed_rows=0.5",
        "--set",
        "allow_signature_change=true",
    )
    first = schedule(standin, *given)
    standin.seen.clear()

    again = schedule(standin, *given)
    spelled_otherwise = schedule(standin, "--cron", " 0  0 3 * * *", *given[2:])

    for done in (again, spelled_otherwise):
        assert (done.status, done.json["action"], done.json["deleted"]) == (0, "unchanged", [])
        assert done.json["recurring_run_id"] == first.json["recurring_run_id"]
    assert standin.calls("POST") == standin.calls("DELETE") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--cron", "0 0 4 * * *", *RELEASE),
        ("--interval", "6h", *RELEASE),
        (*NIGHTLY, "--set", "min_auc=0.7", "--set", "label_column=bought"),
        (*NIGHTLY, "--service-account", "another"),
        (*NIGHTLY, "--experiment", "another"),
        (*NIGHTLY, "--pipeline-name", "another"),
    ],
)
def test_whatever_has_changed_replaces_it_the_new_one_first(standin: Standin, arguments: tuple[str, ...]) -> None:
    before = schedule(standin, *NIGHTLY).json["recurring_run_id"]
    standin.seen.clear()

    done = schedule(standin, *arguments, "--json")

    assert (done.json["action"], done.json["deleted"]) == ("replaced", [before])
    assert list(standin.store.recurring_runs) == [done.json["recurring_run_id"]]
    changes = [line for line in standin.seen if "recurringruns" in line and not line.startswith("GET")]
    assert [line.split()[0] for line in changes] == ["POST", "DELETE"]


def test_going_back_to_the_default_account_is_a_change(standin: Standin) -> None:
    schedule(standin, *NIGHTLY, "--service-account", "releaser")

    done = schedule(standin, *NIGHTLY)

    assert done.json["action"] == "replaced"
    assert [each.service_account for each in standin.store.recurring_runs.values()] == ["pipeline-runner"]


def test_another_pipeline_replaces_it(standin: Standin, changed: str) -> None:
    schedule(standin, *NIGHTLY)

    done = schedule(standin, *NIGHTLY, "--pipeline", changed)

    assert done.json["action"] == "replaced"
    assert len(standin.store.versions) == 2
    (made,) = standin.store.recurring_runs.values()
    assert made.pipeline_version_reference.pipeline_version_id == done.json["pipeline_version_id"]


def test_a_crash_between_making_and_deleting_is_healed_by_the_next_call(standin: Standin) -> None:
    schedule(standin, "--interval", "12h", *RELEASE)
    standin.store.delete_recurring_run, deletes = _crash, standin.store.delete_recurring_run  # type: ignore[method-assign]

    crashed = schedule(standin, *NIGHTLY)
    left = len(standin.store.recurring_runs)
    standin.store.delete_recurring_run = deletes  # type: ignore[method-assign]
    healed = schedule(standin, *NIGHTLY)

    assert (crashed.status, left) == (1, 2)
    assert "Traceback" not in crashed.err
    assert (healed.status, healed.json["action"], len(healed.json["deleted"])) == (0, "unchanged", 1)
    assert list(standin.store.recurring_runs) == [healed.json["recurring_run_id"]]


def _crash(identifier: str) -> None:
    from tests.kfp_standin.answers import said

    raise said(500, f"while deleting {identifier}")


def test_an_answer_that_is_lost_leaves_no_second_schedule(standin: Standin) -> None:
    schedule(standin, "--interval", "6h", *RELEASE)  # pipeline and experiment are there
    standin.lost.append(0)

    lost = schedule(standin, *NIGHTLY)
    again = schedule(standin, *NIGHTLY)

    assert (lost.status, again.status) == (1, 0)
    assert len(standin.store.recurring_runs) == 1


def test_of_several_that_are_alike_one_stays(standin: Standin) -> None:
    schedule(standin, *NIGHTLY)
    (made,) = standin.store.recurring_runs.values()
    twin = kfp_server_api.V2beta1RecurringRun(**{name: getattr(made, name) for name in made.openapi_types})
    standin.store.create_recurring_run(twin)

    done = schedule(standin, *NIGHTLY)

    assert (done.json["action"], len(done.json["deleted"])) == ("unchanged", 1)
    assert len(standin.store.recurring_runs) == 1


def meanwhile(standin: Standin, *arguments: str, first: bool) -> list[Outcome]:
    """Another call, between this one's look and its making of a schedule; or, if this one is the first to make it,
    just after that."""
    makes, done = standin.store.create_recurring_run, []
    environment = {**os.environ, "KF_PIPELINES_ENDPOINT": standin.url}
    command = [CLI, "schedule", *arguments, "--pipeline", str(environments.COMPILED)]

    def make(wanted: object) -> object:
        standin.store.create_recurring_run = makes  # type: ignore[method-assign]
        made = makes(wanted) if first else None
        standin.store.lock.release()
        other = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        done.append(Outcome(other.returncode, other.stdout, other.stderr))
        standin.store.lock.acquire()
        return made or makes(wanted)

    standin.store.create_recurring_run = make  # type: ignore[method-assign]
    return done


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("there", [True, False])
def test_two_at_once_leave_one(standin: Standin, first: bool, there: bool) -> None:
    schedule(standin, *(("--interval", "2h", *RELEASE) if there else ("--list",)))
    other = meanwhile(standin, *NIGHTLY, first=first)

    done = schedule(standin, *NIGHTLY)

    assert (done.status, other[0].status) == (0, 0)
    assert list(standin.store.recurring_runs) == [done.json["recurring_run_id"]]


def test_of_two_at_once_that_want_different_things_the_last_prevails_and_the_other_is_told(standin: Standin) -> None:
    other = meanwhile(standin, "--interval", "2h", *RELEASE, "--json", first=True)

    done = schedule(standin, *NIGHTLY)

    assert (done.status, done.json["error"]["kind"]) == (1, "BackendRefused")
    assert "Call again" in done.err
    assert list(standin.store.recurring_runs) == [other[0].json["recurring_run_id"]]


def test_one_that_was_made_otherwise_is_left_alone(standin: Standin) -> None:
    schedule(standin, *NIGHTLY)
    (made,) = standin.store.recurring_runs.values()
    made.description = "Made in the UI."

    refused = schedule(standin, "--interval", "6h", *RELEASE)
    refused_too = schedule(standin, "--delete", "--model-name", "rpm")
    beside = schedule(standin, *NIGHTLY, "--name", "another")

    assert (refused.status, refused_too.status, beside.status) == (2, 2, 0)
    assert "Choose another --name" in refused.err
    assert made.recurring_run_id in standin.store.recurring_runs
    assert beside.json["action"] == "created"


def test_one_that_rests_rests_on_until_it_is_enabled(standin: Standin) -> None:
    schedule(standin, *NIGHTLY)

    rests = schedule(standin, "--disable", "--model-name", "rpm", "--json")
    fires = standin.store.fire(next(iter(standin.store.recurring_runs)))
    unchanged = schedule(standin, *NIGHTLY)
    replaced = schedule(standin, "--interval", "6h", *RELEASE)
    resting = [each.mode for each in standin.store.recurring_runs.values()]
    enabled = schedule(standin, "--enable", "--name", "release rpm", "--json")

    assert (rests.json["action"], rests.json["enabled"], fires) == ("disabled", False, None)
    assert (unchanged.json["action"], unchanged.json["enabled"]) == ("unchanged", False)
    assert "stays so until --enable" in replaced.out
    assert resting == ["DISABLE"]
    assert (enabled.json["action"], enabled.json["enabled"]) == ("enabled", True)
    assert [each.mode for each in standin.store.recurring_runs.values()] == ["ENABLE"]


def test_deleting_it_keeps_its_runs(standin: Standin) -> None:
    schedule(standin, *NIGHTLY)
    standin.store.fire(next(iter(standin.store.recurring_runs)))

    done = schedule(standin, "--delete", "--model-name", "rpm")
    again = schedule(standin, "--delete", "--model-name", "rpm")

    assert (done.status, done.out) == (0, "release rpm: deleted\n")
    assert not standin.store.recurring_runs
    assert len(standin.store.runs) == 1
    assert again.status == 2
    assert "none named 'release rpm'" in again.err


def test_the_list_has_all_pages_and_only_our_own(standin: Standin) -> None:
    schedule(standin, *NIGHTLY)
    (made,) = standin.store.recurring_runs.values()
    for number in range(210):
        fields = {name: getattr(made, name) for name in made.openapi_types}
        fields |= {"display_name": f"n{number}", "description": made.description if number % 2 else "in the UI"}
        standin.store.create_recurring_run(kfp_server_api.V2beta1RecurringRun(**fields))

    done = schedule(standin, "--list", "--json")
    shown = schedule(standin, "--list")

    assert len(done.json["schedules"]) == 1 + 105
    assert "release rpm\n  cron 0 0 3 * * * UTC, enabled\n  releases rpm from gs://b/exports\n" in shown.out


def test_a_model_may_have_several_by_name(standin: Standin) -> None:
    schedule(standin, *NIGHTLY)
    schedule(standin, "--name", "rpm hourly", "--interval", "1h", *RELEASE)

    assert {each.display_name for each in standin.store.recurring_runs.values()} == {"release rpm", "rpm hourly"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--cron", "0 3 * * *", *RELEASE), "Write '0 0 3 * * *'"),
        (("--interval", "soon", *RELEASE), "--interval 6h"),
        (("--cron", "0 0 3 * * *", "--interval", "6h", *RELEASE), "and only one"),
        (RELEASE, "and only one"),
        (("--list", "--delete"), "and only one"),
        (("--disable",), "Missing option '--name'"),
        (("--cron", "0 0 3 * * *", *RELEASE[2:]), "Missing option"),
        ((*NIGHTLY, "--set", "outputs={{x}}"), "which Argo would replace"),
    ],
)
def test_wrong_usage_is_exit_status_2_and_schedules_nothing(
    standin: Standin, arguments: tuple[str, ...], says: str
) -> None:
    done = schedule(standin, *arguments)

    assert done.status == 2
    assert says in done.err
    assert not standin.store.recurring_runs
    assert not standin.store.pipelines


def test_a_refusal_of_the_backend_is_json_too(standin: Standin) -> None:
    standin.forbidden_tokens = {"guest"}

    done = schedule(standin, *NIGHTLY, "--existing-token", "guest")

    assert (done.status, done.json["action"], done.json["error"]["kind"]) == (1, "failed", "AccessDenied")
