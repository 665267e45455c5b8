"""Calls to a model server: bounded in time and size, never redirected, never through a proxy."""

import asyncio
import contextlib
import json
import ssl
from typing import Any

import httpx

from model.endpoint_access import Access
from model.errors import InvalidValue, PredictionFailed
from model.protocol import code_of_http_status
from webapp.failures import DEADLINE_EXCEEDED, shorten
from webapp.gateway import Gateway

#: A compressed answer could grow beyond any limit when it is opened.
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "savedmodel-release-webapp"}


def http_client(access: Access) -> httpx.AsyncClient:
    """Ignores proxies of the environment: they would call hosts on our behalf that only they can reach.

    Raises:
        InvalidValue: the file of authorities holds none.
    """
    authority = access.authority()
    try:
        # Without a file, the system's own trust store (and SSL_CERT_FILE), where a cluster's authority is installed.
        verify = ssl.create_default_context(cafile=authority)
    except OSError as error:
        raise InvalidValue(expected="certificates in PEM", found=f"{error.strerror}", where=str(authority)) from error
    return httpx.AsyncClient(headers=_HEADERS, verify=verify, trust_env=False, follow_redirects=False, timeout=None)


class ModelClient:
    """JSON over HTTP with one deadline for a whole exchange. timeout_s and max_answer_bytes hold for each call."""

    def __init__(
        self, client: httpx.AsyncClient, *, access: Access, gateway: Gateway, timeout_s: float, max_answer_bytes: int
    ) -> None:
        self._client, self._timeout_s, self._max_answer_bytes = client, timeout_s, max_answer_bytes
        self._access, self._gateway = access, gateway

    async def get(self, url: str) -> Any:
        return await self._call("GET", url)

    async def post(self, url: str, document: Any) -> Any:
        """Posts JSON. NaN and infinities are written bare, as TensorFlow Serving reads and writes them."""
        return await self._call("POST", url, content=json.dumps(document).encode())

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _call(self, method: str, url: str, *, content: bytes | None = None) -> Any:
        token = self._token()
        request = self._request(method, url, content=content, token=token)
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._send(request)
                body = await self._body(response, url=url)
        except TimeoutError as error:
            raise PredictionFailed(
                code=DEADLINE_EXCEEDED,
                expected=f"the model server's answer within {self._timeout_s:g} s",
                found="none yet",
                where=url,
            ) from error
        except httpx.HTTPError as error:
            raise self._access.failed("UNAVAILABLE", str(error) or type(error).__name__, where=url) from error
        if response.status_code in (401, 403):
            told = _told(response.status_code, body, token=token)
            raise self._access.failed(code_of_http_status(response.status_code), told, where=url, token=token)
        return _decoded(response.status_code, body, url=url, token=token)

    def _token(self) -> str:
        try:
            return self._access.token()
        except InvalidValue as error:  # the operator's fault, not the visitor's
            raise PredictionFailed(code="UNAUTHENTICATED", **error.fields()) from error

    def _request(self, method: str, url: str, *, content: bytes | None, token: str) -> httpx.Request:
        host = self._gateway.host_for(url)
        headers = {
            "Content-Type": "application/json" if content is not None else "",
            "Authorization": f"Bearer {token}" if token else "",
            "Host": host,
        }
        given = {name: value for name, value in headers.items() if value}
        # The name that is asked for, and checked, in the server's certificate.
        extensions = {"sni_hostname": host.partition(":")[0]} if host else {}
        return self._client.build_request(method, url, content=content, headers=given, extensions=extensions)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._client.send(request, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            # A server that ends may close a kept connection in the very moment in which it is used. It did not answer,
            # and a prediction changes nothing there, so the same can be asked again.
            return await self._client.send(request, stream=True)

    async def _body(self, response: httpx.Response, *, url: str) -> bytes:
        body = bytearray()
        async with contextlib.aclosing(response):
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._max_answer_bytes:
                    raise PredictionFailed(
                        code="RESOURCE_EXHAUSTED",
                        expected=f"an answer of at most {self._max_answer_bytes} bytes",
                        found="a longer one",
                        where=url,
                    )
        return bytes(body)


def _decoded(status: int, body: bytes, *, url: str, token: str) -> Any:
    document = _document(body)
    if status == 200 and document is not None:
        return document
    if 300 <= status < 400:
        raise _failed(url, found=f"a redirect (status {status}), which is not followed")
    raise _failed(url, found=_told(status, body, token=token))


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _told(status: int, body: bytes, *, token: str) -> str:
    """What came instead of an answer, but not the token, which a server may quote."""
    document = _document(body)
    named = isinstance(document, dict) and "error" in document
    text = str(document["error"]) if named else body.decode(errors="replace")
    hidden = text.replace(token, "…") if token else text
    return (
        f"status {status}: {shorten(hidden, limit=2000)}" if named else f"status {status} and {shorten(repr(hidden))}"
    )


def _failed(url: str, *, found: str) -> PredictionFailed:
    return PredictionFailed(code="UNKNOWN", expected="the model server's answer", found=found.rstrip("."), where=url)
