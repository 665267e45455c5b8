"""Single values: what may stand in a cell for each dtype, and the cell's words when something else does."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from model import dtypes

Array = np.ndarray[Any, Any]
#: Row index -> why the row cannot be scored.
Bad = dict[int, str]

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?inf(inity)?|nan", re.IGNORECASE)
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
_LONGEST_SHOWN = 60


def reason(column: str, rule: str, found: object, *, where: str = "") -> str:
    """The sentence of a bad row. What stands before `; found` is the same for all rows that break the same rule."""
    shown = "an empty cell" if found is None else json.dumps(found, ensure_ascii=False, default=str)
    return f"{where or f'column {column}'}: expected {rule}; found {shown[:_LONGEST_SHOWN]}"


def rule(dtype: str) -> str:
    """What a cell must hold for a tensor of that dtype."""
    if dtype in dtypes.INTEGERS:
        low, high = limits(dtype)
        return f"an integer from {low} to {high} ({dtype})"
    if dtype in dtypes.FLOATS:
        return f"a number within the range of {dtype}"
    return "true, false, 1 or 0" if dtype == "bool" else "a string"


def limits(dtype: str) -> tuple[int, int]:
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def empty(shape: tuple[int, ...], dtype: str) -> Array:
    """An array of zeros, or of empty strings."""
    return np.full(shape, b"" if dtype == "string" else 0, dtypes.numpy_dtype(dtype))


def from_text(cell: str, dtype: str) -> Any:
    """The value of a CSV cell.

    Raises:
        ValueError: the cell holds no such value.
    """
    text = cell.strip()
    if dtype == "string":
        return cell.encode()
    if dtype == "bool":
        if text.lower() not in _BOOLEANS:
            raise ValueError(cell)
        return _BOOLEANS[text.lower()]
    if dtype in dtypes.INTEGERS and _INTEGER.fullmatch(text):
        return from_value(int(text) if len(text) < 25 else math.inf, dtype)
    if _NUMBER.fullmatch(text) and math.isinf(float(text)) == ("inf" in text.lower()):
        return from_value(float(text), dtype)
    raise ValueError(cell)


def from_value(value: object, dtype: str) -> Any:
    """The value of an element of a JSON list, or of a decimal.

    Raises:
        ValueError: it is of another kind, or out of range.
    """
    if dtype == "string" and isinstance(value, str):
        return value.encode()
    if dtype == "string" or not isinstance(value, int | float | Decimal):
        raise ValueError(value)
    if dtype in dtypes.FLOATS:
        return _in_float_range(float(value), dtype)
    whole = int(value) if math.isfinite(value) else None
    low, high = (0, 1) if dtype == "bool" else limits(dtype)
    if whole is None or whole != value or not low <= whole <= high:
        raise ValueError(value)
    return whole


def _in_float_range(value: float, dtype: str) -> float:
    # Rounded first, as NumPy does for a whole column: a float16 takes 65510, as 65504.
    with np.errstate(over="ignore"):
        if math.isfinite(value) and not np.isfinite(np.dtype(dtype).type(value)):
            raise ValueError(value)
    return value


def fill(array: Array, cells: Mapping[int, object], *, column: str, dtype: str, text: bool) -> Bad:
    """Sets array[i] to the value of cells[i], one by one; returns those that have none."""
    bad: Bad = {}
    for index, cell in cells.items():
        try:
            array[index] = from_text(cell, dtype) if text and isinstance(cell, str) else from_value(cell, dtype)
        except (ValueError, OverflowError):
            bad[index] = reason(column, rule(dtype), cell)
    return bad


def narrow(values: Array, dtype: str) -> tuple[Array, Array]:
    """Numbers of any width as an array of `dtype`, and a mask of those that it cannot hold; these become 0."""
    if dtype in dtypes.FLOATS:
        with np.errstate(over="ignore"):
            narrowed = values.astype(dtype)
        bad = np.isfinite(values) & ~np.isfinite(narrowed)
        narrowed[bad] = 0
        return narrowed, bad
    low, high = (0, 1) if dtype == "bool" else limits(dtype)
    if values.dtype.kind == "f":
        # high + 1 is a power of two, which a float holds exactly; high itself may not be.
        bad = ~((values >= float(low)) & (values < float(high + 1)) & (np.floor(values) == values))
    elif values.dtype.kind == "b":
        bad = np.zeros(values.shape, bool)
    else:
        bad = (values < low) | (values > high)
    return np.where(bad, 0, values).astype(dtype), bad


def reasons(rows: Sequence[int], cells: Sequence[object], *, column: str, dtype: str) -> Bad:
    return {row: reason(column, rule(dtype), cell) for row, cell in zip(rows, cells, strict=True)}
