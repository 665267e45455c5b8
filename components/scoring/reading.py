"""Rows as Spark reads them: CSV as text, with the columns that its header names; Parquet with its own types."""

from collections.abc import Sequence
from csv import Error as CsvError
from csv import reader
from dataclasses import dataclass
from io import StringIO
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.pandas.types import to_arrow_type
from pyspark.sql.types import DataType, StringType, StructField, StructType

from components.rows.columns import check_columns, header_names
from components.rows.files import rows_format
from components.scoring.hadoop import HadoopFiles
from model.errors import RowsMismatch
from model.signature import Signature

#: The name, in `Rows.frame`, of the column with the lines of a CSV file that do not have as many cells as the header.
RAGGED = "ragged"

#: The driver looks at the beginnings of so many files itself; a small file it has then seen whole.
HEAD_BYTES, MAX_HEADS = 1 << 20, 4


@dataclass(frozen=True)
class Rows:
    """frame: columns c0, c1, … and RAGGED. names and kinds: what these are called, and their Spark types."""

    frame: DataFrame
    names: tuple[str, ...]
    kinds: tuple[DataType, ...]
    text: bool


def read_rows(spark: SparkSession, rows_uri: str, signature: Signature) -> Rows:
    """Opens the rows, and checks that they can feed the signature.

    Raises:
        InvalidValue: there are no such files.
        RowsMismatch: the columns do not fit the signature.
    """
    files = HadoopFiles(spark)
    pattern = files.pattern(rows_uri)
    found = files.list_files(pattern)
    text = rows_format(found, files.first_bytes, where=rows_uri) == "csv"
    heads = [files.first_bytes(uri, HEAD_BYTES) for uri in found[:MAX_HEADS]] if text else []
    whole = len(heads) == len(found) and all(len(head) < HEAD_BYTES for head in heads)
    read = (
        _csv(spark, pattern, heads, whole=whole, where=rows_uri) if text else _parquet(spark, pattern, where=rows_uri)
    )
    types = None if text else {name: to_arrow_type(kind) for name, kind in _needed(read, signature)}
    check_columns(read.names, signature, where=rows_uri, types=types)
    return read


def _needed(rows: Rows, signature: Signature) -> list[tuple[str, DataType]]:
    pairs = zip(rows.names, rows.kinds, strict=True)
    return [(name, kind) for name, kind in pairs if signature.input(name)]


def _parquet(spark: SparkSession, pattern: str, *, where: str) -> Rows:
    try:
        frame = spark.read.parquet(pattern)
    except AnalysisException as error:
        found = (str(error).splitlines() or ["unreadable"])[0]
        raise RowsMismatch(expected="Parquet that Spark can read", found=found, where=where) from error
    names, kinds = tuple(frame.columns), tuple(field.dataType for field in frame.schema)
    numbered = frame.toDF(*_numbered(names)).withColumn(RAGGED, f.lit(None).cast("string"))
    return Rows(numbered, names, kinds, text=False)


def _csv(spark: SparkSession, pattern: str, heads: Sequence[bytes], *, whole: bool, where: str) -> Rows:
    """heads: the beginnings of the files; `whole` if they are all there is."""
    cells = _header(heads, where=where)
    names = header_names(cells, where=where)
    ragged = RAGGED
    while ragged in names:
        ragged += "_"
    lines = spark.read.text(pattern)
    if len(set(names)) < len(names):  # Spark could not even read them; check_columns says which
        return Rows(lines, tuple(names), (StringType(),) * len(names), text=True)
    schema = StructType([StructField(name, StringType()) for name in [*names, ragged]])
    options = {
        "header": True,
        "escape": '"',  # quotes within quotes are doubled (RFC 4180)
        "multiLine": any(map(_has_open_quote, heads)) or not (whole or _all_quotes_close(lines)),
        "enforceSchema": "" in cells,  # False: every file must have the same header
        "columnNameOfCorruptRecord": ragged,
    }
    frame = spark.read.csv(pattern, schema=schema, **options)
    everything = [name for name in frame.columns if name != ragged]  # columns of partitioned directories too
    order = [*(frame[f"`{name.replace('`', '``')}`"] for name in everything), frame[ragged]]
    numbered = frame.select(*order).toDF(*_numbered(everything), RAGGED)
    return Rows(numbered, tuple(everything), (StringType(),) * len(everything), text=True)


def _numbered(names: Sequence[str]) -> list[str]:
    return [f"c{index}" for index in range(len(names))]


def _header(heads: Sequence[bytes], *, where: str) -> list[str]:
    """The first line's cells of the first file that has one."""
    texts = (head.decode("utf-8-sig", "replace") for head in heads)
    first = next((text for text in texts if text.strip()), "")
    try:
        return next((cells for cells in reader(StringIO(first, newline="")) if cells), [])
    except CsvError as error:
        raise RowsMismatch(expected="a CSV header", found=str(error), where=where, do="Write it anew.") from error


def _has_open_quote(head: bytes) -> bool:
    """Whether a line holds a quote that it does not close: a cell with a line break, so that the file cannot be split
    at line breaks. The last line of a beginning may be half a line."""
    return any(line.count(b'"') % 2 for line in head.split(b"\n")[: -1 if len(head) >= HEAD_BYTES else None])


def _all_quotes_close(lines: DataFrame) -> bool:
    quotes = f.length("value") - f.length(f.replace(f.col("value"), f.lit('"'), f.lit("")))
    return bool(lines.where(f.col("value").contains('"') & (quotes % 2 == 1)).isEmpty())


def session_settings() -> dict[str, Any]:
    """What reading and scoring rely on, whoever made the session."""
    return {
        "spark.sql.caseSensitive": "true",
        "spark.sql.sources.partitionColumnTypeInference.enabled": "false",  # keys keep their leading zeros
        "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
        "spark.sql.execution.arrow.useLargeVarTypes": "false",
    }
