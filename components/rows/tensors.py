"""Columns and tensors: a pyarrow column becomes the array that feeds an input, row by row or not at all.

    signature's shape     a Parquet column holds           a CSV cell holds
    (-1), unknown rank    a scalar                         1.5
    (-1, 1)               a scalar, or a list of one       1.5  or  [1.5]
    (-1, k)               a list of k                      [1.5, 2, 3]
    (-1, k, l)            a list of k lists of l           [[1, 2], [3, 4]]

pyarrow is imported by those who hold a column; this module only calls the column's methods and pyarrow.compute.
"""

import json
from typing import Any

import numpy as np

from components.rows.values import Array, Bad, empty, fill, from_value, narrow, reason, reasons, rule
from model import dtypes
from model.signature import TensorSpec, format_shape

#: The reason of rows that are fine but of another shape than the first one, where the signature leaves a dimension
#: open: they need a tensor of their own, so ask for them again.
OTHER_SHAPE = "another shape than the rows before"

#: Cells that Arrow itself reads, and as we do. All others are read one by one.
_PLAIN_INTEGER = r"^-?[0-9]{1,18}$"
_PLAIN_NUMBER = r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$"


def column_to_tensor(column: Any, spec: TensorSpec, *, text: bool = False) -> tuple[Array, Bad]:
    """The array [rows, ...] of a column, and the rows that it cannot hold; those are 0 or empty in it.

    column: pyarrow Array or ChunkedArray, of a type that `check_columns` lets pass.
    text: the column holds the cells of a CSV file; an empty one (null) is the empty string for a string input.
    """
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    dims = element_shape(spec)
    if text and dims:
        return _from_cells(column, spec, dims)
    if _is_list(column.type):
        values, bad = _from_lists(column, spec, dims if spec.shape is not None else (-1,) * _depth(column.type))
    else:
        values, bad = _scalars(column, spec, text=text)
        values = values.reshape(len(column), *dims)
    return values, _settle_first(bad, spec)


def element_shape(spec: TensorSpec) -> tuple[int, ...]:
    """The dimensions of one row."""
    return (spec.shape or (-1,))[1:]


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _depth(kind: Any) -> int:
    return 1 + _depth(kind.value_type) if _is_list(kind) else 0


def _settle_first(bad: Bad, spec: TensorSpec) -> Bad:
    """The first row sets the shape; if it does not have that shape itself, its own lists differ in length. So every
    call settles at least one row."""
    if bad.get(0) == OTHER_SHAPE:
        bad[0] = reason(spec.name, "lists of one length within a row", "lists of several lengths")
    return bad


def _from_lists(column: Any, spec: TensorSpec, dims: tuple[int, ...]) -> tuple[Array, Bad]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not dims:
        return _scalars(column, spec, text=False)
    lengths = np.asarray(pc.list_value_length(column).fill_null(-1))
    known = lengths[lengths >= 0]
    wanted = dims[0] if dims[0] >= 0 else int(known[0]) if known.size else 0
    rows = np.flatnonzero(lengths == wanted)
    bad = {int(row): _length_reason(spec, dims, int(lengths[row])) for row in np.flatnonzero(lengths != wanted)}
    inner, inner_bad = _from_lists(pc.list_flatten(column.take(pa.array(rows))), spec, dims[1:])
    for index, why in inner_bad.items():
        bad.setdefault(int(rows[index // wanted]), why)
    values = empty((len(column), wanted, *inner.shape[1:]), spec.dtype)
    values[rows] = inner.reshape(len(rows), wanted, *inner.shape[1:])
    return values, bad


def _length_reason(spec: TensorSpec, dims: tuple[int, ...], length: int) -> str:
    if length < 0:
        return reason(spec.name, f"a list for shape {format_shape(spec.shape)}", None)
    if dims[0] < 0:
        return OTHER_SHAPE
    return reason(spec.name, f"a list of {dims[0]} for shape {format_shape(spec.shape)}", f"a list of {length}")


def _scalars(column: Any, spec: TensorSpec, *, text: bool) -> tuple[Array, Bad]:
    """column: pyarrow Array without lists."""
    import pyarrow as pa

    if spec.dtype == "string":
        return _strings(column, spec, text=text)
    if text or pa.types.is_decimal(column.type):
        return _from_text(column, spec)
    null = np.asarray(column.is_null())
    if pa.types.is_null(column.type):
        return empty((len(column),), spec.dtype), reasons(
            range(len(column)), [None] * len(column), column=spec.name, dtype=spec.dtype
        )
    values, wrong = narrow(
        column.fill_null(False if pa.types.is_boolean(column.type) else 0).to_numpy(zero_copy_only=False), spec.dtype
    )
    rows = np.flatnonzero(null | wrong)
    cells = column.take(pa.array(rows)).to_pylist()
    return values, reasons(rows.tolist(), cells, column=spec.name, dtype=spec.dtype)


def _strings(column: Any, spec: TensorSpec, *, text: bool) -> tuple[Array, Bad]:
    """UTF-8 bytes. A null is bad in Parquet; in CSV it is what an empty cell looks like."""
    import pyarrow as pa

    cells = column.cast(pa.large_binary()).to_pylist()
    bad = (
        {}
        if text
        else {row: reason(spec.name, rule("string"), None) for row in np.flatnonzero(column.is_null()).tolist()}
    )
    values = np.empty(len(cells), object)
    values[:] = [b"" if cell is None else cell for cell in cells]
    return values, bad


def _from_text(column: Any, spec: TensorSpec) -> tuple[Array, Bad]:
    """Numbers and booleans from cells (or decimals): most at once, the rest one by one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = empty((len(column),), spec.dtype)
    plain, wrong = np.zeros(len(column), bool), np.zeros(len(column), bool)
    if not pa.types.is_decimal(column.type) and spec.dtype != "bool":
        whole = spec.dtype in dtypes.INTEGERS
        matches = pc.match_substring_regex(column, _PLAIN_INTEGER if whole else _PLAIN_NUMBER).fill_null(False)
        plain = np.asarray(matches)
        numbers = pc.if_else(matches, column, "0").cast(pa.int64() if whole else pa.float64())
        values, wrong = narrow(np.asarray(numbers), spec.dtype)
    rows = np.flatnonzero(~plain | wrong)
    cells = dict(zip(rows.tolist(), column.take(pa.array(rows)).to_pylist(), strict=True))
    return values, fill(values, cells, column=spec.name, dtype=spec.dtype, text=True)


def _from_cells(column: Any, spec: TensorSpec, dims: tuple[int, ...]) -> tuple[Array, Bad]:
    """Vectors from the cells of a CSV file: JSON lists, or bare values where a row has a single one."""
    cells = column.to_pylist()
    rows = [_parse(cell, spec, dims) for cell in cells]
    first = next((row.shape for row in rows if isinstance(row, np.ndarray)), tuple(max(size, 0) for size in dims))
    values, bad = empty((len(rows), *first), spec.dtype), {}
    for index, row in enumerate(rows):
        if isinstance(row, str):
            bad[index] = row
        elif row.shape != first:
            bad[index] = OTHER_SHAPE
        else:
            values[index] = row
    return values, bad


def _parse(cell: str | None, spec: TensorSpec, dims: tuple[int, ...]) -> Array | str:
    """One row's array, or why there is none."""
    wanted = f"a JSON list for shape {format_shape(spec.shape)} with {rule(spec.dtype)} each"
    try:
        found = json.loads(cell or "")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) and all(size == 1 for size in dims):
        single = empty((1,), spec.dtype)
        given = "" if cell is None and spec.dtype == "string" else cell
        bad = fill(single, {0: given}, column=spec.name, dtype=spec.dtype, text=True)
        return bad[0] if bad else single.reshape(dims)
    try:
        elements = np.array(found, object)
    except ValueError:  # lists that differ in length, in depth
        return reason(spec.name, wanted, cell)
    fits = len(elements.shape) == len(dims) and all(a in (-1, b) for a, b in zip(dims, elements.shape, strict=True))
    if not fits:
        return reason(spec.name, wanted, cell)
    try:
        values = [from_value(element, spec.dtype) for element in elements.ravel().tolist()]
    except (ValueError, OverflowError):
        return reason(spec.name, wanted, cell)
    array = empty(elements.shape, spec.dtype)
    array.ravel()[:] = values
    return array
