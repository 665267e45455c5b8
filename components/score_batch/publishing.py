"""What score_batch leaves, also of a batch that is refused: the report, and metrics where there are any."""

import logging
from pathlib import Path
from typing import Any

from components.contracts import ScoreReport
from components.reporting import leave
from components.score_batch.report import curve_values, html, metric_values

log = logging.getLogger(__name__)


def publish(report: ScoreReport, *, html_file: str, metrics: Any, roc: Any, confusion: Any) -> None:
    """metrics: a kfp.dsl.Metrics; roc, confusion: kfp.dsl.ClassificationMetrics, left empty where there is nothing."""
    if report.labelled_rows:
        figures = (("AUC", report.auc), ("accuracy", report.accuracy))
        told = ", ".join(f"{name} {value:.4f}" for name, value in figures if value is not None)
        log.info("%s over %d labelled rows", told or "no metric", report.labelled_rows)
    leave("score_report", report.to_json())
    Path(html_file).write_text(html(report, title="Scored batch"), encoding="utf-8")
    for name, value in metric_values(report).items():
        metrics.log_metric(name, value)
    if report.roc is not None:
        roc.log_roc_curve(*curve_values(report.roc))
    if report.confusion is not None:
        counts = [list(row) for row in report.confusion.counts]
        confusion.log_confusion_matrix(list(report.confusion.labels), counts)
