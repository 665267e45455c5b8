"""Signatures as TensorFlow Serving tells them, in messages and in JSON."""

from collections.abc import Mapping
from typing import Any

from model import dtypes
from model.protos import serving_pb2
from model.signature import Shape, Signature, TensorSpec

#: Signatures of this kind are TensorFlow's own: the op that initialises the model.
INTERNAL_PREFIX = "__saved_model_"
_NUMBERS_BY_ENUM = {dtypes.enum_name(name): number for number, name in dtypes.NAMES.items()}


def signature_of(name: str, message: serving_pb2.SignatureDef) -> Signature:
    """The signature of a SignatureDef; names sorted, as the order in a protobuf map varies."""
    return Signature(
        name=name,
        method_name=message.method_name,
        inputs=tuple(_spec(key, message.inputs[key]) for key in sorted(message.inputs)),
        outputs=tuple(_spec(key, message.outputs[key]) for key in sorted(message.outputs)),
    )


def _spec(name: str, info: serving_pb2.TensorInfo) -> TensorSpec:
    # A shape that is not told at all is an unknown rank, too: an empty one would be a scalar's.
    known = info.HasField("tensor_shape") and not info.tensor_shape.unknown_rank
    shape: Shape = tuple(max(dim.size, -1) for dim in info.tensor_shape.dim) if known else None
    return TensorSpec(name, dtypes.dtype_name(info.dtype), shape, info.name)


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
