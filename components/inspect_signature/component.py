"""The KFP shell of inspect_signature."""

from typing import NamedTuple

from kfp import dsl


def inspect_signature(
    export_uri: str,
    signature_name: str,
    allow_operations: str,
    model_name: str,
    platform: str,
    run_id: str,
    report: dsl.Output[dsl.HTML],
) -> NamedTuple("Outputs", [("inspection", str)]):  # type: ignore[valid-type]
    """Puts right what an earlier run left, and refuses an export that should not be released.

    Args:
        export_uri: A SavedModel directory, or a parent of several exports, of which the newest counts.
        signature_name: The signature that rows are scored with.
        allow_operations: Comma-separated operations that are accepted although they are unsafe.
        model_name: The model to release.
        platform: kubernetes or local.
        run_id: The run that inspects.
    """
    from pathlib import Path

    from components.inspect_signature.inspection import inspect
    from components.inspect_signature.report import html_report
    from components.recovery import put_right
    from components.reporting import reporting
    from model.unsafe_ops import parse_allowed

    with reporting("inspect_signature"):
        put_right(model_name, platform=platform, run_id=run_id)
        allowed = parse_allowed(allow_operations)
        inspection, description = inspect(export_uri, signature_name=signature_name, allow_operations=allowed)
        Path(report.path).write_text(html_report(description, inspection), encoding="utf-8")
    return (inspection.to_json(),)
