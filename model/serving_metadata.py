"""Signatures as TensorFlow Serving tells them, in messages and in JSON."""

from collections.abc import Mapping
from typing import Any

from model import dtypes
from model.protos import serving_pb2
from model.signature import Signature
from model.signature_messages import signature_of

_NUMBERS_BY_ENUM = {dtypes.enum_name(name): number for number, name in dtypes.NAMES.items()}


def signature_from_json(name: str, value: Mapping[str, Any]) -> Signature:
    """The signature of a signature_def in JSON, where dtypes are enum names and sizes are strings.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    message = serving_pb2.SignatureDef(method_name=value.get("method_name", ""))
    for kind in ("inputs", "outputs"):
        tensors = getattr(message, kind)
        for key, info in value.get(kind, {}).items():
            fill_tensor_info(tensors[key], info)
    return signature_of(name, message)


def fill_tensor_info(message: serving_pb2.TensorInfo, info: Mapping[str, Any]) -> None:
    """Sets the message to what the JSON of a tensor says."""
    message.name = info.get("name", "")
    message.dtype = _NUMBERS_BY_ENUM.get(info["dtype"], 0)
    shape = info.get("tensor_shape")
    if shape is not None:
        message.tensor_shape.SetInParent()
        message.tensor_shape.unknown_rank = bool(shape.get("unknown_rank", False))
        for dim in shape.get("dim", []):
            message.tensor_shape.dim.add(size=int(dim["size"]))
