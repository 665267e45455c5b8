"""JSON for frozen dataclasses: the one codec by which contracts travel between steps and rest in storage."""

import dataclasses
import json
import types
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def to_json(value: Any, *, indent: int | None = None) -> str:
    """Encodes a dataclass, deterministically. NaN and infinities are written bare, as Python reads them."""
    return json.dumps(dataclasses.asdict(value), indent=indent, sort_keys=False, ensure_ascii=False)


def from_json(kind: type[T], text: str | bytes) -> T:
    """Decodes what `to_json` wrote.

    Raises:
        ValueError: the text is not JSON, or lacks a field of `kind`.
    """
    decoded: T = decode(kind, json.loads(text))
    return decoded


def decode(kind: Any, value: Any) -> Any:
    """Makes an instance of the annotation `kind` from plain JSON values; fields unknown to `kind` are ignored, so an
    older reader can read what a newer writer wrote."""
    origin = get_origin(kind)
    if origin in (types.UnionType, Union):
        return _decode_optional(kind, value)
    if origin is tuple:
        return tuple(decode(get_args(kind)[0], item) for item in value)
    if origin in (dict, Mapping) or kind is Mapping:
        return {key: decode(get_args(kind)[1], item) for key, item in value.items()}
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, value)
    return float(value) if kind is float else value


def _decode_optional(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    return decode(next(arm for arm in get_args(kind) if arm is not type(None)), value)


def _decode_dataclass(kind: Any, value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"expected an object for {kind.__name__}, found {type(value).__name__}")
    hints = get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind) if field.name in value]
    known = {name: decode(hints[name], value[name]) for name in names}
    try:
        return kind(**known)
    except TypeError as error:
        raise ValueError(f"{kind.__name__}: {error}") from error
