"""The findings, for a person."""

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipeline.cluster_check.findings import Finding, Report, State

_STYLES = {
    State.OK: "green",
    State.WARNING: "yellow",
    State.MISSING: "bold red",
    State.UNKNOWN: "yellow",
    State.SKIPPED: "dim",
}


def show(report: Report, *, console: Console) -> None:
    """A line for each check, then what to do about those that are not as they should be, then the verdict."""
    console.print(_table(report.findings))
    _advise([each for each in report.findings if each.do and each.state is not State.OK], console=console)
    style = "bold green" if report.is_ready else "bold red"
    console.print(Text(f"\n{_verdict(report)}", style=style), soft_wrap=True)


def _advise(findings: Sequence[Finding], *, console: Console) -> None:
    """What one command mends stands together, above it; commands stand in one line, to be copied."""
    if findings:
        console.print("\nWhat to do", style="bold")
    for command in dict.fromkeys(each.command for each in findings):
        for each in [each for each in findings if each.command == command]:
            advice = Text.assemble((f"{each.check}: ", _STYLES[each.state]), each.do)
            console.print(Padding(advice, (0, 0, 0, 2)))
        if command:
            console.print(Text(f"    {command}"), soft_wrap=True)


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in findings:
        state = Text(each.state.value, style=_STYLES[each.state])
        table.add_row(Text(each.check), state, Text(each.found))
    return table


def _verdict(report: Report) -> str:
    namespace = report.namespace
    if report.is_ready:
        skipped = ", ".join(each.check for each in report.findings if each.state is State.SKIPPED)
        as_far = f", as far as this was asked; skipped: {skipped}" if skipped else ""
        return f"Releases can be made in namespace {namespace}{as_far}."
    blocking = [each for each in report.findings if each.stands_in_the_way]
    missing = [each.check for each in blocking if each.state is State.MISSING]
    unasked = [each.check for each in blocking if each.state is State.UNKNOWN]
    parts = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"unknown: {', '.join(unasked)}"] * bool(unasked)
    return f"Not ready for releases in namespace {namespace}; {'; '.join(parts)}."
