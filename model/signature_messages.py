"""Signatures out of SignatureDef messages: this project's own, or TensorFlow's, whose fields are the same."""

from typing import Any

from model import dtypes
from model.signature import Shape, Signature, TensorSpec

#: Signatures of this kind are TensorFlow's own: the op that initialises the model.
INTERNAL_PREFIX = "__saved_model_"


def signature_of(name: str, message: Any) -> Signature:
    """The signature of a SignatureDef; names sorted, as the order in a protobuf map varies."""
    return Signature(
        name=name,
        method_name=message.method_name,
        inputs=tuple(_spec(key, message.inputs[key]) for key in sorted(message.inputs)),
        outputs=tuple(_spec(key, message.outputs[key]) for key in sorted(message.outputs)),
    )


def _spec(name: str, info: Any) -> TensorSpec:
    # A shape that is not told at all is an unknown rank, too: an empty one would be a scalar's.
    known = info.HasField("tensor_shape") and not info.tensor_shape.unknown_rank
    shape: Shape = tuple(max(dim.size, -1) for dim in info.tensor_shape.dim) if known else None
    return TensorSpec(name, dtypes.dtype_name(info.dtype), shape, info.name)
