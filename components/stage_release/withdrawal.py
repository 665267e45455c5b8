"""Taking back a release that was not finished."""

import logging

from components.stage_release.claims import Claim, Place
from components.stage_release.clock import now
from model import json_codec
from model.release_layout import record_uri
from model.storage import Storage

log = logging.getLogger(__name__)


def withdraw(place: Place, version: int, *, storage: Storage) -> None:
    """Removes what stands of an unfinished version, its claim last. A release is left alone.

    Another run may be completing the same claim. So the claim is marked first, and the record looked for afterwards;
    the other writes its record first, and looks at the claim afterwards. One of the two sees the other.
    """
    mark = Claim(digest="", run_id="", created_at=now(), abandoned=True)
    before = storage.read(place.claim_uri(version))
    storage.write(place.claim_uri(version), json_codec.to_json(mark).encode())
    if storage.read(record_uri(place.uri(version))) is not None:
        if before is not None:
            storage.write(place.claim_uri(version), before)
        return
    uris = [blob.uri for blob in storage.list_blobs(place.uri(version))]
    storage.delete(uri for uri in uris if uri != place.claim_uri(version))
    storage.delete([place.claim_uri(version)])
    log.info("removed what had been copied to %s", place.uri(version))
