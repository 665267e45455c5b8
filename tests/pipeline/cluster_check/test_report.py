"""What a person sees, in terminals of any width, and what a program does."""

import io
import json

import pytest
from rich.console import Console

from pipeline.cluster_check import report
from pipeline.cluster_check.findings import Finding, Report, State

COMMAND = "kubectl apply -n mlops -k cluster/base && kubectl -n mlops create rolebinding savedmodel-release-r --role=x"
FINDINGS = (
    Finding("API server", State.OK, "Kubernetes v1.34.4 at https://10.0.0.1:6443"),
    Finding("TensorFlow runtime", State.WARNING, "old " * 30, "Set serving_image_version."),
    Finding("pipeline's account", State.MISSING, "there is no [x] in mlops", "Create it.", COMMAND),
    Finding("web application", State.MISSING, "there is no Service", "Install it, or set webapp_url.", COMMAND),
    Finding("KServe's controller", State.UNKNOWN, "whoever asks may not create", "Run this as somebody who may."),
    Finding("KServe's mode", State.UNKNOWN, "not read", needed=False),
    Finding("bucket", State.SKIPPED, "no --models-root"),
)


def shown(*findings: Finding, width: int = 80) -> str:
    stream = io.StringIO()
    report.show(Report("mlops", findings), console=Console(file=stream, width=width, markup=False, highlight=False))
    return stream.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_of_the_table_is_wider_than_the_terminal_and_none_is_cut(width: int) -> None:
    table, _, _ = shown(*FINDINGS, width=width).partition("What to do")

    assert max(map(len, table.splitlines())) <= width
    assert "".join(table.split()).count("old") == 30
    assert "…" not in table


@pytest.mark.parametrize("width", [60, 80, 120])
def test_commands_stand_in_one_line_to_be_copied_and_once(width: int) -> None:
    lines = [line.strip() for line in shown(*FINDINGS, width=width).splitlines()]

    assert lines.count(COMMAND) == 1


def test_what_one_command_mends_stands_above_it() -> None:
    text = shown(*FINDINGS, width=120)

    assert text.index("pipeline's account: Create it.") < text.index("web application: Install") < text.index(COMMAND)


def test_the_verdict_names_what_stands_in_the_way_and_nothing_else() -> None:
    verdict = shown(*FINDINGS, width=120).strip().splitlines()[-1]

    assert verdict == (
        "Not ready for releases in namespace mlops; missing: pipeline's account, web application; "
        "unknown: KServe's controller."
    )


def test_what_is_warned_of_skipped_or_not_needed_stands_in_nobodys_way() -> None:
    text = shown(*[each for each in FINDINGS if not each.stands_in_the_way])

    assert "Releases can be made in namespace mlops, as far as this was asked; skipped: bucket." in text


def test_json_holds_every_finding_and_the_verdict() -> None:
    parsed = json.loads(Report("mlops", FINDINGS).to_json())

    assert (parsed["ready"], parsed["namespace"], len(parsed["checks"])) == (False, "mlops", len(FINDINGS))
    assert parsed["checks"][2] == {
        "check": "pipeline's account",
        "state": "missing",
        "found": "there is no [x] in mlops",
        "do": "Create it.",
        "command": COMMAND,
        "needed": True,
    }


def test_nothing_found_is_not_ready() -> None:
    assert not Report("mlops", ()).is_ready
