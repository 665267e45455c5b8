"""Objects under URIs: local paths (and file://) and gs://."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Blob:
    """One object. `path` is relative to the URI that was listed; `crc32c` is base64, as GCS spells it; `generation`
    changes whenever the bytes do (on a local disk: modification time in ns, and size)."""

    uri: str
    path: str
    size: int
    crc32c: str
    generation: str


class Storage(Protocol):
    """One kind of store. Every method raises StorageError, naming the URI, when the store refuses."""

    def list_blobs(self, uri: str) -> list[Blob]:
        """All objects below `uri`, sorted by path; empty if there is nothing."""
        ...

    def subdirectories(self, uri: str) -> list[str]:
        """Names directly below `uri` that hold something, sorted."""
        ...

    def read(self, uri: str) -> bytes | None:
        """The object's bytes, or None where there is no such object."""
        ...

    def create(self, uri: str, data: bytes) -> bool:
        """Writes an object that must not exist yet, whole or not at all; False if it exists already."""
        ...

    def write(self, uri: str, data: bytes) -> None:
        """Writes or replaces an object, whole or not at all."""
        ...

    def copy(self, source: Blob, uri: str) -> None:
        """Copies within the kind of store (server-side on GCS) and verifies the checksum.

        Raises:
            SourceChanged: the source is no longer the object that was listed.
        """
        ...

    def delete(self, uris: Iterable[str]) -> None:
        """Deletes objects; those that do not exist are skipped."""
        ...


def open_storage(uri: str) -> Storage:
    """The store that holds `uri`."""
    raise NotImplementedError(uri)
