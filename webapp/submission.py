"""What a visitor sends: the form, or the same fields as JSON."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from model.errors import InvalidValue
from webapp.failures import BadField, BodyTimedOut, BodyTooLarge, UnsupportedBody, shorten
from webapp.fields import CHECK_FIELD, RESERVED, SIGNATURE_FIELD
from webapp.model_urls import HOST_FIELD

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
DEFAULT_SIGNATURE = "serving_default"

_BODY_TIMEOUT_S = 10.0
_MAX_FIELDS = 1000


@dataclass(frozen=True)
class Submission:
    """model_url: as it was typed. call: whether the model is to be called. values: the other fields, by name."""

    model_url: str
    signature_name: str
    call: bool
    values: Mapping[str, Any]

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any], *, default_url: str) -> "Submission":
        """
        Raises:
            BadField: one of our own fields has no such value.
        """
        return cls(
            _text(fields, HOST_FIELD) or default_url,
            _text(fields, SIGNATURE_FIELD) or DEFAULT_SIGNATURE,
            _yes_or_no(fields.get(CHECK_FIELD, "yes")),
            {name: value for name, value in fields.items() if name not in RESERVED},
        )


async def read_fields(request: Request, *, max_bytes: int) -> dict[str, Any]:
    """The fields of a form or of a JSON object.

    Raises:
        InvalidValue: the body is neither, damaged, too long, or does not arrive.
    """
    kind = request.headers.get("content-type", FORM).partition(";")[0].strip().lower()
    if kind not in (FORM, JSON):
        raise UnsupportedBody(expected=f"Content-Type {FORM} or {JSON}", found=repr(shorten(kind)), where="request")
    body = await _read(request, max_bytes=max_bytes)
    try:
        text = body.decode()
        return _json_fields(text) if kind == JSON else unique_fields(_pairs(text))
    except (ValueError, RecursionError) as error:
        expected = "a JSON object" if kind == JSON else "fields NAME=VALUE joined by &, in UTF-8"
        raise InvalidValue(expected=expected, found=shorten(str(error)), where="request body") from error


def unique_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """
    Raises:
        BadField: a field is given twice; which one counted would be a guess.
    """
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise BadField(field=name, expected="one value", found="several")
        fields[name] = value
    return fields


async def _read(request: Request, *, max_bytes: int) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise BodyTooLarge(expected=f"at most {max_bytes} bytes", found="more", where="request body")
    except TimeoutError as error:
        expected = f"the whole body within {_BODY_TIMEOUT_S:g} s"
        raise BodyTimedOut(expected=expected, found=f"{len(body)} bytes", where="request body") from error
    return bytes(body)


def _pairs(text: str) -> list[tuple[str, str]]:
    if not text:
        return []
    return parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_MAX_FIELDS)


def _json_fields(text: str) -> dict[str, Any]:
    fields = json.loads(text, object_pairs_hook=unique_fields)
    if not isinstance(fields, dict):
        raise ValueError(f"a JSON {type(fields).__name__}")
    return fields


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise BadField(field=name, expected="text", found=shorten(repr(value)))
    return value.strip()


def _yes_or_no(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("yes", "no"):
        return value.strip().lower() == "yes"
    raise BadField(field=CHECK_FIELD, expected="yes or no", found=shorten(repr(value)))
