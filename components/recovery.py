"""Putting right what an earlier run left: the one piece of code that the first step, the exit task and an interrupted
run all go through. It looks at the real state alone, and may run any number of times."""

import logging

from components.platforms import PROMOTED, LiveService, Platform
from components.platforms.opening import open_platform
from model.errors import ReleaseInProgress
from model.release_layout import Release

log = logging.getLogger(__name__)


def put_right(model_name: str, *, platform: str, run_id: str) -> Release | None:
    """Undoes an unfinished promotion of the model and removes its candidate, unless another run is at work on them.

    Returns:
        What the live service is meant to serve now; None if there is no live service.
    """
    opened = open_platform(platform)
    log.debug("run %s looks for what an earlier run of %s may have left", run_id, model_name)
    try:
        with opened.holding(model_name, run_id=run_id, wait=False):
            live = undo_unfinished_promotion(model_name, platform=opened)
            opened.remove_candidate(model_name)
    except ReleaseInProgress as error:
        log.info("left as it is, for the run that is at work: %s", error)
        service = opened.live_service(model_name)
        return service.release if service else None
    opened.let_go(model_name, run_id=run_id)
    return live


def undo_unfinished_promotion(model_name: str, *, platform: Platform) -> Release | None:
    """Points the live service back at the release that it served before a promotion that never came to its end."""
    service = platform.live_service(model_name)
    if service is None:
        return None
    if service.phase == PROMOTED:
        return service.release
    log.info(
        "%s: promotion of release %d by run %s was left unfinished", model_name, service.release.version, service.run_id
    )
    return restore(service.former, model_name=model_name, run_id=service.run_id, platform=platform)


def restore(former: Release | None, *, model_name: str, run_id: str, platform: Platform) -> Release | None:
    """Makes the live service serve `former` again; with None, there was no live service, and it is removed."""
    if former is None:
        platform.remove_live_service(model_name)
        log.info("%s: no release was live before; the live service is removed", model_name)
        return None
    platform.write_live_service(LiveService(release=former, run_id=run_id, phase=PROMOTED))
    log.info("%s: release %d is live again", model_name, former.version)
    return former
