"""The release pipeline in a pod of the cluster: a first release, the same once more, and a retrained model."""

from collections import Counter
from pathlib import Path

import pytest
import requests

from model.sample.visits import KNOWN_VISIT
from tests.cluster.release_place import OF_A_LIVE_SERVICE, QUICK, STEPS, WEBAPP, Place, Released, released

pytest_plugins = ["tests.cluster.pipeline_runs"]
pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_release_ends_promoted_with_all_that_the_json_promises(first: Released) -> None:
    result = first.outcome.result

    assert (result["state"], result["failed_step"], result["error"]) == ("promoted", None, None)
    assert (result["model_name"], result["release"]["version"]) == ("rpm", 1)
    assert result["release"]["digest"].startswith("sha256:")
    assert set(result["seconds"]) == {*STEPS, "total"}
    assert result["rest_url"].endswith(".svc.cluster.local")
    assert result["grpc_target"] == f"{result['rest_url'].removeprefix('http://')}:9000"


def test_every_row_is_scored_and_keeps_its_key(first: Released, place: Place, visits: Path) -> None:
    keys = [line.partition(",")[0] for line in visits.read_text().splitlines()[1:]]

    predictions = place.parquet(first.outcome.result["predictions_uri"])
    failed = place.parquet(first.outcome.result["failed_rows_uri"])

    assert (predictions.num_rows, failed.num_rows) == (len(keys), 0)
    assert any(key.startswith("0") for key in keys)
    assert Counter(predictions["fullVisitorId"].to_pylist()) == Counter(keys)
    known = predictions["fullVisitorId"].to_pylist().index(KNOWN_VISIT.partition(",")[0])
    assert predictions["will_buy_on_return_visit_probs"][known].as_py()[0] == pytest.approx(0.775, abs=5e-4)


def test_the_metrics_are_those_of_the_labelled_rows(first: Released, visits: Path) -> None:
    rows = len(visits.read_text().splitlines()) - 1
    scores = first.outcome.result["scores"]

    assert (scores["rows"], scores["failed_rows"], scores["labelled_rows"]) == (rows, 0, rows)
    assert 0.6 <= scores["auc"] < 1.0
    assert 0.5 < scores["accuracy"] < 1.0


def test_the_live_service_answers_by_itself_and_through_the_web_application(first: Released, place: Place) -> None:
    model = f"{first.outcome.result['rest_url']}/v1/models/rpm:predict"
    form = {"bounces": "0", "time_on_site": "7363", "mlinference_host": model, "mlinference_check": "yes"}
    page = f"http://{place.address(WEBAPP)}/ecommerce/mlinference"

    assert place.probability() == 0.775
    assert "0.775" in requests.post(page, data=form, timeout=10).text


def test_nothing_is_left_but_the_live_service_and_the_note_that_it_was_promoted(first: Released) -> None:
    assert first.after - first.before == OF_A_LIVE_SERVICE
    assert first.before <= first.after


def test_the_log_of_the_run_tells_a_person_how_it_went(first: Released) -> None:
    result = first.outcome.result
    told = [line for line in first.outcome.log.splitlines() if not line.startswith("{")]  # that is for programs

    assert told[0].startswith(f"run {result['run_id']}: rpm from gs://")
    for step in STEPS:
        assert f"  … {step}" in told
        assert f"  ✓ {step} {result['seconds'][step]:.1f} s" in told
    assert told[-1] == f"rpm: release 1 is live ({result['seconds']['total']:.1f} s)"
    assert len(first.outcome.log.splitlines()) == len(told) + 1
    assert [line for line in told if len(line) >= 200 or "Traceback" in line or "Warning" in line] == []


def test_the_same_run_again_finds_it_live_and_replaces_nothing(
    first: Released, place: Place, retail_propensity: Path
) -> None:
    again = released(place, retail_propensity, **QUICK)

    assert again.outcome.result["state"] == "already_live"
    assert again.outcome.result["release"] == first.outcome.result["release"]
    assert again.live == first.live
    assert again.after == again.before == first.after
    assert list(place.releases("rpm")) == ["1"]


def test_a_retrained_model_replaces_it(first: Released, replaced: Released, place: Place) -> None:
    result = replaced.outcome.result

    assert (result["state"], result["release"]["version"]) == ("promoted", 2)
    assert place.probability() == 0.781
    assert replaced.live.version == 2
    assert replaced.live.written["former"] == first.outcome.result["release"]
    assert replaced.after == first.after
    assert replaced.live.predictor["model"]["storageUri"] == result["release"]["uri"]
