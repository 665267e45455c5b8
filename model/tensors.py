"""NumPy arrays and TensorFlow's tensor messages, each made from the other.

Numeric tensors travel as `tensor_content`, raw little-endian bytes in row-major order, and are read without a copy;
strings travel as `string_val`. The `*_val` lists, in which TensorFlow Serving answers by default, are read too.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from model import dtypes
from model.arrays import Array, dtype_name, strings
from model.protos import tensor_pb2

#: dtype -> the message's list for it (tensorflow/core/framework/tensor.proto); the small integers share `int_val`.
_VALUE_FIELDS = {
    "float16": "half_val",
    "float32": "float_val",
    "float64": "double_val",
    "int64": "int64_val",
    "bool": "bool_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
}
#: A protobuf message cannot be larger; a shape that claims more is refused before memory is taken for it.
MAX_BYTES = 2**31 - 1


def to_message(array: Array) -> tensor_pb2.Tensor:
    """The message of an array of any rank.

    Raises:
        ValueError: the array's type has no message here, or an object array holds other than strings.
    """
    name = dtype_name(array)
    message = tensor_pb2.Tensor(dtype=dtypes.NUMBERS[name])
    message.tensor_shape.SetInParent()  # a scalar's shape is empty, but known
    for size in array.shape:
        message.tensor_shape.dim.add(size=size)
    if name == "string":
        message.string_val.extend(strings(array))
    else:
        message.tensor_content = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return message


def from_message(message: tensor_pb2.Tensor) -> Array:
    """The array of a message; strings become an object array of bytes. Numeric arrays may be read-only.

    Raises:
        ValueError: the dtype is none that a column can hold, the shape is unknown, or the values do not fill it.
    """
    name = dtypes.dtype_name(message.dtype)
    kind = dtypes.numpy_dtype(name)
    shape = tuple(dim.size for dim in message.tensor_shape.dim)
    if message.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise ValueError(f"expected a tensor of known shape; found {shape or 'an unknown rank'}")
    count = math.prod(shape)
    if count * kind.itemsize > MAX_BYTES:
        raise ValueError(f"expected at most {MAX_BYTES} bytes; found a tensor of shape {shape} and dtype {name}")
    if message.tensor_content:
        return _from_content(message.tensor_content, name, kind=kind, shape=shape)
    return _from_values(message, name, kind=kind, count=count).reshape(shape)


def _from_content(content: bytes, name: str, *, kind: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    if name == "string":
        raise ValueError("expected the strings of a tensor in string_val; found tensor_content")
    if len(content) != math.prod(shape) * kind.itemsize:
        raise ValueError(f"expected {math.prod(shape) * kind.itemsize} bytes for shape {shape}; found {len(content)}")
    array = np.frombuffer(content, kind.newbyteorder("<")).astype(kind, copy=False)
    return array.reshape(shape)


def _from_values(message: tensor_pb2.Tensor, name: str, *, kind: np.dtype[Any], count: int) -> Array:
    """TensorFlow fills a tensor up with the last value given, or with zeros where none is (Tensor::FromProto)."""
    if name == "string":
        return _filled(message.string_val, kind=kind, count=count, empty=b"")
    values = getattr(message, _VALUE_FIELDS.get(name, "int_val"))
    if name == "float16":
        return _filled(values, kind=np.dtype(np.uint16), count=count, empty=0).view(np.float16)
    return _filled(values, kind=kind, count=count, empty=0)


def _filled(values: Sequence[Any], *, kind: np.dtype[Any], count: int, empty: Any) -> Array:
    if len(values) > count:
        raise ValueError(f"expected {count} values; found {len(values)}")
    array = np.empty(count, kind)
    try:
        array[: len(values)] = values
    except OverflowError as error:
        raise ValueError(f"expected values of type {kind.name}; {error}") from None
    array[len(values) :] = values[-1] if len(values) else empty
    return array
