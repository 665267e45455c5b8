"""TensorFlow Serving's REST interface (tensorflow_serving/model_servers/http_rest_api_handler.cc).

    GET  /v1/models/M[/versions/V|/labels/L]            status
    GET  /v1/models/M[/versions/V|/labels/L]/metadata   signatures
    POST /v1/models/M[/versions/V|/labels/L]:predict    row or column format

Anything else below /v1/ is a malformed request; all else is not found.
"""

import asyncio
import json
import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from model.errors import InvalidValue, PredictionFailed
from model.protocol import HTTP_STATUSES
from model.server.loading import Version, refused, wire_message
from model.server.predict_json import inputs_from_request, response
from model.server.served_models import ModelRequest, ServedModels
from model.server.signature_answers import signature_json
from model.signature import Signature

log = logging.getLogger(__name__)

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_MODEL = r"/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_STATUS = re.compile(rf"{_MODEL}/?(?P<metadata>/metadata)?", re.IGNORECASE)
_CALL = re.compile(rf"{_MODEL}:(?P<method>predict|classify|regress)", re.IGNORECASE)
_NOT_FOUND = "<html><head>\n<title>404 Not Found</title>\n</head><body>\n<h1>Not Found</h1>\n</body></html>\n"
MAX_VERSION = 2**63 - 1


class RestApi:
    """Answers requests in threads of its own, so that a slow model holds up neither the event loop nor a status."""

    def __init__(self, models: ServedModels, *, threads: int, timeout_s: float) -> None:
        self._models = models
        self._timeout_s = timeout_s
        self._calls = ThreadPoolExecutor(threads, thread_name_prefix="rest")
        self._looks = ThreadPoolExecutor(2, thread_name_prefix="rest-status")

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self.answer, methods=METHODS)])

    async def answer(self, request: Request) -> Response:
        path = request.url.path
        if not path.lower().startswith("/v1/"):
            return HTMLResponse(_NOT_FOUND, 404)
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response(status_code=400)
        return await self._in_thread(request.method, path, body)

    async def _in_thread(self, method: str, path: str, body: bytes) -> Response:
        threads = self._calls if method == "POST" else self._looks
        work = asyncio.get_running_loop().run_in_executor(threads, self._respond, method, path, body)
        try:
            return await asyncio.wait_for(work, self._timeout_s)
        except TimeoutError:
            return _error(504, f"Request timed out after {self._timeout_s:g} s")

    def _respond(self, method: str, path: str, body: bytes) -> Response:
        try:
            return _json(self._handler(method, path)(body))
        except PredictionFailed as error:
            return _error(HTTP_STATUSES.get(error.code, 500), wire_message(error))
        except InvalidValue as error:
            return _error(400, str(error))
        except Exception as error:  # a bug of ours must not cost the caller the connection
            log.exception("%s %s", method, path)
            return _error(500, f"{type(error).__name__}: {error}")

    def _handler(self, method: str, path: str) -> Callable[[bytes], Any]:
        if method == "POST" and (match := _CALL.fullmatch(path)):
            if match["method"].lower() != "predict":
                raise refused(f"{match['method']} is not served here", code="UNIMPLEMENTED")
            asked = _asked(match)
            return lambda body: self._predict(asked, body)
        if method in ("GET", "HEAD") and (match := _STATUS.fullmatch(path)):
            asked = _asked(match)
            return lambda _: self._metadata(asked) if match["metadata"] else self._status(asked)
        raise refused(f"Malformed request: {method} {path}")

    def _predict(self, asked: ModelRequest, body: bytes) -> Any:
        request = _parse(body)
        name = (request.get("signature_name") if isinstance(request, dict) else None) or "serving_default"
        with self._models.lease(asked) as (_, servable):
            inputs, rows = inputs_from_request(request, _signature(servable.signatures, name).inputs)
            outputs = servable.predict(name, inputs)
        return response(outputs, rows=rows)

    def _metadata(self, asked: ModelRequest) -> Any:
        with self._models.lease(asked) as (key, servable):
            signatures = {name: signature_json(each) for name, each in servable.signatures.items()}
        spec = {"name": key.model, "signature_name": "", "version": str(key.number)}
        return {"model_spec": spec, "metadata": {"signature_def": {"signature_def": signatures}}}

    def _status(self, asked: ModelRequest) -> Any:
        return {"model_version_status": [_status_json(version) for version in self._models.statuses(asked)]}

    def close(self) -> None:
        self._calls.shutdown(wait=False, cancel_futures=True)
        self._looks.shutdown(wait=False, cancel_futures=True)


def _asked(match: re.Match[str]) -> ModelRequest:
    version = int(match["version"]) if match["version"] else None
    if version is not None and version > MAX_VERSION:
        raise refused(f"Failed to convert version: {match['version']} to numeric.")
    return ModelRequest(match["model"], version=version, label=match["label"] or "")


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        found = str(error) if body else "an empty body"
        raise InvalidValue(expected="JSON", found=found, where="request body") from error


def _signature(signatures: dict[str, Signature], name: Any) -> Signature:
    if not isinstance(name, str) or name not in signatures:
        raise refused(f'Serving signature name: "{name}" not found in signature def')
    return signatures[name]


def _status_json(version: Version) -> dict[str, Any]:
    status = {"error_code": version.error_code, "error_message": version.error_message}
    return {"version": str(version.key.number), "state": version.state, "status": status}


def _json(value: Any, *, status: int = 200) -> Response:
    return Response(json.dumps(value, ensure_ascii=False), status, media_type="application/json")


def _error(status: int, message: str) -> Response:
    return _json({"error": message}, status=status)
