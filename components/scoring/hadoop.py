"""Files as Spark sees them, through Hadoop's file systems: local paths, gs://, and what else it has a connector for."""

import re
from typing import Any

from components.rows.files import is_hidden

_GLOB = re.compile(r"([{}\[\]*?\\])")


class HadoopFiles:
    """The few operations on directories that Spark's readers and writers lack."""

    def __init__(self, spark: Any) -> None:
        self._jvm = spark._jvm
        self._settings = spark._jsc.hadoopConfiguration()

    def _at(self, uri: str) -> tuple[Any, Any]:
        path = self._jvm.org.apache.hadoop.fs.Path(uri)
        return path.getFileSystem(self._settings), path

    def exists(self, uri: str) -> bool:
        files, path = self._at(uri)
        return bool(files.exists(path))

    def pattern(self, uri: str) -> str:
        """What a reader must be told: the URI itself if it is a glob, and without the meaning of its special characters
        if something stands there by that very name."""
        return literal(uri) if _GLOB.search(uri) and self.exists(uri) else uri

    def list_files(self, pattern: str) -> list[str]:
        """The files of a file, directory or glob that readers look at."""
        files, path = self._at(pattern)
        found: list[str] = []
        for status in files.globStatus(path) or []:
            root = status.getPath().toString()
            below = files.listFiles(status.getPath(), True)
            while below.hasNext():
                uri = below.next().getPath().toString()
                if not is_hidden(uri.removeprefix(root).lstrip("/")):
                    found.append(uri)
        return found

    def first_bytes(self, uri: str, count: int = 4) -> bytes:
        """At most `count`, decompressed as readers do by the file's ending."""
        files, path = self._at(uri)
        codec = self._jvm.org.apache.hadoop.io.compress.CompressionCodecFactory(self._settings).getCodec(path)
        stream = files.open(path)
        try:
            return bytes((codec.createInputStream(stream) if codec else stream).readNBytes(count))
        finally:
            stream.close()

    def replace(self, source: str, target: str) -> None:
        """Moves a directory to where another one may stand. That is put aside meanwhile, and put back if the move fails
        (as far as the store can move: an object store copies)."""
        files, new = self._at(source)
        _, old = self._at(target)
        _, aside = self._at(f"{source}.replaced")
        files.mkdirs(old.getParent())
        if files.exists(old) and not files.rename(old, aside):
            raise OSError(f"{target} could not be renamed to make room")
        if not files.rename(new, old):
            files.rename(aside, old)
            raise OSError(f"{source} could not be renamed to {target}")
        files.delete(aside, True)

    def write(self, uri: str, data: bytes) -> None:
        """One object, whatever stood there before."""
        files, path = self._at(uri)
        stream = files.create(path, True)
        try:
            stream.write(data)
        finally:
            stream.close()

    def delete_older(self, directory: str, *, prefix: str, age_s: float) -> None:
        """Deletes what stands directly below under a name of prefix, seconds since 1970 and more, and is so old by that
        name. Without such a number its modification time counts; that is 0 where the store keeps none of directories,
        which says nothing."""
        files, path = self._at(directory)
        if not files.exists(path):
            return
        limit = self._jvm.System.currentTimeMillis() / 1000 - age_s
        for status in files.listStatus(path):
            name = status.getPath().getName()
            named = re.match(rf"{re.escape(prefix)}(\d+)-", name)
            since = int(named[1]) if named else status.getModificationTime() / 1000
            if name.startswith(prefix) and 0 < since < limit:
                files.delete(status.getPath(), True)

    def delete(self, uri: str) -> None:
        files, path = self._at(uri)
        files.delete(path, True)


def literal(uri: str) -> str:
    """The URI with the special characters of globs escaped."""
    return _GLOB.sub(r"\\\1", uri)
