"""Whether a served model answers what the model itself answered."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from components.contracts import Expectations
from model.prediction_client import PredictionClient
from model.signature import TensorSpec
from model.tensor_json import array_from_json

#: Relative and absolute tolerance by dtype: a batch of another size may take another path through the CPU's kernels.
TOLERANCES = {"float16": 1e-2, "float32": 1e-4, "float64": 1e-4}


def differences(client: PredictionClient, expectations: Expectations) -> list[str]:
    """Asks the served model for the expected rows; one sentence for each output that differs, empty if none does.

    Raises:
        PredictionFailed: the server refuses the rows, or does not answer.
    """
    signature = expectations.signature
    inputs = {spec.name: array_from_json(expectations.inputs[spec.name], spec.dtype) for spec in signature.inputs}
    answered = client.predict(inputs, signature_name=signature.name)
    return [
        sentence
        for spec in signature.outputs
        if (sentence := _difference(spec, expectations.outputs, answered=answered))
    ]


def _difference(spec: TensorSpec, expected: Mapping[str, Any], *, answered: Mapping[str, Any]) -> str:
    if spec.name not in answered:
        return f"output {spec.name} is missing"
    want, got = array_from_json(expected[spec.name], spec.dtype), np.asarray(answered[spec.name])
    if want.shape != got.shape:
        return f"output {spec.name}: expected shape {want.shape}, found {got.shape}"
    if same(want, got, dtype=spec.dtype):
        return ""
    return f"output {spec.name}: expected {_shorten(want)}, found {_shorten(got)}"


def same(want: np.ndarray[Any, Any], got: np.ndarray[Any, Any], *, dtype: str) -> bool:
    """Equality within the dtype's tolerance; exact for integers, booleans and strings."""
    tolerance = TOLERANCES.get(dtype)
    if tolerance is None:
        return bool(np.array_equal(want, got))
    return bool(np.allclose(want, got, rtol=tolerance, atol=tolerance, equal_nan=True))


def _shorten(array: np.ndarray[Any, Any]) -> str:
    text = np.array2string(array.reshape(-1)[:4], precision=6, separator=", ")
    return text if array.size <= 4 else f"{text} and {array.size - 4} more"
