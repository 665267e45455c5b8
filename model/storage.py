"""Objects under URIs: local paths (and file://) and gs://.

`open_storage` chooses the store; nothing of a store is imported, and no client made, before it is used.
"""

import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn, Protocol
from urllib.parse import unquote, urlsplit

from model.checksums import Crc32c, chunks
from model.errors import InvalidValue, SourceChanged, StorageError

DO = "Give a local path, file:///path or gs://bucket/path."
#: What looks like the scheme of a URI, a slash forgotten or not: `s3://b`, `gs:/b`.
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):/")
READERS = 8
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Blob:
    """One object. `path` is relative to the URI that was listed; `crc32c` is base64, as GCS spells it; `generation`
    changes whenever the bytes do (on a local disk: modification time in ns, size and inode)."""

    uri: str
    path: str
    size: int
    crc32c: str
    generation: str


#: Whether a path below the listed URI is wanted; asked for directories too, with a slash at their end.
Wanted = Callable[[str], bool]


class Storage(Protocol):
    """One kind of store. Every method raises StorageError, naming the URI, when the store refuses."""

    def list_blobs(self, uri: str, *, wanted: Wanted | None = None) -> list[Blob]:
        """All objects below `uri` that are wanted, sorted by path; empty if there is nothing. What is not wanted is
        not read. A symbolic link is followed only where it stays below `uri`."""
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

    def open(self, source: Blob) -> BinaryIO:
        """A stream of the object's bytes. Reading raises SourceChanged where it is no longer the one listed, as far as
        the store can tell; who copies compares the checksum."""
        ...

    def put(self, stream: BinaryIO, uri: str, *, source: Blob) -> None:
        """Writes an object of the source's size and checksum, whole or not at all. One that stands there already is
        left as it is if it is the same, and a StorageError otherwise: objects are never replaced.

        Raises:
            SourceChanged: the stream's bytes are not those that were listed.
        """
        ...

    def copy(self, source: Blob, uri: str) -> None:
        """`put` within the kind of store: on GCS, server-side.

        Raises:
            SourceChanged: the source is no longer the object that was listed.
        """
        ...

    def delete(self, uris: Iterable[str]) -> None:
        """Deletes objects; those that do not exist are skipped."""
        ...


def open_storage(uri: str) -> Storage:
    """The store that holds `uri`.

    Raises:
        InvalidValue: no store of ours has such a URI.
    """
    if local_path(uri) is None:
        from model.gcs_storage import GcsStorage

        return GcsStorage()
    try:
        from model.local_storage import LocalStorage
    except ModuleNotFoundError:  # a step's code on a cluster comes without it: a pod's disk is gone with the pod
        refuse(uri, rule="gs://bucket/path, on a cluster", do="Give a gs:// URI.")
    return LocalStorage()


def local_path(uri: str) -> Path | None:
    """The absolute path that a local URI names; None for gs://.

    Raises:
        InvalidValue: empty, of another scheme, or with characters that no path holds.
    """
    if not uri.strip() or _CONTROL.search(uri):
        refuse(uri, rule="a path or URI that is not empty and holds no control characters")
    scheme = _SCHEME.match(uri)
    if scheme is None:
        return _absolute(uri)
    if uri.startswith("gs://"):
        gcs_location(uri)
        return None
    if not uri.startswith("file://"):
        refuse(uri, rule="a local path, file:// or gs://")
    parts = urlsplit(uri, allow_fragments=False)
    path = unquote(uri.removeprefix("file://").removeprefix(parts.netloc))
    if parts.netloc not in ("", "localhost") or ".." in path.split("/") or _CONTROL.search(path):
        refuse(uri, rule="file:// followed by an absolute path of this machine, without `..`")
    return _absolute(path or "/")


def gcs_location(uri: str) -> tuple[str, str]:
    """Bucket and object name (without slashes at its ends; may be empty) of a gs:// URI.

    Raises:
        InvalidValue: https://cloud.google.com/storage/docs/buckets#naming and /objects#naming do not allow it.
    """
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", bucket):
        refuse(uri, rule="gs://bucket/path, the bucket of lower-case letters, digits, dots, dashes and underscores")
    name = name.strip("/")
    if {"", ".", ".."} & set(name.split("/")) and name:
        refuse(uri, rule="an object path without empty, `.` and `..` parts")
    if len(name.encode()) > 1024:
        refuse(uri, rule="an object path of at most 1024 bytes")
    return bucket, name


def canonical_uri(uri: str) -> str:
    """One spelling of each place: an absolute path, or gs://bucket/path; no slash at the end."""
    path = local_path(uri)
    if path is not None:
        return str(path)
    return "gs://" + "/".join(gcs_location(uri)).rstrip("/")


def copy_blob(source: Blob, uri: str) -> None:
    """Copies an object to a URI of any kind of store and verifies its checksum; see `Storage.put`.

    Raises:
        SourceChanged: the source is no longer the object that was listed.
        StorageError: a store refuses, or another object stands at `uri`.
    """
    sources, targets = open_storage(source.uri), open_storage(uri)
    if type(sources) is type(targets):
        targets.copy(source, uri)
        return
    with sources.open(source) as stream:
        targets.put(stream, uri, source=source)


def download(uri: str, directory: Path) -> Path:
    """A local directory with all that stands below `uri`: the path itself where it is local, else `directory` filled
    with copies.

    Raises:
        StorageError: the store refuses, or an object changes meanwhile (SourceChanged).
    """
    path = local_path(uri)
    if path is not None:
        return path
    storage = open_storage(uri)
    with ThreadPoolExecutor(READERS) as readers:
        for _ in readers.map(
            lambda blob: _fetch(blob, directory / blob.path, storage=storage), storage.list_blobs(uri)
        ):
            pass
    return directory


def _fetch(blob: Blob, target: Path, *, storage: Storage) -> None:
    checksum = Crc32c()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with storage.open(blob) as stream, target.open("wb") as file:
            for chunk in chunks(stream):
                file.write(chunk)
                checksum.update(chunk)
    except OSError as error:
        do = "Make room there, or choose another directory, then run again."
        raise StorageError(expected="a disk to write to", found=str(error), where=str(target), do=do) from error
    if checksum.base64() != blob.crc32c:
        found = f"CRC-32C {checksum.base64()}"
        do = "It changed while it was read. Run again."
        raise SourceChanged(expected=f"CRC-32C {blob.crc32c}, as listed", found=found, where=blob.uri, do=do)


def refuse(uri: str, *, rule: str, do: str = DO) -> NoReturn:
    raise InvalidValue(expected=rule, found=repr(uri), where="URI", do=do)


def _absolute(path: str) -> Path:
    """`..` is resolved as the file system would, through symbolic links; other paths keep their spelling."""
    absolute = Path(path).absolute()
    return Path(os.path.realpath(absolute)) if ".." in absolute.parts else absolute
