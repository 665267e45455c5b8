"""Calls to a model server: bounded in time and size, never redirected, never through a proxy."""

import asyncio
import json
import ssl
from typing import Any

import httpx

from model.errors import PredictionFailed
from webapp.failures import DEADLINE_EXCEEDED, shorten

#: A compressed answer could grow beyond any limit when it is opened.
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "savedmodel-release-webapp"}


def http_client() -> httpx.AsyncClient:
    """Ignores proxies of the environment: they would call hosts on our behalf that only they can reach."""
    # The system's own trust store (and SSL_CERT_FILE), where a cluster's authority is installed.
    return httpx.AsyncClient(
        headers=_HEADERS, verify=ssl.create_default_context(), trust_env=False, follow_redirects=False, timeout=None
    )


class ModelClient:
    """JSON over HTTP with one deadline for a whole exchange. timeout_s and max_answer_bytes hold for each call."""

    def __init__(self, client: httpx.AsyncClient, *, timeout_s: float, max_answer_bytes: int) -> None:
        self._client, self._timeout_s, self._max_answer_bytes = client, timeout_s, max_answer_bytes

    async def get(self, url: str) -> Any:
        return await self._call("GET", url)

    async def post(self, url: str, document: Any) -> Any:
        """Posts JSON. NaN and infinities are written bare, as TensorFlow Serving reads and writes them."""
        return await self._call("POST", url, content=json.dumps(document).encode())

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _call(self, method: str, url: str, *, content: bytes | None = None) -> Any:
        headers = {"Content-Type": "application/json"} if content is not None else {}
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream(method, url, content=content, headers=headers) as response,
            ):
                return _decoded(response.status_code, await self._body(response, url=url), url=url)
        except TimeoutError as error:
            raise PredictionFailed(
                code=DEADLINE_EXCEEDED,
                expected=f"the model server's answer within {self._timeout_s:g} s",
                found="none yet",
                where=url,
            ) from error
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise _failed(
                url, found=reason, code="UNAVAILABLE", do="Is the model server up, and is this its address?"
            ) from error

    async def _body(self, response: httpx.Response, *, url: str) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self._max_answer_bytes:
                expected = f"an answer of at most {self._max_answer_bytes} bytes"
                raise PredictionFailed(code="RESOURCE_EXHAUSTED", expected=expected, found="a longer one", where=url)
        return bytes(body)


def _decoded(status: int, body: bytes, *, url: str) -> Any:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if status == 200 and document is not None:
        return document
    if 300 <= status < 400:
        raise _failed(url, found=f"a redirect (status {status}), which is not followed", code="UNKNOWN")
    if isinstance(document, dict) and "error" in document:
        found = f"status {status}: {shorten(str(document['error']), limit=2000)}"
    else:
        found = f"status {status} and {shorten(repr(body.decode(errors='replace')))}"
    raise _failed(url, found=found, code="UNKNOWN")


def _failed(url: str, *, found: str, code: str, do: str = "") -> PredictionFailed:
    return PredictionFailed(code=code, expected="the model server's answer", found=found.rstrip("."), where=url, do=do)
