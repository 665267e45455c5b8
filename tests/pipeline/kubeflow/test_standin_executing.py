"""A stand-in that executes: the API's run is that of the steps."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model.release_layout import ReleaseRecord
from pipeline.environments import COMPILED
from tests.kfp_standin.executing import executing
from tests.kfp_standin.server import Standin
from tests.kfp_standin.store import Store
from tests.pipeline.kubeflow.commands import kfp_client, submit
from tests.pipeline.runs import processes_of, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def executes(tmp_path: Path) -> Iterator[Standin]:
    with executing(tmp_path / "home") as execute, Standin(Store(execute.clock, execute=execute)).running() as running:
        yield running


@pytest.fixture
def client(executes: Standin) -> Iterator[Any]:
    with kfp_client(executes.url) as made:
        yield made


def start(client: Any, *, export: Path, rows: Path, directory: Path) -> str:
    """Starts a run on this machine; returns its id."""
    arguments = {
        "export_uri": str(export),
        "rows_uri": str(rows),
        "models_root": str(directory / "models"),
        "predictions_uri": str(directory / "predictions"),
        "platform": "local",
    }
    return str(client.create_run_from_pipeline_package(str(COMPILED), arguments, experiment_name="Default").run_id)


def test_a_refused_run_fails_at_that_step_and_its_log_says_why(
    executes: Standin, client: Any, tmp_path: Path, visits: Path
) -> None:
    (tmp_path / "no-model").mkdir()

    run_id = start(client, export=tmp_path / "no-model", rows=visits, directory=tmp_path)
    done = submit(executes, "--follow", run_id, "--json")

    assert (done.status, done.json["state"], done.json["failed_step"]) == (1, "failed", "inspect_signature")
    assert done.json["error_details"]["kind"] == "NotASavedModel"
    assert list(done.json["seconds"]) == ["inspect_signature", "finish_release", "total"]


def test_the_steps_see_the_runs_id_as_the_api_has_it(
    executes: Standin, client: Any, tmp_path: Path, retail_propensity: Path, visits: Path
) -> None:
    run_id = start(client, export=retail_propensity, rows=tmp_path / "no-rows.csv", directory=tmp_path)
    done = submit(executes, "--follow", run_id, "--json")

    (record,) = tmp_path.glob("models/rpm/releases/*/release.json")
    assert done.json["failed_step"] == "validate_release"
    assert ReleaseRecord.from_json(record.read_bytes()).run_id == run_id


def test_terminating_ends_the_process(
    executes: Standin, client: Any, tmp_path: Path, retail_propensity: Path, visits: Path
) -> None:
    run_id = start(client, export=retail_propensity, rows=visits, directory=tmp_path)
    course = executes.store.courses[run_id]
    wait_for(lambda: "validate-release" in course.began, why="a step that takes a while")  # type: ignore[attr-defined]

    client.terminate_run(run_id)
    done = submit(executes, "--follow", run_id, "--json")

    assert (done.status, done.json["state"]) == (1, "terminated")
    assert processes_of(tmp_path / "home") == []
