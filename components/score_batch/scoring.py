"""Scoring a batch through the candidate, and what may not be wrong with its outcome."""

import logging
from collections.abc import Callable

from components.contracts import ScoreReport, ScoringJob
from components.parameters import check_parameters
from components.platforms.scoring import ScoringBackend
from model.errors import ScoringFailed

log = logging.getLogger(__name__)

#: Reasons that an error names.
_MOST_FREQUENT = 3


def score(
    job: ScoringJob,
    *,
    backend: ScoringBackend,
    run_id: str,
    max_failed_rows: float = 0.0,
    min_auc: float = 0.0,
    min_accuracy: float = 0.0,
    publish: Callable[[ScoreReport], None] = lambda report: None,
) -> ScoreReport:
    """Runs the job and checks its outcome.

    publish: is given the report before the thresholds are looked at, so that a refused batch can be looked at too.

    max_failed_rows: the fraction of rows, 0 to 1, that may fail. min_auc, min_accuracy: 0 for no such threshold.

    Raises:
        InvalidValue: a parameter is out of range.
        RowsMismatch: the rows do not fit the signature.
        ScoringFailed: Spark failed, or the outcome is beyond a threshold; what was written stays for a look at it.
    """
    check_parameters(
        {
            "rows_uri": job.rows_uri,
            "predictions_uri": job.predictions_uri,
            "max_failed_rows": max_failed_rows,
            "min_auc": min_auc,
            "min_accuracy": min_accuracy,
            "batch_rows": job.batch_rows,
            "scoring_timeout_s": job.timeout_s,
        }
    )
    report = backend.run(job, run_id=run_id)
    publish(report)
    _check_failed_rows(report, rows_uri=job.rows_uri, limit=max_failed_rows)
    if report.called:
        _check_metric("AUC", report.auc, minimum=min_auc, report=report, positive=job.positive_label)
        _check_metric("accuracy", report.accuracy, minimum=min_accuracy, report=report, positive=job.positive_label)
    return report


def _check_failed_rows(report: ScoreReport, *, rows_uri: str, limit: float) -> None:
    if not report.rows:
        raise ScoringFailed(expected="rows to score", found="none", where=rows_uri, do="Give a file with rows.")
    if report.failed_rows <= limit * report.rows:
        return
    reasons = list(report.failure_reasons.items())[:_MOST_FREQUENT]
    most = "; ".join(f"{count} x {reason}" for reason, count in reasons)
    raise ScoringFailed(
        expected=f"at most {limit:.6g} of the rows to fail (max_failed_rows)",
        found=f"{report.failed_rows} of {report.rows} ({report.failed_rows / report.rows:.2%}): {most}",
        where=rows_uri,
        do=f"Each failed row stands with its reason in {report.failed_rows_uri}.",
    )


def _check_metric(name: str, value: float | None, *, minimum: float, report: ScoreReport, positive: str) -> None:
    if not minimum or (value is not None and value >= minimum):
        return
    if value is None:
        found, do = _why_none(report, positive=positive)
    else:
        found = f"{value:.4f} over {report.labelled_rows} labelled rows"
        do = "Look at score_report.json there: the model may be worse than it should be, or an output mistaken."
    threshold = f"{name} of at least {minimum:g} (min_{name.lower()})"
    raise ScoringFailed(expected=threshold, found=found, where=report.predictions_uri, do=do)


def _why_none(report: ScoreReport, *, positive: str) -> tuple[str, str]:
    """Why there is no AUC or accuracy, and what to do."""
    matrix = report.confusion
    labels = [label for label, row in zip(matrix.labels, matrix.counts, strict=True) if any(row)] if matrix else []
    if not report.labelled_rows:
        return "none: no row has a label", "Set label_column, or leave the threshold at 0."
    if positive in labels and len(labels) > 1:
        return "none: no output is known as the score", "Set score_output."
    found = f"none: positive_label is {positive}, and the labels are {', '.join(labels) or 'too many to tell'}"
    return found, "Set positive_label to the label that the score is for; rows of that and of others are needed."
