"""TensorFlow Serving's JSON for tensors: nested lists, and the two formats of a predict request.

    row format      {"instances": [{"bounces": 0, "time_on_site": 7363}, …]}       answered by {"predictions": […]}
    column format   {"inputs": {"bounces": [0, …], "time_on_site": [7363, …]}}     answered by {"outputs": …}

With one input or one output its name may be, or is, left out. Strings are JSON strings, or {"b64": "…"} for any bytes.
NaN, Infinity and -Infinity stand bare, which is not JSON, but what TensorFlow Serving reads and writes. A tensor's
shape is that of its lists: whether it fits the signature is not asked.
"""

import base64
import binascii
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from model import dtypes
from model.errors import InvalidValue
from model.signature import TensorSpec
from model.tensors import Array, strings

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
        raise InvalidValue(expected=f"values of type {dtype}", found=_describe(culprit), where=where)
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
        found = _describe(item)
    except (binascii.Error, ValueError, TypeError) as error:
        found = f"{_describe(item)} ({error})"
    raise InvalidValue(expected='a string, or {"b64": "…"} in base64', found=found, where=where)


def _describe(item: Any) -> str:
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


def inputs_from_request(body: Any, inputs: Specs) -> tuple[dict[str, Array], bool]:
    """The input arrays by name, and whether the request is in row format.

    Raises:
        InvalidValue: the body is not a predict request for these inputs.
    """
    if not isinstance(body, dict):
        raise InvalidValue(expected="a JSON object", found=_describe(body), where="request body")
    formats = [key for key in ("instances", "inputs") if key in body]
    if len(formats) != 1:
        found = " and ".join(formats) or f"the keys {sorted(body)}"
        raise InvalidValue(expected="either instances or inputs", found=found, where="request body")
    rows = formats[0] == "instances"
    columns = _columns_of_rows(body["instances"], inputs) if rows else _columns(body["inputs"], inputs)
    where = "instances, input" if rows else "inputs, input"
    arrays = {
        spec.name: array_from_json(columns[spec.name], spec.dtype, where=f"{where} {spec.name}") for spec in inputs
    }
    return arrays, rows


def _columns(value: Any, inputs: Specs) -> Mapping[str, Any]:
    if len(inputs) == 1 and not (isinstance(value, dict) and inputs[0].name in value):
        return {inputs[0].name: value}
    _check_names(value, inputs, where="inputs")
    return dict(value)


def _columns_of_rows(rows: Any, inputs: Specs) -> Mapping[str, Any]:
    if not isinstance(rows, list) or not rows:
        raise InvalidValue(expected="a list of at least one row", found=_describe(rows), where="instances")
    if len(inputs) == 1 and not (isinstance(rows[0], dict) and inputs[0].name in rows[0]):
        return {inputs[0].name: rows}
    names = {spec.name for spec in inputs}
    for index, row in enumerate(rows):
        if not isinstance(row, dict) or row.keys() != names:
            _check_names(row, inputs, where=f"instances, row {index}")
    return {name: [row[name] for row in rows] for name in names}


def _check_names(value: Any, inputs: Specs, *, where: str) -> None:
    names = sorted(spec.name for spec in inputs)
    found = f"an object with the keys {sorted(value)}" if isinstance(value, dict) else _describe(value)
    if not isinstance(value, dict) or sorted(value) != names:
        raise InvalidValue(expected=f"an object with the inputs {names}", found=found, where=where)


def request_in_columns(inputs: Mapping[str, Array], *, signature_name: str) -> dict[str, Any]:
    """The body of a predict request in column format."""
    columns = {name: array_to_json(array) for name, array in inputs.items()}
    return {"signature_name": signature_name, "inputs": columns}


def response(outputs: Mapping[str, Array], *, rows: bool) -> dict[str, Any]:
    """The body of the answer in the request's format. Outputs whose name ends in `_bytes` come as base64.

    Raises:
        InvalidValue: row format was asked for, and the outputs do not have one row per instance in common.
    """
    if rows:
        _check_rows(outputs)
    columns = {name: array_to_json(array, as_b64=name.endswith("_bytes")) for name, array in outputs.items()}
    bare = next(iter(columns.values())) if len(columns) == 1 else None
    if not rows:
        return {"outputs": columns if bare is None else bare}
    if bare is not None:
        return {"predictions": bare}
    # json.dumps of one zip of columns is several times faster than picking every value by name and index.
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]}


def _check_rows(outputs: Mapping[str, Array]) -> None:
    sizes = {name: array.shape[0] if array.ndim else None for name, array in outputs.items()}
    if None in sizes.values() or len(set(sizes.values())) > 1:
        raise InvalidValue(
            expected="outputs with as many rows as each other",
            found=", ".join(f"{name}: {'a scalar' if size is None else size}" for name, size in sizes.items()),
            where="row format",
            do='Use column format: {"inputs": …}.',
        )


def outputs_from_response(body: Any, outputs: Specs) -> dict[str, Array]:
    """The output arrays of an answer in column format.

    Raises:
        InvalidValue: the body does not hold these outputs.
    """
    if not isinstance(body, dict) or "outputs" not in body:
        raise InvalidValue(expected='an object with the key "outputs"', found=_describe(body), where="response body")
    columns = {outputs[0].name: body["outputs"]} if len(outputs) == 1 else body["outputs"]
    missing = [spec.name for spec in outputs if not isinstance(columns, dict) or spec.name not in columns]
    if missing:
        raise InvalidValue(expected=f"outputs {missing}", found=_describe(columns), where="response body")
    return {spec.name: array_from_json(columns[spec.name], spec.dtype, where=f"output {spec.name}") for spec in outputs}
