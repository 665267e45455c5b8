"""The KFP shell of inspect_signature."""

from typing import NamedTuple

from kfp import dsl


def inspect_signature(
    export_uri: str,
    report: dsl.Output[dsl.HTML],
    signature_name: str = "serving_default",
    allow_operations: str = "",
) -> NamedTuple("Outputs", [("inspection", str)]):  # type: ignore[valid-type]
    """Refuses an export that should not be released, and describes one that may be.

    Args:
        export_uri: A SavedModel directory, or a parent of several exports, of which the newest counts.
        signature_name: The signature that rows are scored with.
        allow_operations: Comma-separated operations that are accepted although they are unsafe.
    """
    from pathlib import Path

    from components.inspect_signature.inspection import inspect
    from components.inspect_signature.report import html_report
    from components.reporting import reporting
    from model.unsafe_ops import parse_allowed

    with reporting("inspect_signature"):
        allowed = parse_allowed(allow_operations)
        inspection, description = inspect(export_uri, signature_name=signature_name, allow_operations=allowed)
        Path(report.path).write_text(html_report(description, inspection), encoding="utf-8")
    return (inspection.to_json(),)
