"""From what a visitor typed to a row of a predict request, typed by the served signature."""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from model.dtypes import FLOATS, INTEGERS
from model.signature import Shape, Signature, TensorSpec
from webapp.failures import BadField, shorten
from webapp.model_urls import HOST_FIELD

CHECK_FIELD = "mlinference_check"
SIGNATURE_FIELD = "signature_name"
RESERVED = (HOST_FIELD, CHECK_FIELD, SIGNATURE_FIELD)
#: Stands before the name of an input that is spelled like one of our own fields.
PREFIX = "input."

#: What still rounds to a finite number (half a unit in the last place above the largest).
_LARGEST = {"float16": 65519.99, "float32": 3.4028235677973362e38, "bfloat16": 3.395e38}
#: It does not hold every whole number from here on.
_WHOLE_BELOW = {"float32": 2**24}
_FLOATS = (*FLOATS, "bfloat16")
_BOOLS = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
_WHOLE = re.compile(r"[+-]?\d{1,30}", re.ASCII)
_SHORT_WHOLE = re.compile(r"[+-]?\d{1,15}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf(?:inity)?)", re.ASCII | re.IGNORECASE)

Dims = tuple[int, ...] | None


def field_name(spec: TensorSpec) -> str:
    """The form field of an input: its own name, unless we use that ourselves."""
    return f"{PREFIX}{spec.name}" if spec.name in RESERVED else spec.name


def row_dims(shape: Shape) -> Dims:
    """The dimensions of one row: the signature's without the first, which counts the rows. None for an unknown rank."""
    return None if shape is None else shape[1:]


def instance(signature: Signature, values: Mapping[str, Any]) -> dict[str, Any]:
    """One row in TensorFlow Serving's row format: a scalar where the signature says (-1), a list where it has more
    dimensions. A list of one is passed on for a scalar, as callers of TensorFlow Serving write it.

    values: by field name, texts of a form or values of a JSON body.

    Raises:
        BadField: a value is missing, of the wrong type, or belongs to no input.
    """
    specs = {field_name(spec): spec for spec in signature.inputs}
    for name in values:
        if name not in specs:
            raise BadField(
                field=name,
                expected=f"one of the inputs ({', '.join(specs)}) or {', '.join(RESERVED)}",
                found="another field",
            )
    for name, spec in specs.items():
        if name not in values:
            raise BadField(field=name, expected=_rule(spec), found="no such field")
    return {spec.name: typed(spec, values[name]) for name, spec in specs.items()}


def typed(spec: TensorSpec, value: Any) -> Any:
    """
    Raises:
        BadField: `value` does not fit the input's dtype and shape.
    """
    dims = row_dims(spec.shape)
    if isinstance(value, str) and _reads_as_list(spec, value, dims=dims):
        value = _list(spec, value)
    if dims == () and isinstance(value, list) and len(value) == 1:
        return [_scalar(spec, value[0])]
    return _nested(spec, value, dims=dims)


def _reads_as_list(spec: TensorSpec, text: str, *, dims: Dims) -> bool:
    if dims:
        return True
    # A string may well begin with a bracket; a number cannot.
    return text.lstrip().startswith("[") and spec.dtype != "string"


def _list(spec: TensorSpec, text: str) -> Any:
    """A JSON list; its outermost brackets may be left out."""
    stripped = text.strip()
    try:
        value = json.loads(stripped if stripped.startswith("[") else f"[{stripped}]")
    except (ValueError, RecursionError) as error:
        raise _bad(spec, text) from error
    return value


def _nested(spec: TensorSpec, value: Any, *, dims: Dims) -> Any:
    if dims is None:
        return [_nested(spec, each, dims=None) for each in value] if isinstance(value, list) else _scalar(spec, value)
    if not dims:
        return _scalar(spec, value)
    if not isinstance(value, list) or (dims[0] >= 0 and len(value) != dims[0]):
        raise _bad(spec, value)
    return [_nested(spec, each, dims=dims[1:]) for each in value]


def _scalar(spec: TensorSpec, value: Any) -> Any:
    if spec.dtype == "string":
        scalar = value if isinstance(value, str) or _is_base64(value) else None
    elif spec.dtype == "bool":
        scalar = _BOOLS.get(value.strip().lower()) if isinstance(value, str) else value
        scalar = scalar if isinstance(scalar, bool) else None
    elif spec.dtype in INTEGERS:
        scalar = _whole(value, dtype=spec.dtype)
    else:
        scalar = _number(value, dtype=spec.dtype) if spec.dtype in _FLOATS else None
    if scalar is None:
        raise _bad(spec, value)
    return scalar


def _is_base64(value: Any) -> bool:
    if not isinstance(value, dict) or list(value) != ["b64"] or not isinstance(value["b64"], str):
        return False
    try:
        base64.b64decode(value["b64"], validate=True)
    except ValueError:
        return False
    return True


def _whole(value: Any, *, dtype: str) -> int | None:
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        value = int(value)
    low, high = _range(dtype)
    return value if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else None


def _number(value: Any, *, dtype: str) -> float | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        overflowed = re.search(r"\d", value) and abs(float(value)) == float("inf")
        # A whole number stays one: a reader finds the 7363 that was typed in the request.
        value = None if overflowed else int(value) if _SHORT_WHOLE.fullmatch(value.strip()) else float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    finite = value == value and abs(value) != float("inf")
    if finite and abs(value) > _LARGEST.get(dtype, 1.7976931348623157e308):
        return None
    # TensorFlow Serving takes larger ones only where a point says that digits may be lost.
    return float(value) if isinstance(value, int) and abs(value) >= _WHOLE_BELOW.get(dtype, 2**53) else value


def _range(dtype: str) -> tuple[int, int]:
    bits = int(dtype[dtype.index("t") + 1 :])
    return (0, 2**bits - 1) if dtype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def scalar_rule(dtype: str) -> str:
    """What one value of the dtype may be, in words."""
    if dtype in INTEGERS:
        low, high = _range(dtype)
        return f"a whole number from {low} to {high}"
    if dtype in _FLOATS:
        return f"a number that {dtype} can hold, such as 0.5"
    known = {"string": "text", "bool": "true or false"}
    return known.get(dtype, f"a value that JSON can carry (a {dtype} cannot be sent from a form)")


def _rule(spec: TensorSpec) -> str:
    scalar, dims = scalar_rule(spec.dtype), row_dims(spec.shape)
    if dims is None:
        return f"{scalar}, or a JSON list of such"
    if not dims:
        return scalar
    sizes = " of ".join(f"{'any number' if size < 0 else size}" for size in dims)
    return f"a JSON list with {sizes} items, each {scalar}"


def _bad(spec: TensorSpec, value: Any) -> BadField:
    return BadField(field=field_name(spec), expected=_rule(spec), found=shorten(repr(value)))
