"""Pointing the live service at a release, and putting the former one back if it does not come to answer."""

import logging

from components.contracts import Expectations
from components.platforms import PROMOTED, PROMOTING, LiveService, Platform
from components.promote_release.comparison import differences
from components.recovery import restore
from model.endpoint import Endpoint
from model.errors import PromotionFailed, ReleaseError
from model.release_layout import Release

log = logging.getLogger(__name__)

ALREADY_LIVE = "already_live"


def promote(
    release: Release, *, expectations: Expectations, platform: Platform, run_id: str, timeout_s: float = 300.0
) -> tuple[str, Endpoint]:
    """Makes the live service serve the release, and asks it for the expected answers.

    The live service is marked `promoting` with the former release beside it before anything changes, so whoever finds
    it so later knows what to put back.

    Returns:
        `promoted` or `already_live`, and where the live service answers.

    Raises:
        ReleaseInProgress: another run of this model is at work.
        PromotionFailed: there is no candidate of the release, and nothing was changed; or it did not come to serve the
            release or answered otherwise, and the former release is restored.
    """
    with platform.holding(release.model_name, run_id=run_id):
        return _promote(release, expectations, platform=platform, run_id=run_id, timeout_s=timeout_s)


def _promote(
    release: Release, expectations: Expectations, *, platform: Platform, run_id: str, timeout_s: float
) -> tuple[str, Endpoint]:
    live = platform.live_service(release.model_name)
    if live is not None and live.phase == PROMOTED and live.release.digest == release.digest:
        return ALREADY_LIVE, _serve_and_compare(live.release, expectations, platform=platform, timeout_s=timeout_s)
    if not platform.has_candidate(release):
        raise PromotionFailed(
            expected="the candidate that this run has tried",
            found="none; the exit task of a run removes it",
            where=f"{release.model_name}, release {release.version}",
            do="Start a new run rather than this one again: it finds the same release.",
        )
    former = _to_put_back(live)
    try:
        platform.write_live_service(LiveService(release=release, run_id=run_id, phase=PROMOTING, former=former))
        endpoint = _serve_and_compare(release, expectations, platform=platform, timeout_s=timeout_s)
    except ReleaseError as error:
        restore(former, model_name=release.model_name, run_id=run_id, platform=platform)
        raise _promotion_failed(release, former=former, cause=error) from error
    platform.write_live_service(LiveService(release=release, run_id=run_id, phase=PROMOTED, former=former))
    log.info("%s serves release %d", release.model_name, release.version)
    return PROMOTED, endpoint


def _to_put_back(live: LiveService | None) -> Release | None:
    """The last release that came to its end: where a promotion was left unfinished, the one before it."""
    if live is None:
        return None
    return live.release if live.phase == PROMOTED else live.former


def _serve_and_compare(
    release: Release, expectations: Expectations, *, platform: Platform, timeout_s: float
) -> Endpoint:
    endpoint = platform.wait_until_live(release, timeout_s=timeout_s)
    differing = differences(endpoint, expectations, timeout_s=timeout_s)
    if differing:
        raise PromotionFailed(
            expected="the answers that the model itself gave in validate_release",
            found="; ".join(differing),
            where=f"live service {release.model_name} at {endpoint.rest_url}",
            do="See the server's log; the model may depend on the machine that it runs on.",
        )
    return endpoint


def _promotion_failed(release: Release, *, former: Release | None, cause: ReleaseError) -> PromotionFailed:
    state = f"release {former.version} is live again" if former else "there is no live release, as before"
    return PromotionFailed(
        expected=cause.expected, found=cause.found, where=cause.where, do=f"{cause.do} Put back: {state}.".lstrip()
    )
