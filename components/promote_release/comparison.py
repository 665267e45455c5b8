"""Whether the live service answers what the model itself answered."""

from collections.abc import Mapping
from typing import Any

from components.answers import same, shorten
from components.contracts import Expectations
from model.prediction_client import PredictionClient
from model.signature import TensorSpec
from model.tensor_json import array_from_json, array_to_json


def differences(client: PredictionClient, expectations: Expectations) -> list[str]:
    """Asks the served model for the expected rows; one sentence for each output that differs, empty if none does.

    Raises:
        PredictionFailed: the server refuses the rows, or does not answer.
    """
    signature = expectations.signature
    inputs = {spec.name: array_from_json(expectations.inputs[spec.name], spec.dtype) for spec in signature.inputs}
    answered = client.predict(inputs, signature_name=signature.name)
    got = {name: array_to_json(array) for name, array in answered.items()}
    sentences = [_difference(spec, expectations.outputs, got=got) for spec in signature.outputs]
    return [sentence for sentence in sentences if sentence]


def _difference(spec: TensorSpec, expected: Mapping[str, Any], *, got: Mapping[str, Any]) -> str:
    if spec.name not in got:
        return f"output {spec.name} is missing"
    if same(expected[spec.name], got[spec.name], dtype=spec.dtype):
        return ""
    return f"output {spec.name}: expected {shorten(expected[spec.name])}, found {shorten(got[spec.name])}"
