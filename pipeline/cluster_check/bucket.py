"""Whether models can be written, read and removed where releases shall stand."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from model.errors import StorageError
from model.gcs_storage import GcsStorage
from model.storage import Storage, canonical_uri, gcs_location, refuse
from pipeline.cluster_check.findings import Finding, State
from pipeline.cluster_check.throwaway import unique_name

BUCKET = "bucket"
TEXT = b"savedmodel-release check-cluster wrote this, and should have removed it.\n"


def models_root_of(text: str) -> str:
    """
    Raises:
        InvalidValue: no gs:// URI; steps and model servers on a cluster share no disk.
    """
    if not text.startswith("gs://"):
        refuse(text, rule="--models-root as gs://BUCKET/PATH", do="Give a gs:// URI.")
    gcs_location(text)
    return canonical_uri(text)


def findings(models_root: str, *, timeout_s: float) -> list[Finding]:
    if not models_root:
        return [Finding(BUCKET, State.SKIPPED, "no --models-root gs://BUCKET/PATH was given")]
    emulator = os.environ.get("STORAGE_EMULATOR_HOST", "")
    place = f"{models_root} (emulator {emulator})" if emulator else models_root
    uri = f"{models_root}/{unique_name('check-cluster')}"
    try:
        found = _round_trip(uri, storage=GcsStorage(deadline_s=timeout_s))
    except StorageError as error:
        return [Finding(BUCKET, State.MISSING, f"{place}: {error.found}", error.do)]
    if found != TEXT:
        held = "nothing" if found is None else f"{len(found)} other bytes"
        return [Finding(BUCKET, State.MISSING, f"{place}: {held} where {len(TEXT)} bytes were written", "Use another.")]
    return [Finding(BUCKET, State.OK, f"{place}: an object was written, read back and removed")]


@contextmanager
def temporary_object(uri: str, *, storage: Storage) -> Iterator[None]:
    """
    Raises:
        StorageError: it cannot be written, or not removed.
    """
    try:
        storage.create(uri, TEXT)
    except KeyboardInterrupt:
        storage.delete([uri])
        raise
    try:
        yield
    finally:
        storage.delete([uri])


def _round_trip(uri: str, *, storage: Storage) -> bytes | None:
    with temporary_object(uri, storage=storage):
        return storage.read(uri)
