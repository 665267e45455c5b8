"""Columns become tensors, row by row or not at all."""

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.rows.tensors import OTHER_SHAPE, column_to_tensor
from model import dtypes
from model.signature import Shape, TensorSpec


def convert(cells: Any, dtype: str, shape: Shape = (-1,), *, text: bool = False) -> tuple[Any, dict[int, str]]:
    column = cells if isinstance(cells, pa.Array) else pa.array(cells, pa.string() if text else None)
    array, bad = column_to_tensor(column, TensorSpec("x", dtype, shape), text=text)
    assert array.dtype == dtypes.numpy_dtype(dtype)
    assert len(array) == len(column)
    return array.tolist(), bad


@pytest.mark.parametrize("dtype", dtypes.INTEGERS)
@pytest.mark.parametrize("text", [True, False])
def test_every_integer_width_holds_its_limits_and_no_more(dtype: str, text: bool) -> None:
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    cells = [int(low), int(high), int(low) - 1, int(high) + 1]
    column = pa.array(map(str, cells)) if text else pa.array(map(Decimal, cells), pa.decimal128(21, 0))

    values, bad = convert(column, dtype, text=text)

    assert values[:2] == cells[:2]
    assert sorted(bad) == [2, 3]


@pytest.mark.parametrize(
    ("dtype", "cells", "good"),
    [
        ("float32", ["1", "2.5", " 3 ", "+4", "-.5e1", "1e400", "abc", "0x1F", "1_0", None], [1, 2.5, 3, 4, -5]),
        ("float16", ["1", "65510", "6.551e4", "70000"], [1, 65504, 65504]),
        ("int8", ["007", "3.0", "-128", "2.5", "nan", "128", "9" * 30, ""], [7, 3, -128]),
        ("bool", ["true", "FALSE", "1", "0", "yes", "2", None], [True, False, True, False]),
        ("string", ["a", "ü", None], [b"a", "ü".encode(), b""]),
    ],
)
def test_cells_of_a_csv_file(dtype: str, cells: list[str | None], good: list[Any]) -> None:
    values, bad = convert(cells, dtype, text=True)

    assert values[: len(good)] == good
    assert sorted(bad) == list(range(len(good), len(cells)))


def test_a_bad_cell_is_named_with_its_column_its_value_and_the_rule() -> None:
    _, bad = convert(["300"], "uint8", text=True)

    assert bad == {0: 'column x: expected an integer from 0 to 255 (uint8); found "300"'}


def test_infinity_and_nan_are_numbers_where_they_are_spelled_so() -> None:
    values, bad = convert(["inf", "-Infinity", "NaN"], "float64", text=True)

    assert values[:2] == [np.inf, -np.inf]
    assert np.isnan(values[2])
    assert bad == {}


@pytest.mark.parametrize(
    ("column", "dtype", "good"),
    [
        (pa.array([1, 300, None, -1]), "uint8", [1]),
        (pa.array([1.0, 2.5, float("nan"), 1e30]), "int64", [1]),
        (pa.array([2.0**62, 2.0**63]), "int64", [2**62]),
        (pa.array([1, 2**64 - 1], pa.uint64()), "int64", [1]),
        (pa.array([1.0, 1e300]), "float32", [1]),
        (pa.array([True, None]), "bool", [True]),
        (pa.array([1, 0, 2]), "bool", [True, False]),
        (pa.array([b"\xff", b"", None]), "string", [b"\xff", b""]),
        (pa.array(["a", "b", None]).dictionary_encode(), "string", [b"a", b"b"]),
        (pa.array([None, None]), "int32", []),
    ],
)
def test_typed_columns(column: pa.Array, dtype: str, good: list[Any]) -> None:
    values, bad = convert(column, dtype)

    assert values[: len(good)] == good
    assert sorted(bad) == list(range(len(good), len(column)))


@pytest.mark.parametrize("shape", [(-1, 1), (-1, 1, 1)])
def test_a_row_of_one_value_may_be_a_scalar(shape: tuple[int, ...]) -> None:
    typed, _ = convert(pa.array([1, 2]), "float32", shape)
    text, _ = convert(["1", "2"], "float32", shape, text=True)

    assert np.array(typed).shape == (2, *shape[1:])
    assert text == typed


def test_a_row_of_one_value_may_be_a_list_of_one() -> None:
    assert convert(["[1]", "2"], "int32", (-1, 1), text=True) == ([[1], [2]], {})
    assert convert(['["a"]', "b", '["c"'], "string", (-1, 1), text=True) == ([[b"a"], [b"b"], [b'["c"']], {})
    assert convert(pa.array([[1.5]]), "float32", (-1, 1)) == ([[1.5]], {})


def test_vectors_and_matrices() -> None:
    assert convert(pa.array([[1, 2, 3]]), "int64", (-1, 3)) == ([[1, 2, 3]], {})
    assert convert(["[[1, 2], [3, 4]]"], "float32", (-1, 2, 2), text=True) == ([[[1, 2], [3, 4]]], {})
    assert convert(['["a", "b"]'], "string", (-1, 2), text=True) == ([[b"a", b"b"]], {})
    assert convert(pa.array([[1, 2]], pa.list_(pa.int8(), 2)), "int8", (-1, 2)) == ([[1, 2]], {})
    assert convert(pa.array([[1, 2]]), "int64", None) == ([[1, 2]], {})


@pytest.mark.parametrize("cell", ["[1]", "[1, null]", "[300, 1]", '["1", 2]', "x", None, "[[1, 2], [3]]", "[" * 9999])
def test_a_cell_that_is_no_vector_of_the_signature_is_a_bad_row(cell: str | None) -> None:
    values, bad = convert(["[1, 2]", cell], "int8", (-1, 2), text=True)

    assert values == [[1, 2], [0, 0]]
    assert list(bad) == [1]
    assert "column x" in bad[1]


@pytest.mark.parametrize("row", [[3], None, [3, None]])
def test_a_list_that_is_no_vector_of_the_signature_is_a_bad_row(row: Any) -> None:
    values, bad = convert(pa.array([row, [1, 2]]), "int64", (-1, 2))

    assert values[1] == [1, 2]
    assert list(bad) == [0]


def test_rows_of_another_shape_are_told_apart_from_bad_ones() -> None:
    lists, listed = convert(pa.array([[1, 2], [3], [4, 5]]), "int64", (-1, -1))
    cells, parsed = convert(["[1, 2]", "[3]", "[4, 5]"], "int64", (-1, -1), text=True)

    assert lists == cells == [[1, 2], [0, 0], [4, 5]]
    assert listed == parsed == {1: OTHER_SHAPE}


def test_lists_of_several_lengths_within_one_row_are_bad_and_not_another_shape() -> None:
    _, bad = convert(pa.array([[[1], [2, 3]], [[4], [5]]]), "int64", (-1, 2, -1))

    assert "several lengths" in bad[0]
    assert 1 not in bad
