"""The HTML report of a run: verdict, signature, release, scores, smoke test, timings; self-contained, one file."""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from components.charts import confusion_table, roc_chart
from components.contracts import ScoreReport, SmokeReport
from components.html import cards, page, table
from model.release_layout import Release
from model.signature import Signature, format_shape
from pipeline.results import RunResult

if TYPE_CHECKING:
    from pipeline.engine import RunRequest


def write_report(result: RunResult, request: "RunRequest") -> None:
    """Writes the report to the path that `result.report` names."""
    name = request.model_name
    Path(result.report).write_text(page(f"Release of {name}", *_sections(result, request)), encoding="utf-8")


def _sections(result: RunResult, request: "RunRequest") -> Iterator[str]:
    outputs = result.outputs
    yield _verdict(result)
    if outputs.release:
        source = outputs.inspection.export_uri if outputs.inspection else ""
        yield _release(outputs.release, source)
    if outputs.inspection:
        yield _signature(outputs.inspection.signature)
    if outputs.scores:
        yield _scores(outputs.scores)
    if outputs.smoke:
        yield _smoke(outputs.smoke)
    yield _timings(result)
    given = [(key, value) for key, value in request.parameters.items() if value != ""]
    yield f"<h2>Parameters</h2>{table(('parameter', 'value'), [(key, str(value)) for key, value in given])}"


def _verdict(result: RunResult) -> str:
    words = {"promoted": "Promoted", "already_live": "Already live: nothing was staged or deployed"}
    if result.succeeded:
        return f'<p class="good"><b>{words[result.state]}</b> <span class="soft">run {escape(result.run_id)}</span></p>'
    message = escape(f"{result.error['kind']}: {result.error['message']}") if result.error else ""
    failed = escape(result.failed_step or "the run")
    return f'<p class="bad"><b>{failed} failed; nothing of it was promoted</b></p><pre>{message}</pre>'


def _release(release: Release, source: str) -> str:
    rows = [
        ("model", release.model_name),
        ("version", str(release.version)),
        ("storageUri", release.uri),
        ("digest", release.digest),
        ("export", source),
    ]
    return f"<h2>Release</h2>{table(('', ''), rows)}"


def _signature(signature: Signature) -> str:
    rows = [
        (kind, spec.name, spec.dtype, format_shape(spec.shape))
        for kind, specs in (("input", signature.inputs), ("output", signature.outputs))
        for spec in specs
    ]
    return f"<h2>Signature {escape(signature.name)}</h2>{table(('', 'name', 'dtype', 'shape'), rows)}"


def _scores(report: ScoreReport) -> str:
    figures: list[tuple[str, object]] = [
        ("rows", f"{report.rows:,}"),
        ("failed rows", f"{report.failed_rows:,}"),
        ("seconds", f"{report.seconds:.1f}"),
    ]
    figures += [
        (label, f"{value:.4f}")
        for label, value in (("AUC", report.auc), ("accuracy", report.accuracy))
        if value is not None
    ]
    parts = ["<h2>Scores</h2>", cards(figures)]
    if not report.called:
        parts.append("<p>The model was not called (invoke_endpoint=no).</p>")
    if report.failure_reasons:
        parts.append(f"<h3>Failed rows</h3>{table(('reason', 'rows'), list(report.failure_reasons.items()))}")
    if report.roc:
        parts.append(f"<h3>ROC curve</h3>{roc_chart(report.roc)}")
    if report.confusion:
        parts.append(f"<h3>Confusion matrix</h3>{confusion_table(report.confusion)}")
    files = [("predictions", report.predictions_uri), ("failed rows", report.failed_rows_uri)]
    return "".join([*parts, table(("", ""), files)])


def _smoke(report: SmokeReport) -> str:
    parts = [f"<h2>Smoke test of {escape(report.webapp_url)}</h2>"]
    for exchange in report.exchanges:
        mark = '<span class="good">✓</span>' if exchange.passed else '<span class="bad">✗</span>'
        parts.append(
            f"<details><summary>{mark} {escape(exchange.check)} <span class='soft'>{exchange.status}</span></summary>"
            f"<pre>{escape(exchange.request)}</pre><pre>{escape(exchange.body)}</pre></details>"
        )
    return "".join(parts)


def _timings(result: RunResult) -> str:
    longest = max(result.seconds.values(), default=0.0) or 1.0
    rows = "".join(
        f'<tr><td>{escape(step)}</td><td class="number">{seconds:.1f} s</td>'
        f'<td style="width:60%"><svg width="100%" height="12"><rect width="{100 * seconds / longest:.1f}%" height="12"'
        f' rx="2" fill="var(--accent)"></rect></svg></td></tr>'
        for step, seconds in result.seconds.items()
    )
    return f"<h2>Timings</h2><table>{rows}</table>"
