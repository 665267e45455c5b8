"""A proxy that changes what an application answers."""

import contextlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import requests

from tests.servers import answering_by
from tests.webapp.servers import reply


@contextlib.contextmanager
def tampering_proxy(url: str, change: Callable[[str, Any], Any]) -> Iterator[str]:
    """change: called with the posted fields and the answer, decoded if it is JSON; gives the answer to send."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = requests.get(url + self.path, timeout=20)
            reply(self, answer.content, status=answer.status_code)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name: self.headers[name] for name in ("Accept", "Content-Type")}
            answer = requests.post(url + self.path, data=body, headers=headers, timeout=20)
            is_json = answer.headers["Content-Type"].startswith("application/json")
            decoded = answer.json() if is_json else answer.content
            reply(self, change(body.decode(), decoded), status=answer.status_code)

        def log_message(self, *_: Any) -> None:
            pass

    with answering_by(Handler) as proxy:
        yield proxy
