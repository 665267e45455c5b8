"""Log lines as Cloud Logging reads them, by Google's own messages for severity and HTTP request."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from contextlib import redirect_stderr
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from google.logging.type.http_request_pb2 import HttpRequest
from google.logging.type.log_severity_pb2 import LogSeverity
from google.protobuf.json_format import ParseDict
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from webapp import access_log

log = logging.getLogger("webapp.test")


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged while a test runs; the handlers of before come back."""
    root, written = logging.getLogger(), io.StringIO()
    handlers, level = list(root.handlers), root.level
    with redirect_stderr(written):
        access_log.configure("json")
        yield written
    root.handlers, root.level = handlers, level


def parsed(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


async def ask(application: ASGIApp, path: str) -> None:
    transport = httpx.ASGITransport(application, client=("10.0.0.7", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://webapp") as client:
        await client.get(path)


def test_every_level_is_a_severity_of_cloud_logging(lines: io.StringIO) -> None:
    for level in (logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        log.log(level, "of level %s", level)

    severities = [LogSeverity.Value(each["severity"]) for each in parsed(lines)]

    assert severities == [LogSeverity.INFO, LogSeverity.WARNING, LogSeverity.ERROR, LogSeverity.CRITICAL]


def test_time_is_utc_with_milliseconds_and_an_exception_is_part_of_its_line(lines: io.StringIO) -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("broken")

    (line,) = parsed(lines)

    assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)
    assert line["message"] == "broken"
    assert "ValueError: two\nlines" in line["exception"]


def test_a_request_is_an_http_request_of_cloud_logging_without_its_query(lines: io.StringIO) -> None:
    application = Starlette(routes=[Route("/page", lambda request: PlainTextResponse("here", 201))])

    asyncio.run(ask(access_log.AccessLog(application), "/page?secret=1"))

    (line,) = [each for each in parsed(lines) if each["logger"] == "webapp.access"]
    request = ParseDict(line["httpRequest"], HttpRequest())
    assert (request.request_method, request.request_url, request.status) == ("GET", "/page", 201)
    assert request.remote_ip == "10.0.0.7"
    assert timedelta(0) < request.latency.ToTimedelta() < timedelta(seconds=5)
    assert "secret" not in lines.getvalue()
