"""Stands between a client and fake-gcs-server: adds the conditions that Cloud Storage checks and the fake does not
(https://cloud.google.com/storage/docs/request-preconditions), and faults on demand."""

import http.client
import http.server
import json
import socket
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Act = Callable[[], None]


@dataclass
class Fault:
    """Answers `status` instead of what the server says, `times` times, to requests whose line holds `match`.
    `after`: the request reaches the server and only its answer is lost."""

    match: str
    status: int = 503
    times: int = 1
    after: bool = False
    body: str = '{"error": {"code": 0, "message": "as the test wants"}}'
    first: Act | None = None
    seen: int = field(default=0, init=False)


class GcsProxy(http.server.ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for the last connection

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream.removeprefix("http://")
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.connections: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        self.connections.append(connection)
        return connection, address

    def hang_up(self) -> None:
        """Clients keep connections open, for which closing would wait for ever."""
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: GcsProxy

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        line = f"{self.command} {self.path}"
        self.server.requests.append(line)
        fault = next((each for each in self.server.faults if each.match in line and each.seen < each.times), None)
        if fault:
            fault.seen += 1
            if fault.first:
                fault.first()
            if fault.after:
                self._forward(body)
            if fault.status:
                return self._answer(fault.status, fault.body.encode(), {"Content-Type": "application/json"})
        if self._condition_fails():
            return self._answer(412, b'{"error": {"code": 412, "message": "Precondition Failed"}}', {})
        status, data, headers = self._forward(body)
        return self._answer(status, data, headers)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

    def _condition_fails(self) -> bool:
        """Only what the fake does not check itself: the conditions of rewrites."""
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        source, _, target = url.path.partition("/rewriteTo")
        if not target:
            return False
        standing = self._generation("/storage/v1" + target)
        wanted, source_wanted = query.get("ifGenerationMatch"), query.get("ifSourceGenerationMatch")
        return bool(
            (wanted and wanted[0] != standing) or (source_wanted and source_wanted[0] != self._generation(source))
        )

    def _generation(self, path: str) -> str:
        status, data, _ = self._forward(b"", method="GET", path=path)
        return str(json.loads(data)["generation"]) if status == 200 else "0"

    def _forward(self, body: bytes, *, method: str = "", path: str = "") -> tuple[int, bytes, dict[str, str]]:
        connection = http.client.HTTPConnection(self.server.upstream, timeout=30)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            connection.request(method or self.command, path or self.path, body, {**headers, "Accept-Encoding": ""})
            answer = connection.getresponse()
            return answer.status, answer.read(), dict(answer.getheaders())
        finally:
            connection.close()

    def _answer(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are kept in `requests`."""


@contextmanager
def gcs_proxy(upstream: str) -> Iterator[GcsProxy]:
    with GcsProxy(upstream) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield proxy
        proxy.shutdown()
        proxy.hang_up()
        thread.join()
