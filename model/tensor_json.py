"""TensorFlow Serving's JSON for tensors: nested lists, and requests and answers in column format.

    {"inputs": {"bounces": [0, …], "time_on_site": [7363, …]}}     answered by {"outputs": …}

With one output its name is left out. Strings are JSON strings, or {"b64": "…"} for any bytes. NaN, Infinity and
-Infinity stand bare, which is not JSON, but what TensorFlow Serving reads and writes. A tensor's shape is that of its
lists: whether it fits the signature is not asked.
"""

import base64
import binascii
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from model import dtypes
from model.arrays import Array, strings
from model.errors import InvalidValue
from model.signature import TensorSpec

Specs = Sequence[TensorSpec]

_INTEGER: set[type] = {int}
_NUMBER: set[type] = {int, float}
_BOOL: set[type] = {bool}
_STRING: set[type] = {str, dict}
_JSON_NAMES = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    str: "a string",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def array_from_json(value: Any, dtype: str, *, where: str = "tensor") -> Array:
    """The array of nested lists, or of a bare value. Nothing is converted silently: integers must be JSON integers in
    range, booleans true or false, and null is never a value.

    Raises:
        InvalidValue: a value is of another type or out of range, or the lists are ragged. It names `where`.
    """
    try:
        kind = dtypes.numpy_dtype(dtype)
    except ValueError as error:
        raise InvalidValue(expected="a dtype that JSON can hold", found=str(error), where=where) from None
    flat, shape = _flatten(value, where=where)
    allowed = _allowed(dtype)
    unfit = set(map(type, flat)) - allowed
    if unfit:
        culprit = next(item for item in flat if type(item) in unfit)
        raise InvalidValue(expected=f"values of type {dtype}", found=describe(culprit), where=where)
    if dtype == "string":
        return _objects([_bytes(item, where=where) for item in flat]).reshape(shape)
    return _numbers(flat, kind, where=where).reshape(shape)


def _flatten(value: Any, *, where: str) -> tuple[list[Any], tuple[int, ...]]:
    """All values in row-major order, and the lists' shape."""
    flat, shape = [value], []
    while flat and type(flat[0]) is list:
        if set(map(type, flat)) != {list}:
            raise _ragged("lists beside values", where=where)
        lengths = set(map(len, flat))
        if len(lengths) != 1:
            raise _ragged(f"lists of {min(lengths)} and of {max(lengths)} values", where=where)
        shape.append(lengths.pop())
        flat = list(itertools.chain.from_iterable(flat))
    if list in set(map(type, flat)):
        raise _ragged("values beside lists", where=where)
    return flat, tuple(shape)


def _ragged(found: str, *, where: str) -> InvalidValue:
    return InvalidValue(expected="lists of equal length at each level", found=found, where=where)


def _allowed(dtype: str) -> set[type]:
    if dtype == "string":
        return _STRING
    if dtype == "bool":
        return _BOOL
    return _INTEGER if dtype in dtypes.INTEGERS else _NUMBER


def _numbers(flat: list[Any], kind: np.dtype[Any], *, where: str) -> Array:
    try:
        with np.errstate(over="raise"):
            return np.array(flat, kind)
    except (OverflowError, FloatingPointError):
        found = "a value out of its range"
        raise InvalidValue(expected=f"values of type {kind.name}", found=found, where=where) from None


def _objects(values: list[Any]) -> Array:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _bytes(item: Any, *, where: str) -> bytes:
    try:
        if isinstance(item, str):
            return item.encode()
        if set(item) == {"b64"}:
            return base64.b64decode(item["b64"], validate=True)
        found = describe(item)
    except (binascii.Error, ValueError, TypeError) as error:
        found = f"{describe(item)} ({error})"
    raise InvalidValue(expected='a string, or {"b64": "…"} in base64', found=found, where=where)


def describe(item: Any) -> str:
    """A JSON value for an error message: its kind and its beginning."""
    text = repr(item)
    return f"{_JSON_NAMES.get(type(item), type(item).__name__)}, {text if len(text) <= 60 else text[:57] + '…'}"


def array_to_json(array: Array, *, as_b64: bool = False) -> Any:
    """Nested lists of Python values. Strings that are no UTF-8 become {"b64": …}; with `as_b64` all do."""
    if array.dtype.kind in "OSU":
        return _objects([_string(value, as_b64=as_b64) for value in strings(array)]).reshape(array.shape).tolist()
    if array.dtype.kind == "f" and array.dtype.itemsize < 8:
        # The shortest decimals that read back as the same float32: 0.775, not 0.7749999761581421.
        return array.astype(str).astype(np.float64).tolist()
    return array.tolist()


def _string(value: bytes, *, as_b64: bool) -> Any:
    if not as_b64:
        try:
            return value.decode()
        except UnicodeDecodeError:
            pass
    return {"b64": base64.b64encode(value).decode("ascii")}


def request_in_columns(inputs: Mapping[str, Array], *, signature_name: str) -> dict[str, Any]:
    """The body of a predict request in column format."""
    columns = {name: array_to_json(array) for name, array in inputs.items()}
    return {"signature_name": signature_name, "inputs": columns}


def outputs_from_response(body: Any, outputs: Specs) -> dict[str, Array]:
    """The output arrays of an answer in column format.

    Raises:
        InvalidValue: the body does not hold these outputs.
    """
    if not isinstance(body, dict) or "outputs" not in body:
        raise InvalidValue(expected='an object with the key "outputs"', found=describe(body), where="response body")
    columns = {outputs[0].name: body["outputs"]} if len(outputs) == 1 else body["outputs"]
    missing = [spec.name for spec in outputs if not isinstance(columns, dict) or spec.name not in columns]
    if missing:
        raise InvalidValue(expected=f"outputs {missing}", found=describe(columns), where="response body")
    return {spec.name: array_from_json(columns[spec.name], spec.dtype, where=f"output {spec.name}") for spec in outputs}
