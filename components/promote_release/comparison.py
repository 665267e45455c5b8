"""Whether the live service answers what the model itself answered; asked in JSON, as the expectations stand."""

import json
from collections.abc import Mapping
from typing import Any

import requests

from components.answers import same, shorten
from components.contracts import Expectations
from model.call_errors import call_failed
from model.endpoint import Endpoint
from model.endpoint_access import session_for
from model.protocol import code_of_http_status
from model.retries import Retries
from model.signature import TensorSpec

#: Each attempt on a connection of its own: a kept one would lead to the same pod again.
_HEADERS = {"Content-Type": "application/json", "Connection": "close"}


def differences(endpoint: Endpoint, expectations: Expectations, *, timeout_s: float) -> list[str]:
    """Asks the served model for the expected rows; one sentence for each output that differs, empty if none does.

    Raises:
        PredictionFailed: the server refuses the rows, or does not answer.
    """
    with session_for(endpoint) as session:
        answered = Retries(timeout_s).call(lambda left_s: _ask(session, endpoint, expectations, timeout_s=left_s))
    outputs = expectations.signature.outputs
    got = {outputs[0].name: answered} if len(outputs) == 1 else answered
    sentences = [_difference(spec, expectations.outputs, got=got) for spec in outputs]
    return [sentence for sentence in sentences if sentence]


def _ask(session: requests.Session, endpoint: Endpoint, expectations: Expectations, *, timeout_s: float) -> Any:
    """What stands under `outputs`: by name, or bare where there is one output."""
    url = f"{endpoint.rest_url}/v1/models/{endpoint.model_name}/versions/{endpoint.version}:predict"
    body = {"signature_name": expectations.signature.name, "inputs": expectations.inputs}
    try:
        answer = session.post(url, data=json.dumps(body), headers=_HEADERS, timeout=timeout_s)
    except requests.RequestException as error:
        raise call_failed("UNAVAILABLE", str(error), where=url) from error
    if not answer.ok:
        # The service has named the version: who does not know it is a pod that is going, and not yet forgotten.
        is_former = answer.status_code == requests.codes.not_found
        code = "UNAVAILABLE" if is_former else code_of_http_status(answer.status_code)
        raise call_failed(code, answer.text[:2000], where=url)
    try:
        return answer.json()["outputs"]
    except (ValueError, KeyError, TypeError) as error:
        raise call_failed("INTERNAL", f"no outputs in {answer.text[:500]}", where=url) from error


def _difference(spec: TensorSpec, expected: Mapping[str, Any], *, got: Any) -> str:
    if not isinstance(got, dict) or spec.name not in got:
        return f"output {spec.name} is missing"
    if same(expected[spec.name], got[spec.name], dtype=spec.dtype):
        return ""
    return f"output {spec.name}: expected {shorten(expected[spec.name])}, found {shorten(got[spec.name])}"
