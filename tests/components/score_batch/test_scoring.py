"""Thresholds over a scored batch."""

import inspect
from dataclasses import replace
from typing import Any

import pytest

from components.contracts import ConfusionMatrix, Inspection, ScoreReport, ScoringJob
from components.score_batch.component import score_batch
from components.score_batch.parameters import scoring_job
from components.score_batch.scoring import score
from model.endpoint import Endpoint
from model.errors import InvalidValue, ScoringFailed
from model.sample.retail import SIGNATURE

REPORT = ScoreReport(
    "gs://b/p/predictions",
    "gs://b/p/failed_rows",
    rows=1000,
    failed_rows=10,
    seconds=2.0,
    failure_reasons={"column a: expected a number": 6, "column b: expected true": 3, "ragged": 1, "rare": 0},
    labelled_rows=990,
    accuracy=0.8,
    auc=0.7,
)
YES_NO = ConfusionMatrix(("no", "yes"), ((2, 1), (1, 2)))
ONES, BOTH = ConfusionMatrix(("0", "1"), ((0, 0), (1, 2))), ConfusionMatrix(("0", "1"), ((1, 0), (1, 2)))
JOB = ScoringJob("gs://b/rows.csv", "gs://b/p", SIGNATURE, Endpoint("http://h", "h:1", "m", 1).to_json())


class Backend:
    """A backend that has scored already."""

    def __init__(self, report: ScoreReport) -> None:
        self.report, self.asked = report, 0

    def run(self, job: ScoringJob, *, run_id: str) -> ScoreReport:
        self.asked += 1
        return self.report


def outcome(report: ScoreReport, *, job: ScoringJob = JOB, **limits: float) -> ScoreReport:
    return score(job, backend=Backend(report), run_id="run-1", **limits)


def test_an_outcome_within_its_limits_is_given_back() -> None:
    assert outcome(REPORT, max_failed_rows=0.01, min_auc=0.7, min_accuracy=0.8) is REPORT


def test_too_many_failed_rows_are_told_with_the_three_most_frequent_reasons_and_their_place() -> None:
    with pytest.raises(ScoringFailed) as caught:
        outcome(REPORT, max_failed_rows=0.0099)

    message = str(caught.value)
    assert "10 of 1000 (1.00%): 6 x column a: expected a number; 3 x column b: expected true; 1 x ragged" in message
    assert "rare" not in message
    assert REPORT.failed_rows_uri in message


@pytest.mark.parametrize(
    ("changes", "limits", "words"),
    [
        ({}, {"min_auc": 0.71}, r"AUC of at least 0\.71 \(min_auc\); found 0\.7000 over 990 labelled rows"),
        ({}, {"min_accuracy": 0.9}, r"min_accuracy\); found 0\.8000"),
        ({"auc": None, "labelled_rows": 0}, {"min_auc": 0.1}, "Set label_column"),
        (
            {"auc": None, "confusion": YES_NO},
            {"min_auc": 0.1},
            "positive_label is 1, and the labels are no, yes. Set pos",
        ),
        ({"auc": None, "confusion": ONES}, {"min_auc": 0.1}, "positive_label is 1, and the labels are 1. Set positive"),
        ({"auc": None, "confusion": BOTH}, {"min_auc": 0.1}, "no output is known as the score. Set score_output"),
        ({"rows": 0, "failed_rows": 0}, {}, "expected rows to score; found none"),
    ],
)
def test_a_metric_below_its_threshold_is_refused(changes: dict[str, Any], limits: dict[str, float], words: str) -> None:
    with pytest.raises(ScoringFailed, match=words):
        outcome(replace(REPORT, **changes), max_failed_rows=1, **limits)


def test_a_model_that_was_not_called_has_no_metrics_to_judge() -> None:
    assert outcome(replace(REPORT, called=False, auc=None, accuracy=None), max_failed_rows=0.01, min_auc=0.9)


@pytest.mark.parametrize(
    ("job", "limits", "words"),
    [
        (JOB, {"max_failed_rows": 1.5}, "max_failed_rows"),
        (JOB, {"min_auc": float("nan")}, "min_auc"),
        (replace(JOB, batch_rows=0), {}, "batch_rows"),
        (replace(JOB, rows_uri=" "), {}, "rows_uri"),
    ],
)
def test_a_value_out_of_range_is_refused_before_spark_starts(
    job: ScoringJob, limits: dict[str, float], words: str
) -> None:
    backend = Backend(REPORT)

    with pytest.raises(InvalidValue, match=words):
        score(job, backend=backend, run_id="run-1", **limits)

    assert backend.asked == 0


def parameters(**changes: Any) -> dict[str, Any]:
    """As the component's function has them, with its defaults."""
    inspection = Inspection("gs://b/export", "sha256:0", 1, SIGNATURE).to_json()
    declared = inspect.signature(score_batch).parameters.values()
    defaults = {each.name: each.default for each in declared if each.default is not each.empty}
    given = {"rows_uri": "rows", "predictions_uri": "out/", "endpoint": JOB.endpoint_json, "inspection": inspection}
    given["run_id"] = "run-1"
    return {**defaults, **given, **changes}


def test_parameters_become_a_job_that_survives_its_json() -> None:
    job = scoring_job(parameters(outputs=" a, b ,,", invoke_endpoint="no", spark_image="spark:1", spark_executors=3))

    assert (job.outputs, job.invoke_endpoint, job.signature) == (("a", "b"), False, SIGNATURE)
    assert (job.spark.image, job.spark.executors) == ("spark:1", 3)
    assert job.predictions_uri == "out/run-1"
    assert ScoringJob.from_json(job.to_json()) == job


def test_the_switch_is_yes_or_no() -> None:
    with pytest.raises(InvalidValue, match="yes or no"):
        scoring_job(parameters(invoke_endpoint="maybe"))
