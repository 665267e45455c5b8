"""The whole pipeline, from the command line, on this machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.pipeline.runs import LABELS, Outcome, probability, processes_of, release, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[str]:
    with serving(home) as url:
        yield url


@pytest.fixture(scope="module")
def first(home: Path, server: str, retail_propensity: Path, visits: Path) -> Outcome:
    return release(retail_propensity, visits, home=home, more=(*LABELS, "--set", "min_auc=0.6"))


def test_a_release_ends_promoted_with_all_that_the_json_promises(first: Outcome) -> None:
    assert first.status == 0, first.log
    assert first.result["state"] == "promoted"
    assert first.result["failed_step"] is None
    assert set(first.result["seconds"]) >= {"inspect_signature", "score_batch", "promote_release", "total"}
    assert first.result["release"]["digest"].startswith("sha256:")


def test_the_running_server_serves_what_was_promoted(first: Outcome, server: str) -> None:
    assert first.result["rest_url"] == server
    assert probability(server) == 0.775


def test_every_row_is_in_the_predictions_with_its_own_columns_and_the_outputs(first: Outcome, visits: Path) -> None:
    predictions = pq.read_table(first.result["predictions_uri"])
    failed = pq.read_table(first.result["failed_rows_uri"])

    assert predictions.num_rows + failed.num_rows == len(visits.read_text().splitlines()) - 1
    assert {"fullVisitorId", "bounces", "will_buy_on_return_visit_probs"} <= set(predictions.column_names)
    assert any(key.startswith("0") for key in predictions["fullVisitorId"].to_pylist())


def test_the_report_shows_signature_scores_and_smoke_test(first: Outcome) -> None:
    report = Path(first.result["report"]).read_text()

    for shown in ("time_on_site", "ROC curve", "Confusion matrix", "Smoke test", "Timings", "sha256:"):
        assert shown in report


def test_the_same_export_again_is_already_live(
    first: Outcome, home: Path, retail_propensity: Path, visits: Path, server: str
) -> None:
    again = release(retail_propensity, visits, home=home)

    assert (again.status, again.result["state"]) == (0, "already_live"), again.log
    assert again.result["release"] == first.result["release"]
    assert [path.name for path in (home / "models" / "rpm" / "releases").iterdir()] == ["1"]


def test_a_run_leaves_no_process_but_the_server_that_was_there(first: Outcome, home: Path, server: str) -> None:
    assert processes_of(home) == []
    assert probability(server) == 0.775


def test_another_release_replaces_the_first(
    first: Outcome, retail_propensity: Path, retail_retrained: Path, visits: Path, tmp_path: Path
) -> None:
    with serving(tmp_path) as url:
        release(retail_propensity, visits, home=tmp_path)
        second = release(retail_retrained, visits, home=tmp_path)

        assert (second.status, second.result["state"], second.result["release"]["version"]) == (0, "promoted", 2)
        assert probability(url) != 0.775
    live = json.loads((tmp_path / "serving" / "live" / "rpm.json").read_text())
    assert live["former"]["version"] == 1
