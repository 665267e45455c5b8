"""One log line for each request, and how log lines are written."""

import asyncio
import json
import logging
import sys
import time
from typing import Any

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("webapp.access")

PROBES = ("/healthz", "/readyz")


class AccessLog:
    """ASGI middleware. The query is left out: it may hold what a visitor typed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except asyncio.CancelledError:
            # The server ends, and this request had its time. Nobody above would tell the client.
            if not status:
                await PlainTextResponse("The web application is ending.\n", 503)(scope, receive, send_and_note)
        finally:
            _write(scope, status=status or 500, seconds=time.perf_counter() - started)


def _write(scope: Scope, *, status: int, seconds: float) -> None:
    # The raw path is still percent-encoded, so that no path can end the line and begin another.
    path = scope.get("raw_path", b"").partition(b"?")[0].decode("ascii", "backslashreplace")
    if path in PROBES and status < 400:
        return  # a cluster asks every few seconds, and nobody reads it
    client, method = (scope.get("client") or ("-",))[0], scope["method"]
    # Named as Cloud Logging's HttpRequest, which shows such a line as a request.
    request = {
        "requestMethod": method,
        "requestUrl": path,
        "status": status,
        "latency": f"{seconds:.6f}s",
        "remoteIp": client,
    }
    line = (client, method, path, status, seconds * 1000)
    log.info('%s "%s %s" %d %.1f ms', *line, extra={"fields": {"httpRequest": request}})


class JsonFormatter(logging.Formatter):
    """One JSON object a line, its fields named as Cloud Logging reads them."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self.formatTime(record),
            "severity": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure(log_format: str) -> None:
    """Sends all logs to standard error, as `text` or `json`; times are UTC."""
    kind = JsonFormatter if log_format == "json" else logging.Formatter
    formatter = kind("%(asctime)s %(levelname)s %(name)s: %(message)s")
    formatter.converter = time.gmtime
    formatter.default_time_format, formatter.default_msec_format = "%Y-%m-%dT%H:%M:%S", "%s.%03dZ"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # Not its sentences about starting; a bug's traceback stays, as an error.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
