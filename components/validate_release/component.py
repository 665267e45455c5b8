"""The KFP shell of validate_release."""

from kfp import dsl


def validate_release(
    release: str, inspection: str, rows_uri: str, expectations: dsl.Output[dsl.Artifact], timeout_s: int = 300
) -> None:
    """Calls the staged model in a process of its own with the first rows, and keeps what it answers.

    Args:
        release: Release JSON from stage_release.
        inspection: Inspection JSON from inspect_signature.
        rows_uri: CSV (with a header) or Parquet; the first rows are tried.
        expectations: The rows tried and the model's answers, as JSON.
        timeout_s: Seconds that the model has to load and to answer.
    """
    from pathlib import Path

    from components.contracts import Inspection
    from components.parameters import check_parameters
    from components.reporting import reporting
    from components.validate_release.validation import validate
    from model.release_layout import Release

    with reporting("validate_release"):
        check_parameters({"ready_timeout_s": timeout_s})
        signature = Inspection.from_json(inspection).signature
        found = validate(Release.from_json(release), signature=signature, rows_uri=rows_uri, timeout_s=timeout_s)
        Path(expectations.path).write_text(found.to_json(), encoding="utf-8")
