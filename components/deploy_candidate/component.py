"""The KFP shell of deploy_candidate."""

from typing import NamedTuple


def deploy_candidate(
    release: str,
    inspection: str,
    platform: str,
    run_id: str,
    allow_signature_change: bool = False,
    timeout_s: int = 300,
) -> NamedTuple("Outputs", [("endpoint", str)]):  # type: ignore[valid-type]
    """Puts right what an earlier run left, and serves the release as a candidate beside the live model.

    Args:
        release: Release JSON from stage_release.
        inspection: Inspection JSON from inspect_signature.
        platform: kubernetes or local.
        run_id: The run that the candidate belongs to.
        allow_signature_change: Deploy although the live service's callers would break.
        timeout_s: Seconds that the server has to become ready.
    """
    from components.contracts import Inspection
    from components.deploy_candidate.deployment import deploy
    from components.platforms.opening import open_platform
    from components.reporting import reporting
    from model.release_layout import Release

    with reporting("deploy_candidate"):
        endpoint = deploy(
            Release.from_json(release),
            signature=Inspection.from_json(inspection).signature,
            platform=open_platform(platform),
            run_id=run_id,
            allow_signature_change=allow_signature_change,
            timeout_s=timeout_s,
        )
    return (endpoint.to_json(),)
