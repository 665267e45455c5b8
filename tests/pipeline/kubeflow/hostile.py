"""Servers that are not what one hopes for."""

import contextlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

from tests.servers import answering_by

HEALTHY = b'{"multi_user": false}'
Answer = Callable[[BaseHTTPRequestHandler], None]


@contextlib.contextmanager
def answering_with(answer: Answer) -> Iterator[str]:
    """Its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with contextlib.suppress(OSError):
                answer(self)

        do_POST = do_DELETE = do_GET  # noqa: N815 - as the base class looks for them

        def log_message(self, *_: object) -> None:
            pass

    with answering_by(Handler) as url:
        yield url


def saying(status: int, body: bytes, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        told = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        for name, value in {**told, **{name.replace("_", "-"): value for name, value in headers.items()}}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer
