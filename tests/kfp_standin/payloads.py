"""JSON in and out, by the models of kfp_server_api."""

import json
from typing import Any

import kfp_server_api

from tests.kfp_standin.answers import invalid

_CODEC = kfp_server_api.ApiClient()


class _Answer:
    def __init__(self, data: bytes) -> None:
        self.data = data


def parsed(body: bytes, model: str) -> Any:
    """The body as a model of that name.

    Raises:
        Refusal: it is no JSON, holds a field that the model lacks, or a value that does not fit.
    """
    doing = "Failed to read the request"
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise invalid(f"no JSON: {error}", doing=doing) from error
    if not isinstance(fields, dict):
        raise invalid("no JSON object", doing=doing)
    known = set(getattr(kfp_server_api, model).attribute_map.values())
    if unknown := fields.keys() - known:
        raise invalid(f"unknown field {min(unknown)!r} of {model}", doing=doing)
    try:
        return _CODEC.deserialize(_Answer(body), model)
    except (ValueError, TypeError, AttributeError, kfp_server_api.ApiException) as error:
        raise invalid(f"does not fit {model}: {error}", doing=doing) from error


def plain(value: Any) -> Any:
    """As JSON values; of models, what is not set is left out, and so are falsehoods, as protobuf has it."""
    made = _CODEC.sanitize_for_serialization(value)
    if isinstance(value, dict):
        return made
    return {key: each for key, each in made.items() if each is not False}
