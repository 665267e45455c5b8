"""The KFP shell of promote_release."""

from typing import NamedTuple

from kfp import dsl


def promote_release(
    release: str,
    run_id: str,
    expectations: dsl.Input[dsl.Artifact],
    platform: str = "kubernetes",
    timeout_s: int = 300,
) -> NamedTuple("Outputs", [("state", str), ("endpoint", str)]):  # type: ignore[valid-type]
    """Points the live service at the release and checks its answers; restores the former one otherwise.

    Args:
        release: Release JSON from stage_release.
        platform: kubernetes or local.
        run_id: The run that promotes.
        expectations: Sample rows and the model's own answers, from validate_release.
        timeout_s: Seconds that the live service has to come to serve the release.
    """
    from pathlib import Path

    from components.contracts import Expectations
    from components.platforms.opening import open_platform
    from components.promote_release.promotion import promote
    from components.reporting import reporting
    from model.release_layout import Release

    with reporting("promote_release"):
        state, endpoint = promote(
            Release.from_json(release),
            expectations=Expectations.from_json(Path(expectations.path).read_bytes()),
            platform=open_platform(platform),
            run_id=run_id,
            timeout_s=timeout_s,
        )
    return (state, endpoint.to_json())
