"""The transcript of a smoke test as one self-contained page."""

from html import escape

from components.contracts import Exchange, SmokeReport
from components.html import cards, page


def html_report(report: SmokeReport) -> str:
    """Every exchange, folded where it went well. All that came over the wire is escaped."""
    failed = sum(not exchange.passed for exchange in report.exchanges)
    figures = cards([("checks passed", len(report.exchanges) - failed), ("checks failed", failed)])
    address = f"<p><code>{escape(report.webapp_url)}</code></p>"
    return page("Smoke test of the web application", address, figures, *map(_section, report.exchanges))


def _section(exchange: Exchange) -> str:
    mark, colour, fold = ("✓", "good", "") if exchange.passed else ("✗", "bad", " open")
    status = f"status {exchange.status}" if exchange.status else "no answer"
    return (
        f'<details{fold}><summary><span class="{colour}">{mark}</span> {escape(exchange.check)} '
        f'<span class="soft">{status}</span></summary>'
        f"<pre>{escape(exchange.request)}</pre><pre>{escape(exchange.body)}</pre></details>"
    )
