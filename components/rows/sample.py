"""The first rows of a file, as tensors."""

import bz2
import csv
import fnmatch
import glob
import gzip
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from components.rows.columns import check_columns, check_inputs, header_names
from components.rows.files import is_hidden, rows_format
from components.rows.tensors import column_to_tensor
from components.rows.values import Array
from model.errors import InvalidValue, RowsMismatch
from model.signature import Signature
from model.storage import local_path, open_storage

#: Rows looked through for `limit` good ones.
_SEARCHED = 10_000


#: Characters of one cell; Python's own limit of 131,072 is less than a long vector takes.
MAX_CELL = 2**31 - 1


def read_sample(rows_uri: str, signature: Signature, limit: int) -> dict[str, Array]:
    """Input name -> array of the first `limit` rows that fit the signature (and, where it leaves a dimension open, are
    of one shape); fewer if there are fewer.

    Raises:
        RowsMismatch: the columns do not fit the signature, or no row does.
        InvalidValue: `rows_uri` names no rows.
    """
    check_inputs(signature)
    files = list_files(rows_uri)
    text = rows_format(files, _first_bytes, where=rows_uri) == "csv"
    batches = itertools.chain.from_iterable((_csv if text else _parquet)(uri, signature, limit) for uri in files)
    searched, why = 0, ""
    for batch in batches:
        arrays, bad = _to_tensors(batch, signature, text=text)
        good = [row for row in range(batch.num_rows) if row not in bad]
        if good:
            return {name: array[good[:limit]] for name, array in arrays.items()}
        searched, why = searched + batch.num_rows, next(iter(bad.values()), why)
        if searched >= _SEARCHED:
            break
    found = f"none in the first {searched}; {why}" if searched else "no row"
    raise RowsMismatch(expected="rows that fit the signature", found=found, where=rows_uri, do="Mend the rows.")


def _to_tensors(batch: Any, signature: Signature, *, text: bool) -> tuple[dict[str, Array], dict[int, str]]:
    arrays: dict[str, Array] = {}
    all_bad: dict[int, str] = {}
    for spec in signature.inputs:
        arrays[spec.name], bad = column_to_tensor(batch.column(spec.name), spec, text=text)
        all_bad.update(bad)
    return arrays, all_bad


def list_files(rows_uri: str) -> list[str]:
    """The files of a file, directory or glob; sorted.

    Raises:
        InvalidValue: there are none.
    """
    path = local_path(rows_uri)
    files = _list_gcs(rows_uri) if path is None else _list_local(path)
    if not files:
        expected = "CSV or Parquet: a file, a directory, or a glob"
        raise InvalidValue(expected=expected, found="no such file", where=rows_uri, do="Set rows_uri to one.")
    return files


def _list_local(path: Path) -> list[str]:
    paths = [path] if path.exists() else [Path(found) for found in sorted(glob.glob(str(path)))]  # noqa: PTH207
    files: list[str] = []
    for found in paths:
        if found.is_file():
            files.append(str(found))
        else:
            below = sorted(file for file in found.rglob("*") if file.is_file())
            files += [str(file) for file in below if not is_hidden(str(file.relative_to(found)))]
    return files


def _list_gcs(rows_uri: str) -> list[str]:
    store = open_storage(rows_uri)
    below = [blob.uri for blob in store.list_blobs(rows_uri) if not is_hidden(blob.path)]
    # An object itself, or a glob: Spark's `*` stops at slashes.
    blobs = [] if below else store.list_blobs(fixed_parent(rows_uri))
    whole = [blob.uri for blob in blobs if fnmatch.fnmatchcase(blob.uri, rows_uri) and not is_hidden(blob.path)]
    return below or [uri for uri in whole if uri.count("/") == rows_uri.count("/")]


def fixed_parent(rows_uri: str) -> str:
    """The last directory before anything that a glob leaves open."""
    return re.split(r"[*?\[{]", rows_uri.rstrip("/"), maxsplit=1)[0].rpartition("/")[0]


class _Readable(io.RawIOBase):
    """A store's stream, for those who want a file."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def open_rows(uri: str) -> IO[bytes]:
    """The bytes of one of the files that `list_files` names, read as they are needed."""
    if not uri.startswith("gs://"):
        return Path(uri).open("rb")
    parent = uri.rpartition("/")[0]
    blob = next((blob for blob in open_storage(uri).list_blobs(parent) if blob.uri == uri), None)
    if blob is None:
        raise InvalidValue(expected="rows", found="no such object", where=uri, do="Set rows_uri to one.")
    return io.BufferedReader(_Readable(open_storage(uri).open(blob)), 1 << 20)


def _first_bytes(uri: str) -> bytes:
    with open_rows(uri) as file:
        return file.read(4)


def _decompressed(file: IO[bytes], uri: str) -> IO[bytes]:
    if uri.endswith(".gz"):
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]
    return bz2.BZ2File(file) if uri.endswith(".bz2") else file


def _csv(uri: str, signature: Signature, limit: int) -> Iterator[Any]:
    """Record batches of strings; null for an empty cell. Lines with too many or too few cells are left out."""
    import pyarrow as pa

    with open_rows(uri) as raw, io.TextIOWrapper(_decompressed(raw, uri), encoding="utf-8-sig", newline="") as file:
        lines = _cells(file, uri)
        names = header_names(next(lines, []), where=uri)
        check_columns(names, signature, where=uri)
        whole = (cells for cells in lines if len(cells) == len(names))
        while rows := list(itertools.islice(whole, limit)):
            columns = [pa.array([cell or None for cell in column], pa.string()) for column in zip(*rows, strict=True)]
            yield pa.record_batch(columns, names=names)


def _cells(file: io.TextIOWrapper, uri: str) -> Iterator[list[str]]:
    csv.field_size_limit(MAX_CELL)
    try:
        yield from (cells for cells in csv.reader(file) if cells)
    except (csv.Error, UnicodeDecodeError, OSError, EOFError) as error:
        raise RowsMismatch(expected="CSV in UTF-8", found=str(error), where=uri, do="Write the file anew.") from error


def _parquet(uri: str, signature: Signature, limit: int) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    opened = open_rows(uri)  # its end is needed first: what is not a local file is read whole
    try:
        file = pq.ParquetFile(io.BytesIO(opened.read()) if uri.startswith("gs://") else opened)
        schema = file.schema_arrow
        types = {field.name: field.type for field in schema}
        check_columns(schema.names, signature, where=uri, types=types)
        yield from file.iter_batches(batch_size=limit, columns=[spec.name for spec in signature.inputs])
    except (pa.ArrowInvalid, OSError) as error:
        raise RowsMismatch(expected="a Parquet file", found=str(error), where=uri, do="Write it anew.") from error
    finally:
        opened.close()
