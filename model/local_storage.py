"""A directory as a store.

What is written appears whole or not at all: it goes to a temporary file beside it, is flushed to the disk, and then
linked (which fails if the name is taken) or renamed. The temporary file's name follows from the target's, and its
writer holds a lock on it, so that whoever writes the same object after a crash takes the leftover over.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from model.checksums import Crc32c, chunks
from model.errors import SourceChanged, StorageError
from model.storage import Blob, Wanted, local_path, refuse

TEMPORARY_SUFFIX = ".savedmodel-release-tmp"
_DO = {
    errno.ENOSPC: "The disk is full. Free space, then run again: what is complete is kept.",
    errno.EDQUOT: "The disk quota is used up. Free space, then run again: what is complete is kept.",
    errno.EFBIG: "The file is larger than this process or disk may write. Raise the limit, then run again.",
    errno.EACCES: "Give this user access, or choose another place.",
    errno.EPERM: "Give this user access, or choose another place.",
    errno.EROFS: "Choose a place that can be written.",
    errno.ENOTDIR: "A file stands where a directory is needed. Remove it, or choose another place.",
    errno.EISDIR: "A directory stands where a file is needed. Remove it, or choose another place.",
}


class LocalStorage:
    """The Storage of local paths and file:// URIs."""

    def list_blobs(self, uri: str, *, wanted: Wanted | None = None) -> list[Blob]:
        root = _path(uri)
        with _named(uri):
            real_root = Path(os.path.realpath(root))
            files = _walk(root, prefix="", within=real_root, wanted=wanted or (lambda path: True))
            blobs = [_blob(file, relative) for relative, file in files]
        return sorted((blob for blob in blobs if blob), key=lambda blob: blob.path)

    def subdirectories(self, uri: str) -> list[str]:
        with _named(uri):
            return sorted(entry.name for entry in _entries(_path(uri)) if _holds_something(Path(entry.path)))

    def read(self, uri: str) -> bytes | None:
        with _named(uri):
            try:
                path = _path(uri)
                _check_regular(path, path.stat())
                return path.read_bytes()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None

    def create(self, uri: str, data: bytes) -> bool:
        path = _path(uri)
        if path.exists():
            return False
        with _named(uri), _temporary(path) as file:
            file.write(data)
            return _link(file, path)

    def write(self, uri: str, data: bytes) -> None:
        path = _path(uri)
        with _named(uri), _temporary(path) as file:
            file.write(data)
            _flush(file)
            _temporary_path(path).replace(path)
            _flush_directory(path.parent)

    def open(self, source: Blob) -> BinaryIO:
        try:
            with _named(source.uri):
                return _path(source.uri).open("rb")
        except StorageError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise _changed(source, found="no such file any more") from error
            raise

    def put(self, stream: BinaryIO, uri: str, *, source: Blob) -> None:
        path = _path(uri)
        if path.exists():
            _compare_standing(path, source)
            return
        with _named(uri), _temporary(path) as file:
            size, crc32c = _transfer(stream, file)
            if (size, crc32c) != (source.size, source.crc32c):
                raise _changed(source, found=f"{size} bytes, CRC-32C {crc32c}")
            linked = _link(file, path)
        if not linked:
            _compare_standing(path, source)

    def copy(self, source: Blob, uri: str) -> None:
        with self.open(source) as stream:
            self.put(stream, uri, source=source)

    def delete(self, uris: Iterable[str]) -> None:
        """Also removes the directories that become empty by it."""
        paths = {uri: _path(uri) for uri in uris}
        for uri, path in paths.items():
            with _named(uri), contextlib.suppress(FileNotFoundError, NotADirectoryError):
                _temporary_path(path).unlink(missing_ok=True)
                path.unlink()
        for directory in sorted({path.parent for path in paths.values()}, key=lambda each: -len(each.parts)):
            with contextlib.suppress(OSError):  # not empty, or gone: either is well
                directory.rmdir()


def _path(uri: str) -> Path:
    path = local_path(uri)
    if path is None:
        refuse(uri, rule="a local path")
    return path


@contextlib.contextmanager
def _named(uri: str) -> Iterator[None]:
    """Turns what the operating system refuses into an error that names the URI."""
    try:
        yield
    except OSError as error:
        where = str(error.filename or uri)
        do = _DO.get(error.errno or 0, "Mend that, then run again.")
        found = error.strerror or str(error)
        raise StorageError(expected="a file system that does as asked", found=found, where=where, do=do) from error


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _walk(directory: Path, *, prefix: str, within: Path, wanted: Wanted) -> Iterator[tuple[str, Path]]:
    """(path below the root, path on disk) of the files; links lead nowhere but below the real root."""
    for entry in _entries(directory):
        relative, path = prefix + entry.name, Path(entry.path)
        _check_name(path)
        if entry.name.endswith(TEMPORARY_SUFFIX) or not (wanted(relative) or wanted(f"{relative}/")):
            continue
        if entry.is_symlink():
            _check_link(path, within=within)
        if not entry.is_dir():
            if wanted(relative):
                yield relative, path
        elif wanted(f"{relative}/"):
            yield from _walk(path, prefix=f"{relative}/", within=within, wanted=wanted)


def _check_name(path: Path) -> None:
    try:
        path.name.encode()
    except UnicodeEncodeError:
        found = f"the bytes {os.fsencode(path.name)!r}"
        raise StorageError(expected="a name in UTF-8", found=found, where=str(path.parent), do="Rename it.") from None


def _check_link(path: Path, *, within: Path) -> None:
    target = Path(os.path.realpath(path))
    loops = Path(os.path.realpath(path.parent)).is_relative_to(target)
    if loops or not target.is_relative_to(within) or not target.exists():
        raise StorageError(
            expected=f"symbolic links that lead to something else below {within}",
            found=f"a link to {path.readlink()}",
            where=str(path),
            do="Put a copy of the file in its place.",
        )


def _holds_something(directory: Path) -> bool:
    """Whether a directory has a file in it, at any depth."""
    for entry in _entries(directory):
        path = Path(entry.path)
        if not entry.is_dir(follow_symlinks=False):
            if not entry.name.endswith(TEMPORARY_SUFFIX):
                return True
        elif _holds_something(path):
            return True
    return False


def _blob(path: Path, relative: str) -> Blob | None:
    """None if the file vanished meanwhile."""
    try:
        status = path.stat()
        _check_regular(path, status)
        checksum = Crc32c()
        size = 0
        with path.open("rb") as file:
            for chunk in chunks(file):
                checksum.update(chunk)
                size += len(chunk)
    except FileNotFoundError:
        return None
    generation = f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}"
    return Blob(uri=str(path), path=relative, size=size, crc32c=checksum.base64(), generation=generation)


def _check_regular(path: Path, status: os.stat_result) -> None:
    """Reading a pipe would wait for ever, and a device may never end. A directory says what it is when it is opened."""
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        found = "a pipe, socket or device"
        raise StorageError(expected="regular files", found=found, where=str(path), do="Remove it.")


def _temporary_path(path: Path) -> Path:
    name = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]  # the name itself may be as long as names can be
    return path.with_name(f".{name}{TEMPORARY_SUFFIX}")


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[BinaryIO]:
    """An empty file beside `path`, locked, and removed at the end unless it was renamed.

    The lock ends with its process, however that comes about. The file may have been removed or renamed by the time the
    lock is had: then another is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary_path(path)
    while True:
        with temporary.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _names(temporary, file):
                continue
            if os.fstat(file.fileno()).st_nlink > 1:  # killed just after linking: this is the object itself
                temporary.unlink()
                continue
            try:
                file.truncate(0)
                yield file
            finally:
                if _names(temporary, file):
                    temporary.unlink()
            return


def _names(path: Path, file: BinaryIO) -> bool:
    """Whether the path still leads to the open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _transfer(stream: BinaryIO, file: BinaryIO) -> tuple[int, str]:
    checksum, size = Crc32c(), 0
    for chunk in chunks(stream):
        file.write(chunk)
        checksum.update(chunk)
        size += len(chunk)
    return size, checksum.base64()


def _link(file: BinaryIO, path: Path) -> bool:
    """Gives the temporary file its name; False if that is taken."""
    _flush(file)
    try:
        os.link(_temporary_path(path), path)
    except FileExistsError:
        return False
    _flush_directory(path.parent)
    return True


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _flush_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _compare_standing(path: Path, source: Blob) -> None:
    with _named(str(path)):
        standing = _blob(path, source.path)
    if standing is None or (standing.size, standing.crc32c) != (source.size, source.crc32c):
        raise StorageError(
            expected=f"nothing, or {source.size} bytes with CRC-32C {source.crc32c}",
            found=f"{standing.size} bytes with CRC-32C {standing.crc32c}" if standing else "something that vanished",
            where=str(path),
            do="Something else wrote there, and files of a release are never replaced. Remove it, then run again.",
        )


def _changed(source: Blob, *, found: str) -> SourceChanged:
    return SourceChanged(
        expected=f"{source.size} bytes with CRC-32C {source.crc32c}, as listed",
        found=found,
        where=source.uri,
        do="Release an export only when its writer is done, then run again.",
    )
