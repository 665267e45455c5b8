"""Copying the files of a release, and comparing them."""

import logging
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from model.errors import StorageError
from model.storage import Blob, Storage, copy_blob

SAVED_MODEL = "saved_model.pb"
COPIERS = 8
PROGRESS_S = 2.0

log = logging.getLogger(__name__)


def copy_files(files: Sequence[Blob], model_dir: str, *, storage: Storage) -> None:
    """Copies what is not there yet, `saved_model.pb` last: a model server takes a directory with it for a whole model.

    Raises:
        SourceChanged: a file is no longer the one that was listed.
        StorageError: a store refuses, or another file stands in the place of one.
    """
    standing = {(blob.path, blob.size, blob.crc32c) for blob in storage.list_blobs(model_dir)}
    missing = [file for file in files if (file.path, file.size, file.crc32c) not in standing]
    if len(missing) < len(files):
        log.info("%d of %d files stand there already", len(files) - len(missing), len(files))
    _copy_all([file for file in missing if file.path != SAVED_MODEL], model_dir)
    _copy_all([file for file in missing if file.path == SAVED_MODEL], model_dir)


def compare(files: Sequence[Blob], model_dir: str, *, storage: Storage) -> None:
    """Compares what stands in the release, sizes and checksums, with what should.

    Raises:
        StorageError: naming the first file that is missing, different, or too many.
    """
    expected = {file.path: file for file in files}
    found = {blob.path: blob for blob in storage.list_blobs(model_dir)}
    for path in sorted(expected.keys() | found.keys()):
        wanted, standing = _describe(expected.get(path)), _describe(found.get(path))
        if wanted != standing:
            do = "Something else wrote there, or removed it. Remove the release's directory, then run again."
            raise StorageError(expected=wanted, found=standing, where=f"{model_dir}/{path}", do=do)


def _describe(blob: Blob | None) -> str:
    if blob is None:
        return "no file"
    return f"{blob.size} bytes with CRC-32C {blob.crc32c}"


def _copy_all(files: Sequence[Blob], model_dir: str) -> None:
    with ThreadPoolExecutor(COPIERS) as copiers:
        copies = {copiers.submit(copy_blob, file, f"{model_dir}/{file.path}"): file for file in files}
        try:
            _wait(copies)
        finally:
            copiers.shutdown(wait=True, cancel_futures=True)


def _wait(copies: dict[Future[None], Blob]) -> None:
    """Until all are copied, or one is not; says every two seconds how far it is."""
    total = sum(file.size for file in copies.values())
    pending = set(copies)
    while pending:
        finished, pending = wait(pending, timeout=PROGRESS_S, return_when=FIRST_EXCEPTION)
        for copy in finished:
            copy.result()
        if pending:
            copied = [file.size for copy, file in copies.items() if copy not in pending]
            largest = max((copies[copy] for copy in pending), key=lambda file: file.size)
            done, waiting = f"{sum(copied):,} of {total:,} bytes", f"{largest.path} ({largest.size:,} bytes)"
            log.info("copied %d of %d files, %s; still copying %s", len(copied), len(copies), done, waiting)
