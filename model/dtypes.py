"""TensorFlow's data types: number on the wire (tensorflow/core/framework/types.proto), name, and NumPy type."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

#: DataType number -> TensorFlow's name for it (`tf.float32.name`).
NAMES: dict[int, str] = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    8: "complex64",
    9: "int64",
    10: "bool",
    11: "qint8",
    12: "quint8",
    13: "qint32",
    14: "bfloat16",
    15: "qint16",
    16: "quint16",
    17: "uint16",
    18: "complex128",
    19: "float16",
    20: "resource",
    21: "variant",
    22: "uint32",
    23: "uint64",
    24: "float8_e5m2",
    25: "float8_e4m3fn",
    26: "float8_e4m3fnuz",
    27: "float8_e4m3b11fnuz",
    28: "float8_e5m2fnuz",
    29: "int4",
    30: "uint4",
    31: "int2",
    32: "uint2",
}
NUMBERS: dict[str, int] = {name: number for number, name in NAMES.items()}

#: DataType number -> the enum's name in SignatureDefs (`DT_FLOAT`), where it is not `DT_` and the name in capitals.
_ENUM_SPECIAL = {"float32": "DT_FLOAT", "float64": "DT_DOUBLE", "float16": "DT_HALF"}

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("float16", "float32", "float64")
#: What a column of a CSV or Parquet file can hold.
COLUMN_DTYPES = (*INTEGERS, *FLOATS, "bool", "string")


def enum_name(dtype: str) -> str:
    """`DT_FLOAT` for `float32`, as TensorFlow Serving's metadata spells it; `DT_INVALID` for a name unknown here."""
    return _ENUM_SPECIAL.get(dtype, f"DT_{dtype.upper()}" if dtype in NUMBERS else "DT_INVALID")


def dtype_name(number: int) -> str:
    """TensorFlow's name for a DataType number; `float32_ref` for a reference to a TF1 variable (number + 100),
    `invalid` for 0 and `dtype_<number>` for one unknown here."""
    if number > 100:
        return f"{dtype_name(number - 100)}_ref"
    return NAMES.get(number, f"dtype_{number}" if number else "invalid")


def numpy_dtype(dtype: str) -> "np.dtype[Any]":
    """The NumPy type of a dtype in COLUMN_DTYPES; strings are object arrays of bytes.

    Raises:
        ValueError: NumPy has no such type (bfloat16, resource and the like).
    """
    import numpy as np  # a third of the time of reading a SavedModel, and needed by those only who hold tensors

    if dtype == "string":
        return np.dtype(object)
    if dtype not in COLUMN_DTYPES:
        raise ValueError(f"no NumPy type for a tensor of dtype {dtype}")
    return np.dtype(dtype)
