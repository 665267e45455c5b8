"""Names and descriptions that the backend's database has no room for, or takes for those of others."""

import pytest
from kfp_server_api import V2beta1Pipeline, V2beta1RecurringRun

from pipeline.kubeflow.address import Address
from pipeline.kubeflow.connection import connected
from pipeline.kubeflow.schedules import MARK
from tests.kfp_standin.server import Standin
from tests.pipeline.kubeflow.commands import RELEASE, schedule, submit

NIGHTLY = ("--cron", "0 0 3 * * *", *RELEASE, "--json")
FAR = ("--export-uri", f"gs://b/{'deep/' * 60}exports")
ACCOUNT = "releaser-" + "x" * 240


@pytest.mark.parametrize("more", [(), ("--service-account", ACCOUNT), ("--name", "x" * 255)])
def test_a_schedules_description_fits_whatever_is_released(standin: Standin, more: tuple[str, ...]) -> None:
    made = schedule(standin, *NIGHTLY, *FAR, *more)
    again = schedule(standin, *NIGHTLY, *FAR, *more)

    assert (made.status, again.status) == (0, 0), made.err
    assert (made.json["action"], again.json["action"], standin.store.strays) == ("created", "unchanged", [])
    (kept,) = standin.store.recurring_runs.values()
    assert kept.description.startswith(f"{MARK} Releases rpm from gs://b/deep/")
    assert "…" in kept.description
    assert len(kept.description) == 255


def test_a_change_of_account_shows_in_a_description_that_is_shortened(standin: Standin) -> None:
    schedule(standin, *NIGHTLY, *FAR, "--service-account", ACCOUNT)

    other = schedule(standin, *NIGHTLY, *FAR, "--service-account", f"{ACCOUNT}y")
    default = schedule(standin, *NIGHTLY, *FAR)

    assert (other.json["action"], default.json["action"]) == ("replaced", "replaced")


def test_a_description_that_a_backend_has_had_room_for_is_no_change(standin: Standin) -> None:
    schedule(standin, *NIGHTLY, *FAR)
    (made,) = standin.store.recurring_runs.values()
    made.description = f"{MARK} Releases rpm from {FAR[1]}. Service account: the default one."

    assert schedule(standin, *NIGHTLY, *FAR).json["action"] == "unchanged"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--name", "x" * 256, *NIGHTLY), "--name: expected a name of 255 characters at most; found 256"),
        (("--name", "x" * 256, "--delete"), "--name: expected a name of 255 characters at most; found 256"),
        ((*NIGHTLY, "--experiment", "x" * 129), "--experiment: expected a name of 128 bytes at most; found 129"),
        ((*NIGHTLY, "--pipeline-name", "ü" * 58), "--pipeline-name: expected a name of 114 bytes at most; found 116"),
    ],
)
def test_names_that_are_too_long_are_refused_before_anything_is_sent(
    standin: Standin, arguments: tuple[str, ...], says: str
) -> None:
    done = schedule(standin, *arguments)

    assert done.status == 2
    assert says in done.err
    assert not standin.seen


def test_the_longest_names_are_taken(standin: Standin) -> None:
    done = submit(standin, *RELEASE, "--no-wait", "--experiment", "x" * 128, "--pipeline-name", "x" * 114)

    assert done.status == 0, done.err


def test_a_schedule_whose_name_differs_in_case_alone_is_another(standin: Standin) -> None:
    first = schedule(standin, *NIGHTLY, "--name", "Nightly").json["recurring_run_id"]

    second = schedule(standin, *NIGHTLY, "--name", "nightly")
    changed = schedule(standin, *NIGHTLY, "--name", "nìghtly", "--set", "batch_rows=7")
    deleted = schedule(standin, "--delete", "--name", "nightly", "--json")

    assert [each.json["action"] for each in (second, changed)] == ["created", "created"]
    assert deleted.json["deleted"] == [second.json["recurring_run_id"]]
    assert set(standin.store.recurring_runs) == {first, changed.json["recurring_run_id"]}


def test_somebody_elses_schedule_of_almost_that_name_does_not_stand_in_the_way(standin: Standin) -> None:
    schedule(standin, *NIGHTLY, "--name", "Nightly")
    (theirs,) = standin.store.recurring_runs.values()
    assert isinstance(theirs, V2beta1RecurringRun)
    theirs.description = "Made in the UI."

    assert schedule(standin, *NIGHTLY, "--name", "nightly").json["action"] == "created"


def test_a_pipeline_whose_name_differs_in_case_alone_is_not_taken_for_ours(standin: Standin) -> None:
    theirs = V2beta1Pipeline(name="theirs", display_name="Ours")
    standin.store.create_pipeline(theirs)
    standin.store.create_pipeline(V2beta1Pipeline(name="Mine", display_name="Mine"))

    done = submit(standin, *RELEASE, "--no-wait", "--json", "--pipeline-name", "ours")
    taken = submit(standin, *RELEASE, "--no-wait", "--json", "--pipeline-name", "mine")

    assert standin.store.pipelines[done.json["pipeline_id"]].display_name == "ours"
    assert taken.status == 1
    assert "Choose another --pipeline-name" in taken.err


def test_versions_and_runs_are_found_by_the_very_name_alone(standin: Standin) -> None:
    submit(standin, *RELEASE, "--no-wait")
    (run,), (version,) = standin.store.runs.values(), standin.store.versions.values()

    with connected(Address(standin.url)) as backend:
        versions = [backend.version_id(version.pipeline_id, name) for name in (version.name, version.name.upper())]
        names = (run.display_name, run.display_name.upper())
        runs = [backend.run_named(name, experiment_id=run.experiment_id) for name in names]

    assert versions == [version.pipeline_version_id, ""]
    assert runs == [run.run_id, ""]
