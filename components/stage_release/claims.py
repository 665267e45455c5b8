"""Version numbers: which are taken, and taking one.

`claim.json`, created exclusively, takes a number for one digest. Whoever stages the same digest, be it another run at
the same time or the same run after a crash, adopts the claim and completes what it finds.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass

from components.stage_release.clock import now
from model import json_codec
from model.errors import StorageError
from model.release_layout import CLAIM_NAME, release_uri
from model.storage import Storage

#: Integers above this do not survive JSON readers that know only doubles, KFP's parameters among them.
MAX_VERSION = 2**53 - 1
MAX_ATTEMPTS = 1000

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claim:
    """What `claim.json` holds. `created_at` is RFC 3339 in UTC. `abandoned`: nobody may adopt it any more, because
    what stands there is being removed."""

    digest: str
    run_id: str
    created_at: str
    abandoned: bool = False


@dataclass(frozen=True)
class Place:
    """Where the releases of a model stand."""

    models_root: str
    model_name: str

    def uri(self, version: int) -> str:
        return release_uri(self.models_root, self.model_name, version)

    def claim_uri(self, version: int) -> str:
        return f"{self.uri(version)}/{CLAIM_NAME}"


def claim_version(
    place: Place, *, digest: str, run_id: str, hint: int, taken: Collection[int], storage: Storage
) -> int:
    """Takes a version number for the digest, or adopts one that is claimed for it.

    hint: the number to take if it is free; it may be lower than others, for a release is served by its URI and not
    because its number is the highest. Otherwise one more than the highest `taken` is.

    Raises:
        StorageError: the store refuses.
    """
    claim = Claim(digest=digest, run_id=run_id, created_at=now())
    data = json_codec.to_json(claim).encode()
    highest = max((version for version in taken if version < MAX_VERSION), default=0)
    wanted = hint if 0 < hint <= MAX_VERSION and hint not in taken else highest + 1
    for _ in range(MAX_ATTEMPTS):
        if storage.create(place.claim_uri(wanted), data):
            return wanted
        if adoptable(place, wanted, digest=digest, storage=storage):
            log.info("version %d is claimed for these very files: completing it", wanted)
            return wanted
        highest = max(highest, wanted if wanted < MAX_VERSION else 0)
        wanted = highest + 1
    where = place.uri(wanted)
    raise StorageError(expected="a free version number", found="only taken ones", where=where, do="Run again.")


def adoptable(place: Place, version: int, *, digest: str, storage: Storage) -> bool:
    """Whether the version is claimed for the digest."""
    claim = read_claim(place, version, storage=storage)
    return claim is not None and claim.digest == digest and not claim.abandoned


def read_claim(place: Place, version: int, *, storage: Storage) -> Claim | None:
    """None where there is none, or something else wrote there; then the number counts as taken all the same."""
    data = storage.read(place.claim_uri(version))
    try:
        return None if data is None else json_codec.from_json(Claim, data)
    except (ValueError, TypeError):
        return None
