"""The messages that are written by hand here must be TensorFlow's on the wire."""

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from tensorflow.core.framework import tensor_pb2 as tensorflow_tensor
from tensorflow.core.protobuf import saved_model_pb2 as tensorflow_saved_model
from tensorflow.core.protobuf import tensor_bundle_pb2 as tensorflow_bundle

from model.protos import checkpoint_pb2, saved_model_pb2, tensor_pb2

#: Enums travel as int32.
_VARINT = {FieldDescriptor.TYPE_INT32: "int", FieldDescriptor.TYPE_ENUM: "int"}


def differences(ours: Descriptor, theirs: Descriptor, *, seen: set[str]) -> list[str]:
    """Fields of ours whose number, name, type or label is not that of theirs, in all messages below."""
    if ours.full_name in seen:
        return []
    seen.add(ours.full_name)
    found = []
    for field in ours.fields:
        other = theirs.fields_by_number.get(field.number)
        if other is None or shape_of(other) != shape_of(field):
            found.append(f"{ours.full_name}.{field.name} = {field.number}")
        elif field.message_type and other.message_type:
            found += differences(field.message_type, other.message_type, seen=seen)
    return found


def shape_of(field: FieldDescriptor) -> tuple[str, object, bool]:
    return field.name, _VARINT.get(field.type, field.type), field.is_repeated


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (saved_model_pb2.SavedModel, tensorflow_saved_model.SavedModel),
        (checkpoint_pb2.BundleHeader, tensorflow_bundle.BundleHeaderProto),
        (checkpoint_pb2.BundleEntry, tensorflow_bundle.BundleEntryProto),
        (tensor_pb2.Tensor, tensorflow_tensor.TensorProto),
    ],
)
def test_fields_are_numbered_and_typed_as_tensorflows(ours: type, theirs: type) -> None:
    assert differences(ours.DESCRIPTOR, theirs.DESCRIPTOR, seen=set()) == []  # type: ignore[attr-defined]


def test_a_wrong_number_would_be_seen() -> None:
    found = differences(saved_model_pb2.Node.DESCRIPTOR, tensorflow_saved_model.SavedModel.DESCRIPTOR, seen=set())

    assert "savedmodel_release.saved_model.Node.name = 1" in found
