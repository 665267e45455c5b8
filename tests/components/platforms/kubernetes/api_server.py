"""An API server that keeps objects as the real one does, on a real socket."""

import itertools
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3
from kubernetes import client

from components.platforms.kubernetes.connection import Connection

Object = dict[str, Any]
NAMESPACE = "mlops"


@dataclass
class ApiServer:
    """objects: by `plural/name`. busy: before so many changes somebody else changes the object, as KServe does with its
    status. lost: so many changes are made, and their answers lost. changes: how many were made. schemas: by path."""

    objects: dict[str, Object] = field(default_factory=dict)
    busy: int = 0
    lost: int = 0
    changes: int = 0
    schemas: dict[str, Object] = field(default_factory=dict)
    url: str = ""
    _versions: Iterator[int] = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def connection(self) -> Connection:
        settings = client.Configuration()
        settings.host = self.url
        settings.retries = urllib3.Retry(2, status_forcelist=(503,), allowed_methods=None, raise_on_status=False)
        return Connection(client.ApiClient(settings), NAMESPACE)

    def keep(self, key: str, **content: Any) -> None:
        """An object as somebody else has left it."""
        _, _, name = key.partition("/")
        self._keep(key, {"metadata": {"name": name}, **content})

    def answer(self, method: str, path: str, body: Object) -> tuple[int, Object]:
        if path.startswith("/openapi/"):
            return (200, self.schemas[path]) if path in self.schemas else (404, {})
        key = path.partition("?")[0].partition(f"/namespaces/{NAMESPACE}/")[2]
        with self._lock:
            if method == "GET":
                return self._get(key)
            if method == "POST":
                return self._post(f"{key}/{body['metadata']['name']}", body)
            if key not in self.objects:
                return _not_found(key)
            if method == "DELETE":
                return 200, self.objects.pop(key)
            return self._change(key, body if method == "PUT" else merged(self.objects[key], body), asked=body)

    def _get(self, key: str) -> tuple[int, Object]:
        if "/" not in key:
            return 200, {"items": [each for name, each in self.objects.items() if name.startswith(f"{key}/")]}
        return (200, self.objects[key]) if key in self.objects else _not_found(key)

    def _post(self, key: str, body: Object) -> tuple[int, Object]:
        if key in self.objects:
            return 409, {"message": "exists"}
        return 201, self._keep(key, body)

    def _change(self, key: str, body: Object, *, asked: Object) -> tuple[int, Object]:
        if self.busy:
            self.busy -= 1
            self._keep(key, self.objects[key])
        version = self.objects[key]["metadata"]["resourceVersion"]
        if asked["metadata"].get("resourceVersion", version) != version:
            return 409, {"message": "the object has been modified"}
        self.changes += 1
        answer = self._keep(key, body)
        if self.lost:
            self.lost -= 1
            return 503, {"message": "lost"}
        return 200, answer

    def _keep(self, key: str, body: Object) -> Object:
        meta = {"uid": str(uuid.uuid4()), **body["metadata"], "resourceVersion": str(next(self._versions))}
        self.objects[key] = {**body, "metadata": meta}
        return self.objects[key]


def merged(base: Any, change: Any) -> Any:
    """As by a merge patch."""
    if not isinstance(base, dict) or not isinstance(change, dict):
        return change
    return {**base, **{name: merged(base.get(name), value) for name, value in change.items()}}


def _not_found(key: str) -> tuple[int, Object]:
    plural, _, name = key.partition("/")
    return 404, {"message": f'{plural} "{name}" not found'}


@contextmanager
def api_server() -> Iterator[ApiServer]:
    server = ApiServer()
    listening = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server.answer))
    server.url = f"http://127.0.0.1:{listening.server_address[1]}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def _handler(answer: Callable[[str, str, Object], tuple[int, Object]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm, wbufsize = True, 1 << 16

        def reply(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            status, told = answer(self.command, self.path, body)
            data = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = reply  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Handler
