"""Tensors as NumPy arrays: numbers and booleans as they are, strings as object arrays of bytes."""

from typing import Any

import numpy as np

from model import dtypes

Array = np.ndarray[Any, Any]


def dtype_name(array: Array) -> str:
    """TensorFlow's name for the array's type; arrays of objects, bytes and text are `string`.

    Raises:
        ValueError: TensorFlow has no such type in a signature that a row can feed.
    """
    name = "string" if array.dtype.kind in "OSU" else array.dtype.name
    if name not in dtypes.COLUMN_DTYPES:
        raise ValueError(f"expected an array of one of {', '.join(dtypes.COLUMN_DTYPES)}; found {name}")
    return name


def strings(array: Array) -> list[bytes]:
    """The values of a string array in row-major order; text becomes UTF-8."""
    values = array.ravel().tolist()
    if all(type(value) is bytes for value in values):
        return values
    try:
        return [value if isinstance(value, bytes) else value.encode() for value in values]
    except AttributeError:
        found = next(type(value).__name__ for value in values if not isinstance(value, bytes | str))
        raise ValueError(f"expected strings; found a value of type {found}") from None
