"""Components in pipelines of somebody else's: each compiles there by itself, and the documented examples run."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from kfp import compiler, components, dsl
from rich.console import Console

from components.contracts import ScoreReport
from components.platforms.local.home import Home
from components.platforms.local.session import owner_of_steps
from model.release_records import read_record
from model.sample import retail
from model.server.config import ServedModel
from pipeline.engine import RunRequest, execute
from pipeline.environments import COMPILED
from tests.servers import base_path, running_model_server

EXAMPLES = COMPILED.parent.parent / "docs" / "examples"
COMPONENTS = sorted((COMPILED.parent / "components").glob("*.yaml"))
GIVEN: dict[str, Any] = {"STRING": "text", "NUMBER_INTEGER": 1, "NUMBER_DOUBLE": 0.5, "BOOLEAN": True}


def compiled(pipeline: Any, directory: Path) -> str:
    path = directory / "pipeline.yaml"
    compiler.Compiler().compile(pipeline, str(path))
    return path.read_text()


def required(path: Path) -> dict[str, Any]:
    """A value for each parameter that the component does not have a default for."""
    inputs = yaml.safe_load(path.read_text())["root"]["inputDefinitions"]["parameters"]
    kinds = {name: each["parameterType"] for name, each in inputs.items() if "defaultValue" not in each}
    return {name: GIVEN[kind] for name, kind in kinds.items() if kind != "TASK_FINAL_STATUS"}  # the engine fills it in


@pytest.mark.parametrize("path", COMPONENTS, ids=lambda path: path.stem)
def test_a_component_is_a_step_of_another_pipeline_and_has_defaults_for_all_that_is_not_its_subject(
    path: Path, tmp_path: Path
) -> None:
    step = components.load_component_from_file(str(path))
    given = required(path)
    needs_rows = "artifacts" in yaml.safe_load(path.read_text())["root"]["inputDefinitions"]

    @dsl.component(base_image="python:3.11-slim")
    def rows_and_answers(expectations: dsl.Output[dsl.Artifact]) -> None: ...

    @dsl.pipeline(name="somebody-elses")
    def somebody_elses() -> None:
        artifacts = {"expectations": rows_and_answers().outputs["expectations"]} if needs_rows else {}
        task = step(**given, **artifacts)
        if path.stem == "finish_release":
            with dsl.ExitHandler(task):
                rows_and_answers()

    assert len(given) <= 5, given
    assert f"exec-{path.stem.replace('_', '-')}" in compiled(somebody_elses, tmp_path)


def run(pipeline: Any, directory: Path, **parameters: Any) -> Path:
    """Runs it here, as kfp.local does. Returns where its steps have left their artifacts."""
    request = RunRequest(compiled(pipeline, directory), parameters, Home.at(directory / "home"))
    steps_directory = request.home.run("run-1")
    steps_directory.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patched:
        for name, value in owner_of_steps(request.home, "run-1").items():
            patched.setenv(name, value)
        steps, complaint = execute(request, steps_directory, console=Console(stderr=True))
    assert (steps.failed, complaint) == ([], ""), (steps_directory / "log.txt").read_text()
    return steps_directory


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield importlib.import_module
    for path in EXAMPLES.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.mark.slow
def test_a_training_pipeline_ends_in_a_validated_release(example: Any, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x\n1\n2\n")
    places = {"exports_uri": str(tmp_path / "exports"), "models_root": str(tmp_path / "models")}

    pipeline = example("train_and_stage").train_and_stage
    left = run(
        pipeline, tmp_path, model_name="doubling", rows_uri=str(tmp_path / "rows.csv"), platform="local", **places
    )

    (release,) = (tmp_path / "models" / "doubling" / "releases").iterdir()
    record = read_record(str(release))
    assert record is not None
    assert '"outputs"' in next(left.rglob("expectations")).read_text()


@pytest.mark.slow
def test_a_batch_is_scored_through_a_live_model(
    example: Any, retail_propensity: Path, visits: Path, tmp_path: Path
) -> None:
    served = ServedModel("rpm", base_path(tmp_path / "rpm", {1: retail_propensity}))
    with running_model_server(tmp_path, [served]) as server:
        run(
            example("score_live_model").score_live_model,
            tmp_path,
            release_uri=str(retail_propensity),
            endpoint=server.endpoint("rpm", version=1).to_json(),
            rows_uri=str(visits),
            predictions_uri=str(tmp_path / "scored"),
            label_column=retail.LABEL,
            platform="local",
        )

    (scored,) = (tmp_path / "scored").iterdir()
    report = ScoreReport.from_json((scored / "score_report.json").read_bytes())
    assert report.auc is not None
    assert pq.read_table(scored / "predictions").num_rows == report.rows == 200
