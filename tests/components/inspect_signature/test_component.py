import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from components.contracts import Inspection
from components.inspect_signature.component import inspect_signature
from components.reporting import RUN_DIRECTORY_VARIABLE


def run(
    export: Path, report: Path, *, signature_name: str = "serving_default", allow_operations: str = ""
) -> Inspection:
    outputs = inspect_signature(
        export_uri=str(export),
        signature_name=signature_name,
        allow_operations=allow_operations,
        report=SimpleNamespace(path=str(report)),  # type: ignore[arg-type]
    )
    return Inspection.from_json(outputs[0])


def test_the_step_gives_the_inspection_and_writes_a_report(parent_of_exports: Path, tmp_path: Path) -> None:
    inspection = run(parent_of_exports, tmp_path / "report")

    assert inspection.version_hint == 36
    assert inspection.digest in (tmp_path / "report").read_text()


def test_operations_are_allowed_by_a_list_with_commas(matches_files: Path, tmp_path: Path) -> None:
    assert (
        run(matches_files, tmp_path / "report", allow_operations=" MatchingFiles,").signature.name == "serving_default"
    )


def test_a_refusal_ends_the_step_with_status_1_and_one_paragraph(
    half_plus_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUN_DIRECTORY_VARIABLE, str(tmp_path))

    with pytest.raises(SystemExit) as ended:
        run(half_plus_two, tmp_path / "report", signature_name="predict")

    assert ended.value.code == 1
    failure = json.loads((tmp_path / "failure.json").read_text())
    assert failure["failed_step"] == "inspect_signature"
    assert "'serving_default'" in str(failure)
    assert not (tmp_path / "report").exists()
