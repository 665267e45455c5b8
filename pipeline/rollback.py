"""Putting things back by hand: an older release live again, and whatever a run left away."""

import itertools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from components.parameters import check_model_name
from components.platforms import PROMOTED, LiveService, Platform
from components.platforms.local.home import Home
from components.recovery import restore, undo_unfinished_promotion
from model.errors import InvalidValue, PromotionFailed, ReleaseError, ServingFailed
from model.release_layout import Release
from model.release_records import read_record
from model.release_versions import versions_at
from model.storage import open_storage
from pipeline.engine import new_run_id
from pipeline.interruption import PUTTING_BACK, interruptible

log = logging.getLogger(__name__)

#: Releases named to whoever has to choose one.
LISTED = 10


@dataclass(frozen=True)
class Rollback:
    """What was live, and what is now: None where that was a first promotion which never came to its end."""

    before: Release
    now: Release | None


def roll_back(model_name: str, *, platform: str, home: Home, version: int = 0, timeout_s: float = 300.0) -> Rollback:
    """Makes the live service serve the release before its last promotion again, finished or not, and waits for it.

    version: another release of the model to serve instead; 0 for the former one.

    Raises:
        KeyboardInterrupt: interrupted; the one that was live is live again.
        InvalidValue: nothing is live, or there is no such release.
        PromotionFailed: the older release does not come to be served; the one that was live is live again.
        ReleaseInProgress: a run of this model is at work.
    """
    run_id = new_run_id()
    with interruptible(PUTTING_BACK), _held(model_name, platform=platform, home=home, run_id=run_id) as opened:
        live = opened.live_service(model_name)
        if live is None:
            raise _refused(model_name, expected="a live release", found="none", do="There is nothing to roll back.")
        if live.phase != PROMOTED and not version:
            return Rollback(live.release, undo_unfinished_promotion(model_name, platform=opened))
        wanted = _release(live, version) if version else live.former
        if wanted is None:
            raise _refused(model_name, expected="a former release", found="no record of one", do=_choice(live))
        serve(wanted, live, platform=opened, run_id=run_id, timeout_s=timeout_s)
        return Rollback(live.release, wanted)


def clean(model_name: str, *, platform: str, home: Home) -> Release | None:
    """Takes away what an ended run left of the model: a candidate, Spark's work, an unfinished promotion.

    Returns:
        What is live; None if nothing is.

    Raises:
        ReleaseInProgress: a run of this model is at work.
    """
    run_id = new_run_id()
    with interruptible(PUTTING_BACK), _held(model_name, platform=platform, home=home, run_id=run_id) as opened:
        live = undo_unfinished_promotion(model_name, platform=opened)
        opened.remove_candidate(model_name)
        return live


def serve(wanted: Release, live: LiveService, *, platform: Platform, run_id: str, timeout_s: float) -> None:
    """Makes `wanted` live instead of `live`, which is put back if that fails or is interrupted.

    Raises:
        PromotionFailed: it does not come to be served.
        KeyboardInterrupt: interrupted.
    """
    try:
        restore(wanted, model_name=wanted.model_name, run_id=run_id, platform=platform)
        platform.wait_until_live(wanted, timeout_s=timeout_s)
    except KeyboardInterrupt:
        restore(live.release, model_name=wanted.model_name, run_id=run_id, platform=platform)
        log.info("put back: release %d is live again", live.release.version)
        raise
    except ServingFailed as error:
        restore(live.release, model_name=wanted.model_name, run_id=run_id, platform=platform)
        do = f"{error.do} Put back: release {live.release.version} is live again."
        raise PromotionFailed(expected=error.expected, found=error.found, where=error.where, do=do) from error


def _release(live: LiveService, version: int) -> Release:
    """The staged release of that version, which stands beside the live one."""
    uri = f"{_root(live)}/{version}"
    record = read_record(uri)
    if record is None:
        expected, found = f"a release {version}", f"none at {uri}"
        raise _refused(live.release.model_name, expected=expected, found=found, do=_choice(live))
    return record.release


def _choice(live: LiveService) -> str:
    """What to do: name one of the newest releases beside the live one, or look where they are."""
    root = _root(live)
    try:
        others = (each for each in versions_at(root, storage=open_storage(root)) if each != live.release.version)
        records = (read_record(f"{root}/{version}") for version in others)
        staged = [str(record.release.version) for record in itertools.islice(filter(None, records), LISTED)]
    except ReleaseError as error:
        log.debug("%s", error)
        return f"Name a release with --version; they stand under {root}."
    return f"Name one with --version: {', '.join(staged)}." if staged else f"No other release stands under {root}."


def _root(live: LiveService) -> str:
    return live.release.uri.rstrip("/").rpartition("/")[0]


@contextmanager
def _held(model_name: str, *, platform: str, home: Home, run_id: str) -> Iterator[Platform]:
    """Keeps runs of the model away. Here a lock does, as for a run; on a cluster its Lease."""
    check_model_name(model_name, platform=platform)
    if platform == "local":
        from components.platforms.local.session import session

        with session(home, model_name=model_name, run_id=run_id) as here:
            yield here
        return
    from pipeline.outside import platform_from_here

    opened = platform_from_here()
    try:
        with opened.holding(model_name, run_id=run_id):
            yield opened
    finally:
        opened.let_go(model_name, run_id=run_id)


def _refused(model_name: str, *, expected: str, found: str, do: str) -> InvalidValue:
    return InvalidValue(expected=expected, found=found, where=f"live service of {model_name}", do=do)
