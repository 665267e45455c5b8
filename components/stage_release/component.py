"""The KFP shell of stage_release."""

from typing import NamedTuple


def stage_release(
    inspection: str,
    models_root: str,
    model_name: str,
    run_id: str,
    platform: str = "kubernetes",
) -> NamedTuple("Outputs", [("release", str), ("version", int)]):  # type: ignore[valid-type]
    """Copies the inspected export into an immutable release, or finds the release that holds these very files.

    Args:
        inspection: Inspection JSON from inspect_signature.
        models_root: Where releases are kept, as models_root/model_name/releases/version.
        model_name: The model that the release belongs to.
        run_id: The run that stages it; kept in the release's record.
        platform: kubernetes or local; names must be fit for it.
    """
    from components.contracts import Inspection
    from components.reporting import reporting
    from components.stage_release.staging import stage

    with reporting("stage_release"):
        release = stage(
            Inspection.from_json(inspection),
            models_root=models_root,
            model_name=model_name,
            run_id=run_id,
            platform=platform,
        )
    return (release.to_json(), release.version)
