"""A SavedModel's signature: the names, dtypes and shapes that its callers rely on."""

from dataclasses import dataclass

from model import json_codec

#: Dimensions; -1 where a dimension is unknown. None where the rank is unknown.
Shape = tuple[int, ...] | None


@dataclass(frozen=True)
class TensorSpec:
    """One named input or output. `dtype` is TensorFlow's name, such as `float32` or `string`. `tensor_name` is the
    graph's own name (`bounces:0`), empty for a sparse or composite tensor."""

    name: str
    dtype: str
    shape: Shape
    tensor_name: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} {format_shape(self.shape)}"


@dataclass(frozen=True)
class Signature:
    """A SignatureDef; inputs and outputs are sorted by name."""

    name: str
    method_name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def input(self, name: str) -> TensorSpec | None:
        return next((spec for spec in self.inputs if spec.name == name), None)

    def output(self, name: str) -> TensorSpec | None:
        return next((spec for spec in self.outputs if spec.name == name), None)

    def to_json(self) -> str:
        return json_codec.to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Signature":
        return json_codec.from_json(cls, text)


def format_shape(shape: Shape) -> str:
    """`(-1, 2)`, as saved_model_cli prints it; `unknown_rank` for None."""
    if shape is None:
        return "unknown_rank"
    return f"({', '.join(map(str, shape))})"


def breaking_changes(live: Signature, new: Signature) -> list[str]:
    """What callers of `live` would stumble over in `new`, one sentence each; empty if nothing.

    A caller sends every input of `live` and reads any of its outputs. So an input may not appear, vanish, or change
    dtype or shape to something that refuses what was accepted; an output may not vanish or change.
    """
    changes = [f"input {spec} is gone" for spec in live.inputs if new.input(spec.name) is None]
    changes += [f"input {spec} is new: callers do not send it" for spec in new.inputs if live.input(spec.name) is None]
    changes += [f"output {spec} is gone" for spec in live.outputs if new.output(spec.name) is None]
    for old in live.inputs:
        spec = new.input(old.name)
        if spec and (spec.dtype != old.dtype or not _accepts(spec.shape, old.shape)):
            changes.append(f"input {old} became {spec.dtype} {format_shape(spec.shape)}")
    for old in live.outputs:
        spec = new.output(old.name)
        if spec and (spec.dtype != old.dtype or not _accepts(old.shape, spec.shape)):
            changes.append(f"output {old} became {spec.dtype} {format_shape(spec.shape)}")
    return changes


def _accepts(general: Shape, special: Shape) -> bool:
    """Whether every tensor of shape `special` also has shape `general`."""
    if general is None:
        return True
    if special is None or len(special) != len(general):
        return False
    return all(wide in (-1, narrow) for wide, narrow in zip(general, special, strict=True))
