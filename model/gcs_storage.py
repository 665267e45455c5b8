"""Google Cloud Storage as a store. STORAGE_EMULATOR_HOST is honoured, then without credentials.

Generations make it safe: an object is created only where none stands (`if_generation_match=0`), and copied only while
it is the one that was listed (`if_source_generation_match`). Checksums are compared after each copy all the same: not
everything that speaks this protocol heeds the conditions.
"""

import contextlib
import functools
import io
import os
import uuid
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, cast

from model.errors import SourceChanged, StorageError
from model.storage import Blob, Wanted, gcs_location, refuse

#: Seconds to connect, and to wait for an answer's next bytes.
TIMEOUT_S = (10.0, 60.0)
READ_CHUNK_BYTES = 32 << 20
_AGAIN = "Run again: what is complete is kept."
_CREDENTIALS = (
    "Run `gcloud auth application-default login`, or on a cluster bind the step's service account (Workload Identity)."
)
_ACCESS = "Grant this identity roles/storage.objectUser on the bucket, or choose another bucket."


class GcsStorage:
    """The Storage of gs:// URIs. deadline_s: how long faults that pass (429, 5xx, connections) are tried again."""

    def __init__(self, *, deadline_s: float = 120.0) -> None:
        self.deadline_s = deadline_s

    def list_blobs(self, uri: str, *, wanted: Wanted | None = None) -> list[Blob]:
        bucket, base = gcs_location(uri)
        prefix = f"{base}/" if base else ""
        fields = "items(name,size,crc32c,generation),nextPageToken"
        with _answers(uri):
            found = list(_client().list_blobs(bucket, prefix=prefix, fields=fields, **self._call()))
        # An object whose name ends in a slash is what consoles make of an empty folder.
        paths = [(each.name.removeprefix(prefix), each) for each in found if not each.name.endswith("/")]
        blobs = [_blob(each, bucket, path) for path, each in paths if wanted is None or wanted(path)]
        return sorted(blobs, key=lambda blob: blob.path)

    def subdirectories(self, uri: str) -> list[str]:
        bucket, base = gcs_location(uri)
        prefix = f"{base}/" if base else ""
        with _answers(uri):
            pages = _client().list_blobs(
                bucket, prefix=prefix, delimiter="/", fields="prefixes,nextPageToken", **self._call()
            )
            found = {name for page in pages.pages for name in page.prefixes}
        return sorted(filter(None, (name.removeprefix(prefix).removesuffix("/") for name in found)))

    def read(self, uri: str) -> bytes | None:
        from google.api_core.exceptions import NotFound

        with _answers(uri):
            try:
                return bytes(_object(uri).download_as_bytes(**self._call()))
            except NotFound as error:
                if "bucket does not exist" in str(error):
                    raise
                return None

    def create(self, uri: str, data: bytes) -> bool:
        from google.api_core.exceptions import PreconditionFailed

        with _answers(uri):
            target, ours = _object(uri), uuid.uuid4().hex
            target.metadata = {"writer": ours}
            try:
                target.upload_from_string(data, if_generation_match=0, **self._call())
            except PreconditionFailed:
                # A first attempt may have arrived although its answer was lost.
                target.reload(**self._call())
                return bool((target.metadata or {}).get("writer") == ours)
        return True

    def write(self, uri: str, data: bytes) -> None:
        with _answers(uri):
            _object(uri).upload_from_string(data, **self._call())

    def open(self, source: Blob) -> BinaryIO:
        condition = {"if_generation_match": int(source.generation)}
        with _answers(source.uri):
            reader = _object(source.uri).open("rb", chunk_size=READ_CHUNK_BYTES, **condition, **self._call())
        return cast(BinaryIO, _Stream(reader, source))

    def put(self, stream: BinaryIO, uri: str, *, source: Blob) -> None:
        from google.api_core.exceptions import PreconditionFailed

        if self._stands(uri, source):
            return
        with _answers(uri):
            target = _object(uri)
            call = {"size": source.size, "if_generation_match": 0, "checksum": "crc32c", **self._call()}
            try:
                target.upload_from_file(stream, **call)
            except PreconditionFailed:
                self._require_standing(uri, source)
                return
            except ValueError as error:  # the stream is shorter than it was
                raise _changed(source, found=str(error)) from error
        self._verify(target, source)

    def copy(self, source: Blob, uri: str) -> None:
        from google.api_core.exceptions import NotFound, PreconditionFailed

        if self._stands(uri, source):
            return
        with _answers(uri):
            target, token = _object(uri), None
            conditions = {"if_generation_match": 0, "if_source_generation_match": int(source.generation)}
            try:
                while True:  # large objects take several calls when they change location or storage class
                    token, _, _ = target.rewrite(_object(source.uri), token=token, **conditions, **self._call())
                    if token is None:
                        break
            except (NotFound, PreconditionFailed) as error:
                self._require_source(source, error)
                self._require_standing(uri, source)
                return
        self._verify(target, source)

    def delete(self, uris: Iterable[str]) -> None:
        from google.api_core.exceptions import NotFound

        for uri in uris:
            with _answers(uri), contextlib.suppress(NotFound):
                _object(uri).delete(**self._call())

    def _call(self) -> dict[str, Any]:
        from google.cloud.storage.retry import DEFAULT_RETRY

        return {"retry": DEFAULT_RETRY.with_timeout(self.deadline_s), "timeout": TIMEOUT_S}

    def _find(self, uri: str) -> Any:
        """The object's metadata, or None."""
        bucket, name = gcs_location(uri)
        with _answers(uri):
            return _client().bucket(bucket).get_blob(name, **self._call())

    def _stands(self, uri: str, source: Blob) -> bool:
        """Whether the object stands there already; another one is an error."""
        found = self._find(uri)
        if found is not None and not _same(found, source):
            raise StorageError(
                expected=f"nothing, or {_describe(source)}",
                found=_describe(found),
                where=uri,
                do="Something else wrote there, and files of a release are never replaced. Remove it, then run again.",
            )
        return found is not None

    def _require_standing(self, uri: str, source: Blob) -> None:
        if not self._stands(uri, source):
            raise StorageError(expected=_describe(source), found="nothing after the copy", where=uri, do=_AGAIN)

    def _require_source(self, source: Blob, cause: Exception) -> None:
        found = self._find(source.uri)
        if found is None or not _same(found, source):
            raise _changed(source, found="nothing any more" if found is None else _describe(found)) from cause

    def _verify(self, target: Any, source: Blob) -> None:
        """After a copy: what was written is removed again if it is not what was listed."""
        if _same(target, source):
            return
        with _answers(source.uri):
            target.delete(if_generation_match=target.generation, **self._call())
        raise _changed(source, found=_describe(target))


class _Stream(io.RawIOBase):
    """An object's bytes; errors of the store become ours."""

    def __init__(self, reader: Any, source: Blob) -> None:
        self._reader, self._source = reader, source

    def read(self, size: int = -1) -> bytes:
        from google.api_core.exceptions import NotFound, PreconditionFailed

        with _answers(self._source.uri):
            try:
                return bytes(self._reader.read(size))
            except (NotFound, PreconditionFailed) as error:
                raise _changed(self._source, found="another object, or none") from error


def _client() -> Any:
    return _client_of(os.environ.get("STORAGE_EMULATOR_HOST", ""))


@functools.lru_cache(maxsize=4)
def _client_of(emulator: str) -> Any:
    """One client per endpoint and process; it reads the endpoint from the environment itself."""
    from google.cloud import storage

    return storage.Client(project="none")  # no call of ours is about one, and a login may not have any


def _object(uri: str) -> Any:
    bucket, name = gcs_location(uri)
    if not name:
        refuse(uri, rule="the URI of an object, gs://bucket/path")
    return _client().bucket(bucket).blob(name)


def _blob(found: Any, bucket: str, path: str) -> Blob:
    uri = f"gs://{bucket}/{found.name}"
    if {"", ".", ".."} & set(path.split("/")):
        do = "Rename the object: no directory can hold it."
        raise StorageError(expected="names without empty, `.` and `..` parts", found=repr(path), where=uri, do=do)
    return Blob(uri=uri, path=path, size=found.size, crc32c=found.crc32c, generation=str(found.generation))


def _same(found: Any, source: Blob) -> bool:
    return (found.size, found.crc32c) == (source.size, source.crc32c)


def _describe(blob: Any) -> str:
    return f"{blob.size} bytes with CRC-32C {blob.crc32c}"


def _changed(source: Blob, *, found: str) -> SourceChanged:
    do = "Release an export only when its writer is done, then run again."
    return SourceChanged(expected=f"{_describe(source)}, as listed", found=found, where=source.uri, do=do)


@contextlib.contextmanager
def _answers(uri: str) -> Iterator[None]:
    """Turns what the store refuses, and what it does not answer, into an error that names the URI."""
    import requests
    from google.api_core import exceptions as api
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage.exceptions import DataCorruption

    try:
        yield
    except api.NotFound as error:
        raise _refused(uri, f"no bucket {gcs_location(uri)[0]}", "Create it, or correct the URI.") from error
    except api.Forbidden as error:
        raise _refused(uri, f"no permission: {_sentence(error)}", _ACCESS) from error
    except (api.Unauthorized, GoogleAuthError) as error:
        raise _refused(uri, f"no valid credentials: {_sentence(error)}", _CREDENTIALS) from error
    except (api.RetryError, requests.RequestException, ConnectionError) as error:
        cause = error.__cause__ or error
        do = f"Check the network and the store's status. {_AGAIN}"
        raise _refused(uri, f"no answer within the deadline: {_sentence(cause)}", do) from error
    except (api.GoogleAPIError, DataCorruption) as error:
        raise _refused(uri, _sentence(error), _AGAIN) from error


def _refused(uri: str, found: str, do: str) -> StorageError:
    return StorageError(expected="Cloud Storage to do as asked", found=found, where=uri, do=do)


def _sentence(error: BaseException) -> str:
    """The first line, short enough to be read."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300].rstrip(".")
