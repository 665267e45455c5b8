"""How HTTP connections end without costing a request.

A pod that is deleted stays reachable for a while: proxies forget it late, and connections that were open stay open.
HTTP/1.1 has no word for "send nothing more" but the header of an answer. So from SIGTERM on, every answer says
`Connection: close`, new connections are still taken, and what is closed in the end are connections that nobody used
for the whole of `--drain_seconds`. A client that pauses longer than that between two requests on one connection can
send its next one in the very moment in which we close; only the client can then help itself, by sending it again.
"""

import fcntl
import struct
import termios
import threading
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class LastAnswers:
    """ASGI middleware: once the server is ending, each answer is the last on its connection."""

    def __init__(self, app: ASGIApp, *, ending: threading.Event) -> None:
        self._app, self._ending = app, ending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_close(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start" and self._ending.is_set():
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, send_and_close)


class IdleOnly(HttpToolsProtocol):
    """uvicorn's connection, which is closed in the end only where no request is on its way in."""

    def shutdown(self) -> None:
        if self.transport.is_closing() or not self._request_came():
            super().shutdown()

    def _request_came(self) -> bool:
        """Whether the beginning of a request has been read, or bytes wait to be read. That request is answered, and
        its answer closes the connection."""
        begun = self.scope is not None and (self.cycle is None or self.cycle.scope is not self.scope)
        waiting = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.FIONREAD, bytes(4))
        return begun or struct.unpack("i", waiting)[0] > 0
