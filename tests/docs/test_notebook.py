"""docs/release.ipynb, cell by cell, against the stand-in for Kubeflow Pipelines."""

import base64
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from nbclient.exceptions import CellExecutionError

from components.stage_release.staging import stage
from model.sample.retail import SIGNATURE
from model.storage import copy_blob, open_storage
from tests.components.stage_release.staged import inspection_of
from tests.docs import notebook
from tests.kfp_standin.script import Clock, Script
from tests.kfp_standin.server import Standin
from tests.kfp_standin.store import Store
from tests.pipeline.kubeflow.commands import REFUSED

SLOW = (pytest.mark.slow, pytest.mark.timeout(600))
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def executed(directory: Path) -> Any:
    """The notebook after a run whose steps were really run; what it left stands in the directory."""
    with notebook.backend(directory) as (_, settings):
        opened = notebook.read()
        notebook.run(opened, directory, settings)
        return opened


@pytest.fixture(scope="module")
def committed() -> Any:
    return notebook.read()


@pytest.mark.parametrize("shown", [pytest.param("executed", marks=SLOW), "committed"])
def test_it_shows_signature_metrics_curve_and_predictions(shown: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue(shown)

    assert notebook.output(found, "wait").strip() == "SUCCEEDED"
    for spec in (*SIGNATURE.inputs, *SIGNATURE.outputs):
        assert spec.name in notebook.output(found, "signature")
        assert spec.dtype in notebook.output(found, "signature")
    assert "AUC            0.6716" in notebook.output(found, "metrics")
    for cell in ("curve", "confusion"):
        (image,) = notebook.images(found, cell)
        assert base64.b64decode(image).startswith(PNG)
    assert f"{notebook.ROWS:,} predictions of {notebook.ROWS:,} rows" in notebook.output(found, "predictions")
    assert "0 failed rows" in notebook.output(found, "failed-rows")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_it_shows_is_read_from_a_bucket_as_well(
    executed: Any, directory: Path, gcs_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = str(directory / "bucket")
    for blob in open_storage(place).list_blobs(place):
        copy_blob(blob, f"{gcs_bucket}/{blob.path}")
    run_id = notebook.output(executed, "submit").strip().rpartition("/")[2]
    names: dict[str, Any] = {"run": SimpleNamespace(run_id=run_id), "pd": pd, "scratch": tmp_path}
    for name in notebook.variables(executed):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BUCKET", gcs_bucket)

    for cell in executed.cells:
        if cell.id in ("settings", "release", "signature", "metrics", "predictions", "failed-rows"):
            exec(cell.source, names)

    assert names["record"].run_id == run_id
    assert names["scored_uri"] == f"{gcs_bucket}/predictions/{run_id}"
    assert len(names["predictions"]) == names["report"].rows == notebook.ROWS
    assert names["failed"].empty


def test_what_is_committed_tells_of_no_machine_and_is_small(committed: Any) -> None:
    text = notebook.NOTEBOOK.read_text(encoding="utf-8")
    counts = [cell.execution_count for cell in committed.cells if cell.cell_type == "code"]

    assert counts == list(range(1, len(counts) + 1))
    assert len(text) < 200_000
    assert not [place for place in ("/tmp", "/home", "/root", "/work", "127.0.0.1", "stderr") if place in text]


@pytest.mark.slow
def test_a_failed_run_ends_it_with_step_page_and_reason(tmp_path: Path) -> None:
    script = Script(failing=frozenset({"score-batch"}), logs={"score-batch": REFUSED})
    opened = notebook.read()

    with Standin(Store(Clock(500.0), script)).running() as standin:
        with pytest.raises(CellExecutionError) as error:
            notebook.run(opened, tmp_path, notebook.settings(standin, BUCKET="gs://bucket"))
        (run_id,) = standin.store.runs

    told = notebook.output(opened, "verdict")
    assert "failed step: score-batch" in told
    assert f"{standin.url}/#/runs/details/{run_id}" in told
    assert "/log" in told.partition("its log:")[2]
    assert "score_batch failed. ScoringFailed: gs://b/models/rpm/predictions: expected AUC" in str(error.value)
    assert not notebook.output(opened, "release")


def test_the_release_of_a_run_is_its_own_or_the_one_that_it_found_again(
    committed: Any, tmp_path: Path, retail_propensity: Path, retail_retrained: Path
) -> None:
    (cell,) = [each for each in committed.cells if each.id == "release"]
    place = {"models_root": str(tmp_path), "model_name": "rpm"}
    staged = {
        run_id: stage(inspection_of(export), **place, run_id=run_id)
        for run_id, export in (("first", retail_propensity), ("second", retail_retrained))
    }

    def found(run_id: str, export: Path) -> Any:
        names: dict[str, Any] = {"MODELS_ROOT": str(tmp_path), "MODEL_NAME": "rpm", "EXPORT_URI": str(export), "pd": pd}
        names["run"] = SimpleNamespace(run_id=run_id)
        exec(cell.source, names)
        return names["record"].release

    assert found("second", retail_retrained) == staged["second"]
    assert found("first", retail_retrained) == staged["first"]
    assert found("third", retail_propensity) == staged["first"]
