"""Which files of an export belong to a release, and the digest that names them."""

import hashlib
from collections.abc import Iterable

from model.storage import Blob, Storage

#: What a SavedModel loads from. `fingerprint.pb` is TensorFlow's own note of its parts.
FILES = ("saved_model.pb", "fingerprint.pb")
DIRECTORIES = ("variables/", "assets/", "assets.extra/")


def belongs(path: str) -> bool:
    """Whether a path below the export belongs to a release: a file, or a directory with a slash at its end."""
    return path in FILES or path.startswith(DIRECTORIES)


def list_release_files(directory_uri: str, *, storage: Storage) -> tuple[Blob, ...]:
    """The release's files below a SavedModel directory, sorted by path; nothing else there is read."""
    return tuple(storage.list_blobs(directory_uri, wanted=belongs))


def release_files(blobs: Iterable[Blob]) -> tuple[Blob, ...]:
    """Those that belong to a release, sorted by path."""
    return tuple(sorted((blob for blob in blobs if belongs(blob.path)), key=lambda blob: blob.path))


def content_digest(blobs: Iterable[Blob]) -> str:
    """`sha256:<hex>` over path, size and checksum of the files that belong to a release.

    The same for equal copies in any store, and found without downloading anything: GCS keeps the checksums.
    """
    lines = (f"{blob.path}\0{blob.size}\0{blob.crc32c}\n" for blob in release_files(blobs))
    return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"
