"""The rows to score: repeatable, labelled by the model's own probability, never written over other data."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from model.arrays import Array
from model.errors import InvalidValue
from model.sample import retail
from model.sample.visits import BLOCK_ROWS, COLUMNS, write_visits


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def area_under_curve(labels: Array, scores: Array) -> float:
    """The share of pairs (buyer, other) that the scores put in the right order; ties count half."""
    buyers, others = scores[labels == 1][:, None], scores[labels == 0][None, :]
    return float(np.mean(buyers > others) + 0.5 * np.mean(buyers == others))


def test_the_first_row_is_the_known_visit(tmp_path: Path) -> None:
    write_visits(tmp_path / "visits.csv", rows=1)

    assert (tmp_path / "visits.csv").read_text().splitlines() == [",".join(COLUMNS), "0434744388841615987,0,7363,1"]


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_visits(tmp_path / name, rows=500, seed=seed)

    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_a_longer_file_begins_like_a_shorter_one(tmp_path: Path) -> None:
    write_visits(tmp_path / "short", rows=100)
    write_visits(tmp_path / "long", rows=BLOCK_ROWS + 100)

    assert (tmp_path / "long").read_bytes().startswith((tmp_path / "short").read_bytes())
    assert len(rows_of(tmp_path / "long")) == BLOCK_ROWS + 100


def test_visitors_are_told_apart_by_19_digits_with_leading_zeros(visits: Path) -> None:
    visitors = [row["fullVisitorId"] for row in rows_of(visits)]

    assert {len(visitor) for visitor in visitors} == {19}
    assert len(set(visitors)) == len(visitors)
    assert Counter(visitor[0] == "0" for visitor in visitors)[True] > 5


def test_labels_follow_the_model_well_enough_to_be_told(tmp_path: Path) -> None:
    write_visits(tmp_path / "visits.csv")
    rows = rows_of(tmp_path / "visits.csv")
    bounces, seconds, labels = (np.array([float(row[name]) for row in rows]) for name in COLUMNS[1:])

    auc = area_under_curve(labels, retail.probability(bounces, seconds))

    assert len(rows) == 1000
    assert set(labels) == {0, 1}
    assert 0.62 < auc < 0.9


def test_the_same_rows_again_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"

    assert write_visits(path, rows=50)
    before = path.stat()
    assert not write_visits(path, rows=50)

    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert list(tmp_path.iterdir()) == [path]


def test_other_data_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"
    path.write_text("mine\n")

    with pytest.raises(InvalidValue, match="another file of that name"):
        write_visits(path, rows=50)

    assert path.read_text() == "mine\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("rows", "seed"), [(0, 1), (-5, 1), (10**10, 1), (5, -1)])
def test_numbers_out_of_range_are_refused_before_anything_is_written(rows: int, seed: int, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue):
        write_visits(tmp_path / "new" / "visits.csv", rows=rows, seed=seed)

    assert not (tmp_path / "new").exists()
