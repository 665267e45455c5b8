"""Which files are rows, and in which format."""

from collections.abc import Callable, Sequence

from model.errors import InvalidValue

PARQUET_MAGIC = b"PAR1"
_COMPRESSIONS = (".gz", ".bz2", ".zst", ".snappy", ".lz4")
_PARQUET, _CSV = (".parquet", ".pq"), (".csv", ".txt")


def is_hidden(path: str) -> bool:
    """Whether Spark passes over the path: markers such as `_SUCCESS`, and files being written."""
    return any(part.startswith(("_", ".")) and "=" not in part for part in path.split("/"))


def rows_format(names: Sequence[str], first_bytes: Callable[[str], bytes], *, where: str) -> str:
    """`csv` or `parquet`: by the files' names, or by their first bytes where names do not tell.

    Raises:
        InvalidValue: there are none, or of both formats.
    """
    found = {_by_name(name) or _by_content(first_bytes(name)) for name in names}
    if len(found) != 1:
        expected = "CSV or Parquet: a file, a directory, or a glob"
        raise InvalidValue(
            expected=expected,
            found="files of both formats" if found else "no such file",
            where=where,
            do="Set rows_uri to files of one format.",
        )
    return found.pop()


def _by_name(name: str) -> str:
    lower = name.lower()
    for ending in _COMPRESSIONS:
        lower = lower.removesuffix(ending)
    return "parquet" if lower.endswith(_PARQUET) else "csv" if lower.endswith(_CSV) else ""


def _by_content(data: bytes) -> str:
    return "parquet" if data[:4] == PARQUET_MAGIC else "csv"
