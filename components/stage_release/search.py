"""Looking for a digest among the releases of a model."""

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from components.stage_release.claims import Place, adoptable
from model.errors import StorageError
from model.release_layout import ReleaseRecord, record_uri, releases_uri
from model.release_records import parse_record
from model.release_versions import versions_at
from model.storage import Storage

#: Reads at the same time: as many connections as the client library keeps.
READERS = 10
PROGRESS_S = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """What stands for a digest. `version`: of the release, or of an unfinished one that it is claimed for, or 0.
    `record`: only of a release. `taken`: all version numbers in use."""

    version: int
    record: ReleaseRecord | None
    taken: frozenset[int]


def find(place: Place, *, digest: str, storage: Storage) -> Found:
    """Looks through the releases and the claims of a model, the highest version first; a release wins over a claim.

    Raises:
        StorageError: the store refuses.
    """
    versions = versions_at(releases_uri(place.models_root, place.model_name), storage=storage)
    claimed = 0
    for version, record, is_claimed in _look(place, versions, digest=digest, storage=storage):
        if record and record.release.digest == digest:
            return Found(version, record, frozenset(versions))
        if is_claimed and not claimed:
            claimed = version
    return Found(claimed, None, frozenset(versions))


def _look(
    place: Place, versions: Sequence[int], *, digest: str, storage: Storage
) -> Iterator[tuple[int, ReleaseRecord | None, bool]]:
    """Version, its record, and whether (without a record) it is claimed for the digest."""

    def look(version: int) -> tuple[int, ReleaseRecord | None, bool]:
        record = _record(place, version, storage=storage)
        return version, record, record is None and adoptable(place, version, digest=digest, storage=storage)

    next_line, seen = time.monotonic() + PROGRESS_S, 0
    with ThreadPoolExecutor(READERS) as readers:
        for batch in _batches(versions):
            yield from readers.map(look, batch)
            seen += len(batch)
            if time.monotonic() > next_line:
                log.info("looked through %d of %d releases", seen, len(versions))
                next_line += PROGRESS_S


def _batches(versions: Sequence[int]) -> Iterator[Sequence[int]]:
    return (versions[start : start + READERS] for start in range(0, len(versions), READERS))


def _record(place: Place, version: int, *, storage: Storage) -> ReleaseRecord | None:
    """A damaged record is nobody's release; its number stays taken."""
    uri = record_uri(place.uri(version))
    data = storage.read(uri)
    try:
        return None if data is None else parse_record(data, where=uri)
    except StorageError as error:
        log.warning("passed over: %s", error)
        return None
