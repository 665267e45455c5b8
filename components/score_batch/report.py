"""The HTML report of a scored batch, and what Kubeflow Pipelines shows of it."""

import math
from html import escape

from components.charts import confusion_table, roc_chart
from components.contracts import RocCurve, ScoreReport
from components.html import cards, page, table


def html(report: ScoreReport, *, title: str) -> str:
    """A whole document."""
    return page(title, _figures(report), _failures(report), _quality(report), _places(report))


def _figures(report: ScoreReport) -> str:
    figures: list[tuple[str, object]] = [
        ("rows", f"{report.rows:,}"),
        ("failed rows", f"{report.failed_rows:,}"),
        ("rows a second", f"{rows_per_second(report):,.0f}"),
        ("seconds", f"{report.seconds:.1f}"),
    ]
    if report.accuracy is not None:
        figures.append(("accuracy", f"{report.accuracy:.4f}"))
    if report.auc is not None:
        figures.append(("AUC", f"{report.auc:.4f}"))
    note = "" if report.called else "<p>The model was not called (invoke_endpoint=no): outputs are empty.</p>"
    return cards(figures) + note


def _failures(report: ScoreReport) -> str:
    if not report.failed_rows:
        return ""
    return "<h2>Failed rows</h2>" + table(("reason", "rows"), report.failure_reasons.items())


def _quality(report: ScoreReport) -> str:
    parts = ""
    if report.roc is not None and report.auc is not None:
        parts += f"<h2>ROC curve</h2><p>Area under the curve: {report.auc:.4f}</p>{roc_chart(report.roc)}"
    if report.confusion is not None:
        parts += f"<h2>Confusion matrix</h2>{confusion_table(report.confusion)}"
    if report.labelled_rows:
        parts += f"<p>Measured over {report.labelled_rows:,} labelled rows.</p>"
    return parts


def _places(report: ScoreReport) -> str:
    return (
        "<h2>Where the rows are</h2>"
        f"<p>Predictions: <code>{escape(report.predictions_uri)}</code><br>"
        f"Failed rows: <code>{escape(report.failed_rows_uri)}</code></p>"
    )


def rows_per_second(report: ScoreReport) -> float:
    return report.rows / report.seconds if report.seconds else 0.0


def metric_values(report: ScoreReport) -> dict[str, float]:
    """What is logged as KFP metrics: only what there is."""
    values = {
        "rows": report.rows,
        "failed_rows": report.failed_rows,
        "accuracy": report.accuracy,
        "auc": report.auc,
        "rows_per_second": round(rows_per_second(report), 1),
    }
    return {name: float(value) for name, value in values.items() if value is not None}


def curve_values(roc: RocCurve) -> tuple[list[float], list[float], list[float]]:
    """For `log_roc_curve`, which writes JSON without infinities and NaN: those thresholds are clipped."""
    largest = max((abs(value) for value in roc.thresholds if math.isfinite(value)), default=1.0)
    clipped = [value if math.isfinite(value) else math.copysign(largest + 1, value) for value in roc.thresholds]
    return list(roc.fpr), list(roc.tpr), clipped
