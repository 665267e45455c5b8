"""TensorFlow Serving's REST interface, in column format: for a service that exposes one port."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from model.arrays import Array
from model.call_errors import call_failed, outputs_missing, signature_missing, unreadable, unsendable
from model.endpoint import Endpoint
from model.endpoint_access import Access, session_for
from model.errors import InvalidValue
from model.prediction_client import VersionStatus
from model.protocol import code_of_http_status
from model.serving_metadata import signature_from_json
from model.signature import Signature
from model.signature_messages import INTERNAL_PREFIX
from model.tensor_json import outputs_from_response, request_in_columns


class RestTransport:
    """One session with kept connections. JSON holds no dtypes, so the model's metadata are asked for once."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._access, self._session = Access.of_environment(), session_for(endpoint)
        self._model_url = f"{endpoint.rest_url.rstrip('/')}/v1/models/{endpoint.model_name}"
        self._version_url = f"{self._model_url}/versions/{endpoint.version}" if endpoint.version else self._model_url
        self._signatures: dict[str, Signature] = {}

    def predict(
        self, inputs: Mapping[str, Array], *, signature_name: str, outputs: Sequence[str], timeout_s: float
    ) -> dict[str, Array]:
        signature = self._signature(signature_name, timeout_s=timeout_s)
        missing = [name for name in outputs if signature.output(name) is None]
        if missing:
            raise outputs_missing(missing, (spec.name for spec in signature.outputs), where=self._version_url)
        try:
            body = json.dumps(request_in_columns(inputs, signature_name=signature_name)).encode()
        except (ValueError, TypeError) as error:
            raise unsendable(error, where=self._version_url) from error
        answer = self._call("POST", f"{self._version_url}:predict", body=body, timeout_s=timeout_s)
        try:
            arrays = outputs_from_response(answer, signature.outputs)
        except InvalidValue as error:
            raise unreadable(error, where=self._version_url) from error
        return {name: arrays[name] for name in outputs or arrays}

    def _signature(self, name: str, *, timeout_s: float) -> Signature:
        if name not in self._signatures:
            self._signatures = self.metadata(timeout_s=timeout_s)
        if name not in self._signatures:
            raise signature_missing(name, self._signatures)
        return self._signatures[name]

    def status(self, *, timeout_s: float) -> tuple[VersionStatus, ...]:
        answer = self._call("GET", self._model_url, timeout_s=timeout_s)
        try:
            return tuple(
                VersionStatus(
                    version=int(each["version"]),
                    state=each["state"],
                    error_code=each["status"]["error_code"],
                    error_message=each["status"]["error_message"],
                )
                for each in answer["model_version_status"]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise unreadable(error, where=self._model_url) from error

    def metadata(self, *, timeout_s: float) -> dict[str, Signature]:
        answer = self._call("GET", f"{self._version_url}/metadata", timeout_s=timeout_s)
        try:
            found = answer["metadata"]["signature_def"]["signature_def"]
            names = [name for name in found if not name.startswith(INTERNAL_PREFIX)]
            return {name: signature_from_json(name, found[name]) for name in names}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise unreadable(error, where=self._version_url) from error

    def _call(self, method: str, url: str, *, timeout_s: float, body: bytes | None = None) -> Any:
        import requests

        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            answer = self._session.request(method, url, data=body, headers=headers, timeout=timeout_s)
        except requests.Timeout as error:
            raise call_failed("DEADLINE_EXCEEDED", f"no answer within {timeout_s:.1f} s", where=url) from error
        except requests.RequestException as error:
            raise self._access.failed("UNAVAILABLE", str(error), where=url) from error
        if answer.status_code != 200:
            # A redirect is not for the rows to mend, nor for another attempt.
            code = "UNIMPLEMENTED" if answer.is_redirect else code_of_http_status(answer.status_code)
            sent = answer.request.headers.get("Authorization", "").removeprefix("Bearer ")
            raise self._access.failed(code, _reason(answer), where=url, token=sent)
        try:
            return answer.json()
        except ValueError as error:
            raise unreadable(error, where=url) from error

    def close(self) -> None:
        self._session.close()


def _reason(answer: Any) -> str:
    """The server's own `error`; else the beginning of what came."""
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP status {answer.status_code}: {answer.headers.get('Location', answer.text)[:200]}"
