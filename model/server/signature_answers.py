"""Signatures as the server tells them, in messages and in JSON."""

from typing import Any

from model import dtypes
from model.protos import serving_pb2
from model.serving_metadata import fill_tensor_info
from model.signature import Signature, TensorSpec


def message_of(signature: Signature) -> serving_pb2.SignatureDef:
    message = serving_pb2.SignatureDef(method_name=signature.method_name)
    for specs, tensors in ((signature.inputs, message.inputs), (signature.outputs, message.outputs)):
        for spec in specs:
            fill_tensor_info(tensors[spec.name], _info_json(spec))
    return message


def signature_json(signature: Signature) -> dict[str, Any]:
    """The signature_def in JSON."""
    return {
        "inputs": {spec.name: _info_json(spec) for spec in signature.inputs},
        "outputs": {spec.name: _info_json(spec) for spec in signature.outputs},
        "method_name": signature.method_name,
        "defaults": {},
    }


def _info_json(spec: TensorSpec) -> dict[str, Any]:
    dims = [{"size": str(size), "name": ""} for size in spec.shape or ()]
    shape = {"dim": dims, "unknown_rank": spec.shape is None}
    return {"dtype": dtypes.enum_name(spec.dtype), "tensor_shape": shape, "name": spec.tensor_name}
