"""The form as a reader sees it: one field per input, with hints made from its dtype and shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model.dtypes import FLOATS, INTEGERS
from model.signature import Signature, TensorSpec, format_shape
from webapp.fields import field_name, row_dims, scalar_rule


@dataclass(frozen=True)
class FormField:
    """name: of the form's field; label: of the input. control: `text`, `list` or `bool`."""

    name: str
    label: str
    kind: str
    hint: str
    control: str
    placeholder: str
    value: str
    inputmode: str


@dataclass(frozen=True)
class FormView:
    """model_url: as it was typed. trouble: why there are no fields, empty if there are. invalid: the field that an
    error names."""

    model_url: str
    signature_name: str
    call: bool = True
    signature_names: tuple[str, ...] = ()
    fields: tuple[FormField, ...] = ()
    trouble: str = ""
    invalid: str = ""


def form_fields(signature: Signature, values: Mapping[str, Any]) -> tuple[FormField, ...]:
    """values: what the visitor typed already, by field name."""
    return tuple(_field(spec, values.get(field_name(spec))) for spec in signature.inputs)


def _field(spec: TensorSpec, value: Any) -> FormField:
    dims = row_dims(spec.shape)
    control = "list" if dims is None or dims else "bool" if spec.dtype == "bool" else "text"
    return FormField(
        name=field_name(spec),
        label=spec.name,
        kind=f"{spec.dtype} {format_shape(spec.shape)}",
        hint=_hint(spec),
        control=control,
        placeholder=_placeholder(spec),
        value="" if value is None else str(value),
        inputmode={**dict.fromkeys(FLOATS, "decimal"), **dict.fromkeys(INTEGERS, "numeric")}.get(spec.dtype, "text"),
    )


def _hint(spec: TensorSpec) -> str:
    rule, dims = scalar_rule(spec.dtype), row_dims(spec.shape)
    if dims is None:
        return f"Any shape: {rule}, or a JSON list of such"
    if not dims:
        return rule[0].upper() + rule[1:]
    sizes = " × ".join("any number" if size < 0 else str(size) for size in dims)
    return f"JSON list, {sizes}: each {rule}"


def _placeholder(spec: TensorSpec) -> str:
    dims = row_dims(spec.shape) or ()
    if not dims:
        return ""
    scalar = {"string": '"text"', "bool": "true"}.get(spec.dtype, "0" if spec.dtype in INTEGERS else "0.5")
    text = scalar
    for size in reversed(dims):
        count = size if 0 <= size <= 3 else 2
        text = f"[{', '.join([text] * count)}{', …' if size > 3 else ''}]"
    return text if len(text) <= 60 else f"{text[:60]}…"
