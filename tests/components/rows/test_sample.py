"""The first rows of real files."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.rows.sample import read_sample
from model.errors import InvalidValue, ReleaseError, RowsMismatch
from model.signature import Signature, TensorSpec

SIGNATURE = Signature(
    "serving_default",
    "tensorflow/serving/predict",
    (TensorSpec("bounces", "float32", (-1,)), TensorSpec("name", "string", (-1, 1))),
    (),
)
CSV = 'id,bounces,name\n007,1,"a ""quoted"", long\nname"\n008,2,\n009,x,c\n010,4,d\n'


def test_rows_of_a_csv_file(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("\ufeff" + CSV)

    sample = read_sample(str(tmp_path / "rows.csv"), SIGNATURE, 3)

    assert sample["bounces"].tolist() == [1, 2]
    assert sample["name"].tolist() == [[b'a "quoted", long\nname'], [b""]]


def test_bad_and_ragged_rows_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("bounces,name\nx,a\n1\n1,2,3\n5,b\n")

    assert read_sample(str(tmp_path / "rows.csv"), SIGNATURE, 1)["bounces"].tolist() == [5]


def test_a_compressed_file_a_directory_and_a_glob(tmp_path: Path) -> None:
    rows = tmp_path / "of [day] 1"
    rows.mkdir()
    (rows / "_SUCCESS").touch()
    with gzip.open(rows / "part-0.csv.gz", "wt") as file:
        file.write(CSV)

    for uri in (str(rows), f"{tmp_path}/of*/part-*", (rows / "part-0.csv.gz").as_uri()):
        assert read_sample(uri, SIGNATURE, 2)["bounces"].tolist() == [1, 2]


def test_rows_of_parquet_files(tmp_path: Path) -> None:
    table = pa.table({"bounces": pa.array([1, None, 3], pa.int64()), "name": [["a"], ["b"], ["c"]], "other": [1, 2, 3]})
    pq.write_table(table, tmp_path / "no-suffix")

    sample = read_sample(str(tmp_path), SIGNATURE, 10)

    assert sample["bounces"].tolist() == [1, 3]
    assert sample["name"].tolist() == [[b"a"], [b"c"]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty file"),
        ("bounces,name\n", "no row"),
        ("bounces,name\nx,a\n", 'found "x"'),
        ("1,2\n3,4\n", "column names"),
        (b"bounces,name\n1,\xff\xfe\n", "CSV in UTF-8"),
        (b"PAR1 but not really", "Parquet"),
    ],
)
def test_files_without_rows_are_refused_with_the_reason(tmp_path: Path, content: str | bytes, words: str) -> None:
    path = tmp_path / "rows"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(RowsMismatch, match=words):
        read_sample(str(path), SIGNATURE, 4)


@pytest.mark.parametrize("uri", ["nowhere.csv", "no*.csv", "s3://bucket/rows.csv", ""])
def test_a_uri_without_rows_is_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(InvalidValue):
        read_sample(uri if ":" in uri or not uri else f"{tmp_path}/{uri}", SIGNATURE, 4)


def test_files_of_both_formats_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    (tmp_path / "b.parquet").write_bytes(b"PAR1")

    with pytest.raises(ReleaseError, match="both formats"):
        read_sample(str(tmp_path), SIGNATURE, 4)
