"""What score_batch shows."""

import json
from pathlib import Path

from kfp import dsl

from components.contracts import ConfusionMatrix, RocCurve, ScoreReport
from components.score_batch.publishing import publish
from components.score_batch.report import curve_values, html, metric_values

ROC = RocCurve((0.0, 0.5, 1.0), (0.0, 0.8, 1.0), (float("inf"), 0.5, 0.0))
REPORT = ScoreReport(
    "/p/<predictions>",
    "/p/failed_rows",
    rows=2000,
    failed_rows=3,
    seconds=2.0,
    failure_reasons={"column <b>: expected": 3},
    labelled_rows=1997,
    accuracy=0.81,
    auc=0.7123,
    roc=ROC,
    confusion=ConfusionMatrix(("0", "<1>"), ((1000, 97), (400, 500))),
)
BARE = ScoreReport("/p/predictions", "/p/failed_rows", rows=5, failed_rows=0, seconds=0.0, called=False)


def test_the_report_shows_all_there_is_and_escapes_it() -> None:
    page = html(REPORT, title="Scored batch")

    for shown in (
        "2,000",
        "0.7123",
        "0.8100",
        "1,000",
        "<svg",
        "polyline",
        "&lt;1&gt;",
        "column &lt;b&gt;",
        "&lt;pred",
    ):
        assert shown in page
    assert "<b>:" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_a_report_without_labels_and_without_a_call_says_so() -> None:
    page = html(BARE, title="Scored batch")

    assert "invoke_endpoint=no" in page
    assert "ROC" not in page
    assert "Confusion" not in page


def test_metrics_that_there_are_none_of_are_not_logged() -> None:
    assert metric_values(REPORT)["rows_per_second"] == 1000.0
    assert set(metric_values(BARE)) == {"rows", "failed_rows", "rows_per_second"}


def test_thresholds_are_finite() -> None:
    assert curve_values(ROC)[2] == [1.5, 0.5, 0.0]


def test_artifacts_are_filled_where_there_is_something_and_are_json(tmp_path: Path) -> None:
    metrics, roc, confusion = dsl.Metrics(), dsl.ClassificationMetrics(), dsl.ClassificationMetrics()
    empty = dsl.Metrics(), dsl.ClassificationMetrics(), dsl.ClassificationMetrics()

    publish(REPORT, html_file=str(tmp_path / "report.html"), metrics=metrics, roc=roc, confusion=confusion)
    publish(BARE, html_file=str(tmp_path / "bare.html"), metrics=empty[0], roc=empty[1], confusion=empty[2])

    assert metrics.metadata["auc"] == 0.7123
    assert len(roc.metadata["confidenceMetrics"]) == 3
    assert confusion.metadata["confusionMatrix"]["annotationSpecs"][1] == {"displayName": "<1>"}
    json.dumps([metrics.metadata, roc.metadata, confusion.metadata], allow_nan=False)
    assert (empty[1].metadata, empty[2].metadata) == ({}, {})
    assert "<svg" in (tmp_path / "report.html").read_text()
