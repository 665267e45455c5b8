"""Whether a model's answer is what its signature promises."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from model.arrays import Array, dtype_name
from model.errors import ValidationFailed
from model.signature import Shape, Signature, TensorSpec, format_shape

#: Longest text of a value in an error, in characters.
_VALUE = 60


def check(outputs: Mapping[str, Array], *, signature: Signature, inputs: Mapping[str, Any], rows: int) -> None:
    """inputs: nested lists, `rows` long; they tell the reader which row it was.

    Raises:
        ValidationFailed: an output is missing, of another dtype or shape, has other than one row for each row of the
            inputs, or holds NaN or an infinity. `where` is left empty.
    """
    for spec in signature.outputs:
        if spec.name not in outputs:
            raise _refused(f"the output {spec}", found=f"the outputs {sorted(outputs)}")
        _check_form(outputs[spec.name], spec, rows=rows)
        _check_finite(outputs[spec.name], spec, inputs=inputs)


def _check_form(array: Array, spec: TensorSpec, *, rows: int) -> None:
    dtype = _dtype(array)
    if dtype != spec.dtype or not _fits(array.shape, spec.shape):
        found = f"{dtype} {format_shape(array.shape)} for {rows} rows"
        raise _refused(
            f"the output {spec}", found=found, do="Export the model with the signature that it has in truth."
        )
    if array.ndim == 0 or len(array) != rows:
        raise _refused(
            f"one row of the output {spec.name} for each of {rows} rows",
            found=f"one value for all of them, {array.item()!r}" if array.ndim == 0 else f"{len(array)} rows",
            do=f"Only such outputs can be scored row by row: export a signature without {spec.name}, or repeat it.",
        )


def _dtype(array: Array) -> str:
    try:
        return dtype_name(array)
    except ValueError:
        return str(array.dtype.name)


def _fits(shape: tuple[int, ...], allowed: Shape) -> bool:
    if allowed is None:
        return True
    return len(shape) == len(allowed) and all(wide in (-1, size) for size, wide in zip(shape, allowed, strict=True))


def _check_finite(array: Array, spec: TensorSpec, *, inputs: Mapping[str, Any]) -> None:
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    unfit = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    row = int(np.flatnonzero(unfit)[0])
    values = ", ".join(f"{name} {_shorten(column[row])}" for name, column in sorted(inputs.items()))
    raise _refused(
        f"finite numbers in the output {spec.name}",
        found=f"{_shorten(array[row].tolist())} for row {row + 1} ({values}), "
        f"and such in {np.count_nonzero(unfit)} of {len(array)} rows",
        do="Look for weights that are not numbers and for inputs outside the range trained on, then export again.",
    )


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _VALUE else f"{text[: _VALUE - 1]}…"


def _refused(expected: str, *, found: str, do: str = "") -> ValidationFailed:
    return ValidationFailed(expected=expected, found=found, where="", do=do)
