"""The KFP shell of promote_release."""

from typing import NamedTuple

from kfp import dsl


def promote_release(
    release: str,
    run_id: str,
    expectations: dsl.Input[dsl.Artifact],
    summary: dsl.Output[dsl.Markdown],
    platform: str = "kubernetes",
    timeout_s: int = 300,
) -> NamedTuple("Outputs", [("state", str), ("endpoint", str)]):  # type: ignore[valid-type]
    """Points the live service at the release and checks its answers; restores the former one otherwise.

    Args:
        release: Release JSON from stage_release.
        platform: kubernetes or local.
        run_id: The run that promotes.
        expectations: Sample rows and the model's own answers, from validate_release.
        summary: What is live, where it answers, and how to go back.
        timeout_s: Seconds that the live service has to come to serve the release.
    """
    from pathlib import Path

    from components.contracts import Expectations
    from components.platforms.opening import open_platform
    from components.promote_release.promotion import promote
    from components.promote_release.summary import markdown
    from components.reporting import reporting
    from model.release_layout import Release

    with reporting("promote_release"):
        staged = Release.from_json(release)
        state, endpoint = promote(
            staged,
            expectations=Expectations.from_json(Path(expectations.path).read_bytes()),
            platform=open_platform(platform),
            run_id=run_id,
            timeout_s=timeout_s,
        )
        told = markdown(staged, state=state, endpoint=endpoint, platform=platform)
        Path(summary.path).write_text(told, encoding="utf-8")
    return (state, endpoint.to_json())
