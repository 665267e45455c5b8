"""The requests of a smoke test and what came back, kept in order."""

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import requests

from components.contracts import Exchange
from model.errors import SmokeTestFailed

log = logging.getLogger(__name__)

POLL_S = 0.2
_CALL_TIMEOUT_S = 60.0
_BODY_LENGTH = 2000
#: What a proxy answers while the application behind it does not run yet.
_NOT_YET = (502, 503, 504)


@dataclass
class Transcript:
    """Sends requests and keeps every exchange, the failed one included."""

    session: requests.Session
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    exchanges: list[Exchange] = field(default_factory=list)

    def wait_for(self, url: str, *, check: str, timeout_s: float) -> requests.Response:
        """Gets a page, again and again while nothing listens there or a proxy says that it does not run yet.

        Raises:
            SmokeTestFailed: it is not served in time; with the last reason.
        """
        deadline = self.clock() + timeout_s
        while True:
            try:
                response = self.session.get(url, timeout=min(_CALL_TIMEOUT_S, timeout_s), allow_redirects=False)
                reason = f"status {response.status_code}"
                if response.status_code not in _NOT_YET:
                    return response
            except requests.RequestException as error:
                reason = str(error) or type(error).__name__
            if self.clock() >= deadline:
                found = f"nothing after {timeout_s:g} s; the last try: {reason}"
                raise self.failed(check, f"GET {url}", expected="the page to be served", found=found)
            self.sleep(POLL_S)

    def post(self, url: str, fields: Mapping[str, Any], *, check: str, accept: str) -> requests.Response:
        """Posts the fields as a form, or as JSON where one of them is more than a text.

        Raises:
            SmokeTestFailed: no answer.
        """
        headers = {"Accept": accept}
        as_form = all(isinstance(value, str) for value in fields.values())
        body: dict[str, Any] = {"data": fields} if as_form else {"json": fields}
        try:
            return self.session.post(url, headers=headers, timeout=_CALL_TIMEOUT_S, allow_redirects=False, **body)
        except requests.RequestException as error:
            request = describe(url, fields, accept=accept)
            raise self.failed(check, request, expected="an answer", found=str(error) or type(error).__name__) from error

    def passed(self, check: str, request: str, response: requests.Response, *, shown: str = "") -> None:
        """shown: what a reader needs of the body, where that is not its beginning."""
        body = _shorten(shown or response.text)
        self.exchanges.append(Exchange(check, request, response.status_code, body, passed=True))
        log.debug("%s: as expected", check)

    def failed(
        self, check: str, request: str, *, expected: str, found: str, response: requests.Response | None = None
    ) -> SmokeTestFailed:
        """The error to raise, once the exchange is kept."""
        status, body = (response.status_code, response.text) if response is not None else (0, found)
        self.exchanges.append(Exchange(check, request, status, _shorten(body), passed=False))
        do = "The transcript of the smoke test shows every request and answer."
        return SmokeTestFailed(
            expected=expected, found=found.rstrip("."), where=f"{check}: {_shorten(request, 500)}", do=do
        )


def describe(url: str, fields: Mapping[str, Any], *, accept: str) -> str:
    """A POST as one line a reader can follow."""
    as_form = all(isinstance(value, str) for value in fields.values())
    body = urlencode(fields, safe="/:[], ") if as_form else json.dumps(fields, ensure_ascii=False)
    return f"POST {url} (Accept: {accept}) {body}"


def _shorten(text: str, limit: int = _BODY_LENGTH) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
