"""Whole jobs: real Spark, a real model server, real files."""

import base64
import json
import re
import time
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from py4j.protocol import Py4JError  # type: ignore[import-untyped]

from components.contracts import ScoreReport
from components.scoring.hadoop import HadoopFiles
from components.scoring.job import run, temporary
from model.endpoint import Endpoint
from model.errors import InvalidValue, PredictionFailed, ReleaseError, RowsMismatch, ScoringFailed
from model.sample import retail
from tests.components.scoring.conftest import PYSPARK_LEAVES_SOCKETS, Scoring
from tests.servers import free_ports

pytestmark = PYSPARK_LEAVES_SOCKETS


def test_the_sample(score: Scoring, visits: Path) -> None:
    scored = score("retail_propensity", visits, label_column=retail.LABEL)

    first = scored.predictions[0]
    assert list(first)[:4] == ["fullVisitorId", "bounces", "time_on_site", retail.LABEL]
    assert first["fullVisitorId"] == "0434744388841615987"
    assert first["bounces"] == 0.0
    assert first[f"{retail.LABEL}_probs"][0] == pytest.approx(0.775, abs=5e-4)
    assert first[f"{retail.LABEL}_values"] == ["1", "0"]
    assert first[f"predicted_{retail.LABEL}"] == ["1"]
    assert (scored.report.rows, scored.report.failed_rows, scored.report.called) == (200, 0, True)
    probability = retail.probability(
        np.array([row["bounces"] for row in scored.predictions]),
        np.array([row["time_on_site"] for row in scored.predictions]),
    )
    np.testing.assert_allclose([row[f"{retail.LABEL}_probs"][0] for row in scored.predictions], probability, rtol=1e-5)
    right = sum(row[f"predicted_{retail.LABEL}"] == [row[retail.LABEL]] for row in scored.predictions)
    assert scored.report.accuracy == right / 200


def left(directory: Path) -> list[str]:
    """But for the checksums that Hadoop keeps beside local files."""
    return sorted(path.name for path in directory.iterdir() if path.suffix != ".crc")


def test_nothing_but_the_two_results_and_their_report_is_left(score: Scoring, visits: Path, tmp_path: Path) -> None:
    score("retail_propensity", visits)
    scored = score("retail_propensity", visits, outputs=(f"{retail.LABEL}_probs",))

    assert left(tmp_path / "scored") == ["failed_rows", "predictions", "score_report.json"]
    assert ScoreReport.from_json((tmp_path / "scored" / "score_report.json").read_bytes()) == scored.report
    assert list(pq.read_schema(next((tmp_path / "scored" / "failed_rows").glob("*.parquet"))).names)[-1] == "error"
    assert f"predicted_{retail.LABEL}" not in pq.read_table(tmp_path / "scored" / "predictions").column_names


@pytest.mark.parametrize("text", [True, False])
def test_every_dtype_there_and_back(score: Scoring, tmp_path: Path, text: bool) -> None:
    integers = {
        name: [int(np.iinfo(name).min), int(np.iinfo(name).max)] for name in ("int8", "uint8", "int16", "uint16")
    }
    integers |= {
        name: [int(np.iinfo(name).min), int(np.iinfo(name).max)] for name in ("int32", "uint32", "int64", "uint64")
    }
    rows = {**integers, "float16": [0.5, -2.0], "float32": [0.1, 1e30], "float64": [0.1, -1e300]}
    rows |= {"bool": [True, False], "string": ['a, "b"\nc', "ü"]}
    kinds = {name: getattr(pa, name)() for name in integers}
    table = pa.table({name: pa.array(values, kinds.get(name)) for name, values in rows.items()})
    if text:
        lines = [
            ",".join(json.dumps(str(cell)).replace("\\n", "\n").replace('\\"', '""') for cell in row.values())
            for row in table.to_pylist()
        ]
        path: str | Path = "\n".join([",".join(rows), *lines]) + "\n"
        path = path.replace("\\u00fc", "ü")
    else:
        path = tmp_path / "rows.parquet"
        pq.write_table(table, path)

    scored = score("every_dtype", path)

    assert scored.failed == []
    for name, values in rows.items():
        expected = np.array(values, name).tolist() if name not in ("string", "bool") else values
        expected = [Decimal(value) for value in expected] if name == "uint64" else expected
        assert [row[f"{name}_out"] for row in scored.predictions] == expected, name
    widened = ["int16", "int32", "int64", "decimal128(20, 0)"]
    assert [scored.schema[f"uint{bits}_out"] for bits in (8, 16, 32, 64)] == widened


def test_vectors_matrices_and_strings(score: Scoring) -> None:
    rows = (
        "column,features,matrix,words\n"
        '1,"[1, 2, 3, 4]","[[1, 2], [3, 4]]","[""a"", ""b"", ""c""]"\n'
        '2,"[1, 2]","[[1, 2], [3, 4]]","[""a"", ""b"", ""c""]"\n'
    )

    scored = score("vectors", rows)

    assert scored.predictions == [
        {
            "column": [1.0],
            "features": [1.0, 2.0, 3.0, 4.0],
            "matrix": [[1, 2], [3, 4]],
            "words": ["a", "b", "c"],
            "features_doubled": [2.0, 4.0, 6.0, 8.0],
            "joined": ["a b c"],
            "total": 11.0,
            "transposed": [[1, 3], [2, 4]],
        }
    ]
    assert [row["features"] for row in scored.failed] == ["[1, 2]"]
    assert "column features" in scored.failed[0]["error"]


def test_rows_of_several_lengths_where_the_signature_leaves_it_open(score: Scoring) -> None:
    scored = score("open_lengths", 'id,x\n1,"[1, 2]"\n2,[3]\n3,"[4, 5]"\n4,"[1, ""a""]"\n')

    assert [(row["id"], row["doubled"], row["total"]) for row in scored.predictions] == [
        ("1", [2.0, 4.0], 3.0),
        ("2", [6.0], 3.0),
        ("3", [8.0, 10.0], 9.0),
    ]
    assert [row["id"] for row in scored.failed] == ["4"]


def test_an_output_of_unknown_rank_is_a_list(score: Scoring) -> None:
    assert score("unknown_rank", "x\n1\n2\n").predictions == [
        {"x": 1.0, "doubled": [2.0]},
        {"x": 2.0, "doubled": [4.0]},
    ]


def test_bad_rows_stand_apart_as_they_came_with_their_reason(score: Scoring) -> None:
    rows = 'id,x,error\n001,1,a\n002,abc,\n003,,c\n004,2\n005,3,d,e\n006,4,"f ""g"""\n'

    scored = score("refuses_thirteen", rows)

    assert [row["id"] for row in scored.predictions] == ["001", "006"]
    assert scored.predictions[1]["error"] == 'f "g"'
    failed = {row["id"]: row for row in scored.failed}
    assert failed["002"] | {"error_": ""} == {"id": "002", "x": "abc", "error": None, "error_": ""}
    assert "column x" in failed["002"]["error_"]
    assert '"abc"' in failed["002"]["error_"]
    assert "an empty cell" in failed["003"]["error_"]
    assert all("expected 3 cells" in failed[key]["error_"] for key in ("004", "005"))
    assert sum(scored.report.failure_reasons.values()) == 4
    assert max(scored.report.failure_reasons.values()) == 2


def test_rows_that_the_model_refuses_are_found_one_by_one(score: Scoring) -> None:
    rows = "".join(f"{index},{13 if index in (0, 77, 78, 999) else 1}\n" for index in range(1000))

    scored = score("refuses_thirteen", f"id,x\n{rows}", batch_rows=300)

    assert sorted(int(row["id"]) for row in scored.failed) == [0, 77, 78, 999]
    assert all("no thirteen" in row["error"] for row in scored.failed)
    assert [int(row["id"]) for row in scored.predictions] == [i for i in range(1000) if i not in (0, 77, 78, 999)]
    assert {row["y"] for row in scored.predictions} == {2.0}


def test_every_row_may_be_refused(score: Scoring) -> None:
    scored = score("refuses_thirteen", "x\n13\n13\n13\n")

    assert scored.predictions == []
    assert list(scored.schema) == ["x", "y"]
    assert len(scored.failed) == 3


def test_answers_that_are_no_text_are_failed_rows(score: Scoring) -> None:
    good, bad = (base64.urlsafe_b64encode(data).decode().rstrip("=") for data in (b"text", b"\xff\xfe"))

    scored = score("bytes_that_are_no_text", f"x\n{good}\n{bad}\n{good}\n")

    assert [row["decoded"] for row in scored.predictions] == ["text", "text"]
    assert "UTF-8" in scored.failed[0]["error"]


def test_without_calling_the_model_rows_are_still_read_and_typed(score: Scoring, visits: Path) -> None:
    nobody = Endpoint("http://127.0.0.1:1", "127.0.0.1:1", "none", 1)

    scored = score("retail_propensity", visits, invoke_endpoint=False, endpoint_json=nobody.to_json())

    assert not scored.report.called
    assert len(scored.predictions) == 200
    assert scored.predictions[0]["time_on_site"] == 7363.0
    assert scored.predictions[0][f"{retail.LABEL}_probs"] is None
    assert scored.schema[f"{retail.LABEL}_probs"] == "list<element: double>"


def test_line_breaks_in_cells_and_awkward_names(score: Scoring) -> None:
    rows = '\ufeff"a.b","x","c `d`, =;{}()",""\r\n"1\r\n2",5,"q ""r"" \\",7\r\n'

    scored = score("refuses_thirteen", rows)

    assert scored.predictions == [{"a.b": "1\n2", "x": 5.0, "c `d`, =;{}()": 'q "r" \\', "_c3": "7", "y": 6.0}]


def test_a_directory_whose_name_looks_like_a_glob(score: Scoring, tmp_path: Path) -> None:
    directory = tmp_path / "[a-b] {c}*"
    directory.mkdir()
    (directory / "1.csv").write_text("x\n1\n")
    (directory / "2.csv").write_text("x\n2\n")

    scored = score("refuses_thirteen", directory, predictions_uri=str(directory / "out [x]"))
    some = score("refuses_thirteen", f"{tmp_path}/?a-b*/[2].csv")

    assert sorted(row["y"] for row in scored.predictions) == [2.0, 3.0]
    assert [row["y"] for row in some.predictions] == [3.0]


def test_a_parquet_column_keeps_its_type(score: Scoring, tmp_path: Path) -> None:
    table = pa.table(
        {"x": pa.array([1, None], pa.int8()), "when": pa.array([0, 1], pa.timestamp("us", "UTC")), "tags": [["a"], []]}
    )
    pq.write_table(table, tmp_path / "rows.parquet")

    scored = score("refuses_thirteen", tmp_path / "rows.parquet")

    assert [(row["x"], row["tags"], row["y"]) for row in scored.predictions] == [(1, ["a"], 2.0)]
    assert scored.schema["when"].startswith("timestamp")
    assert [row["tags"] for row in scored.failed] == [[]]


@pytest.mark.parametrize(
    ("model", "rows", "changes", "kind", "words"),
    [
        ("retail_propensity", "bounces\n1\n", {}, RowsMismatch, "'time_on_site'"),
        ("refuses_thirteen", "x,y\n1,2\n", {}, RowsMismatch, "'y' in both"),
        ("refuses_thirteen", "x,x\n1,2\n", {}, RowsMismatch, "more than one column"),
        ("refuses_thirteen", "\n", {}, RowsMismatch, "empty file"),
        ("refuses_thirteen", "x\n1\n", {"outputs": ("z",)}, InvalidValue, "outputs"),
        ("refuses_thirteen", "x\n1\n", {"label_column": "label"}, RowsMismatch, "label_column"),
        ("scalar_output", "x\n1\n", {}, RowsMismatch, "output mean"),
        ("every_dtype", "x\n1\n", {}, RowsMismatch, "missing: "),
    ],
)
def test_what_cannot_be_scored_is_said_before_anything_is_written(
    score: Scoring,
    tmp_path: Path,
    model: str,
    rows: str,
    changes: dict[str, object],
    kind: type[ReleaseError],
    words: str,
) -> None:
    with pytest.raises(kind, match=words):
        run(score.spark, score.job(model, rows, **changes))

    assert not (tmp_path / "scored").exists()


def test_files_with_different_headers_are_refused(score: Scoring, tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "1.csv").write_text("x,z\n1,2\n")
    (tmp_path / "rows" / "2.csv").write_text("z,x\n1,2\n")

    with pytest.raises(ScoringFailed, match="header"):
        run(score.spark, score.job("refuses_thirteen", tmp_path / "rows"))


def test_an_output_of_another_length_is_a_failure_with_a_sentence(score: Scoring) -> None:
    with pytest.raises(ScoringFailed, match=r"3 rows of output y .* found shape \(2,\)"):
        run(score.spark, score.job("answers_less", "x\n1\n2\n3\n"))


def test_the_outputs_that_answer_row_by_row_can_be_chosen(score: Scoring) -> None:
    assert score("scalar_output", "x\n1\n", outputs=("doubled",)).predictions == [{"x": 1.0, "doubled": 2.0}]


def test_a_server_that_is_gone_ends_the_job_and_leaves_the_former_result(score: Scoring, tmp_path: Path) -> None:
    score("refuses_thirteen", "x\n1\n")
    (port,) = free_ports(1)
    nobody = Endpoint("", f"127.0.0.1:{port}", "refuses_thirteen", 1)

    with pytest.raises(PredictionFailed, match="UNAVAILABLE") as caught:
        run(score.spark, score.job("refuses_thirteen", "x\n2\n", endpoint_json=nobody.to_json(), timeout_s=8))

    assert caught.value.code == "UNAVAILABLE"
    assert left(tmp_path / "scored") == ["failed_rows", "predictions", "score_report.json"]
    assert pq.read_table(tmp_path / "scored" / "predictions").to_pylist() == [{"x": 1.0, "y": 2.0}]


def test_a_store_that_refuses_the_first_contact_is_told_with_the_cause(score: Scoring) -> None:
    with pytest.raises(ScoringFailed, match='No FileSystem for scheme "nowhere"') as caught:
        run(score.spark, score.job("refuses_thirteen", "x\n1\n", predictions_uri="nowhere://bucket/scored"))

    assert caught.value.where == "nowhere://bucket/scored"


def test_what_cannot_be_written_is_told_of_where_it_was_to_be_written(score: Scoring, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ScoringFailed, match="not a directory") as caught:
        run(score.spark, score.job("refuses_thirteen", "x\n1\n", predictions_uri=f"{tmp_path}/file/scored"))

    assert caught.value.where == f"{tmp_path}/file/scored"


def test_the_name_of_what_is_not_whole_tells_since_when(score: Scoring, monkeypatch: pytest.MonkeyPatch) -> None:
    deleted: list[str] = []
    monkeypatch.setattr(HadoopFiles, "delete", lambda _, uri: deleted.append(uri))

    score("refuses_thirteen", "x\n1\n", invoke_endpoint=False)

    name = re.fullmatch(r"\.scoring-(\d+)-[0-9a-f]{12}", deleted[-1].rpartition("/")[2])
    assert name
    assert 0 <= time.time() - int(name[1]) < 300


def test_a_failure_is_not_hidden_by_another_one_while_clearing_away() -> None:
    class Gone(HadoopFiles):
        def __init__(self) -> None:
            pass

        def delete(self, uri: str) -> None:
            raise Py4JError("no JVM")

    with pytest.raises(ValueError, match="the failure"), temporary("gs://b/.scoring", Gone()):
        raise ValueError("the failure")


def test_a_job_that_takes_too_long_is_ended(score: Scoring) -> None:
    with pytest.raises(ScoringFailed, match="within 0"):
        run(score.spark, score.job("refuses_thirteen", "x\n1\n", timeout_s=0.01))
