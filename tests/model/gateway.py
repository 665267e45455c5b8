"""A gateway before a model server: TLS, bearer tokens, routing by host, over REST and gRPC."""

import contextlib
import http.client
import json
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc

from tests.model.certificates import Certified


@dataclass
class Gateway:
    """Forwards calls that bring one of `tokens` for `host` (any, if empty). Who brings one of `forbidden` may not call
    this model. A refusal quotes the token, as a careless server would.

    certified: key and certificate; None: no TLS. redirect_to: answers all REST with a redirect there.
    seen: host and Authorization of each call.
    """

    model_rest_url: str
    model_grpc_target: str = ""
    certified: Certified | None = None
    host: str = ""
    tokens: set[str] = field(default_factory=set)
    forbidden: set[str] = field(default_factory=set)
    redirect_to: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)
    rest_url: str = ""
    grpc_target: str = ""

    @contextlib.contextmanager
    def running(self, directory: Path) -> Iterator["Gateway"]:
        """directory: for key and certificate."""
        with self._rest(directory), self._grpc():
            yield self

    def refusal(self, host: str, authorization: str) -> tuple[int, str]:
        """HTTP status, 200 if the call may pass, and why it may not."""
        self.seen.append((host, authorization))
        token = authorization.removeprefix("Bearer ")
        if token in self.forbidden:
            return 403, f"{token} may not call this model"
        if token not in self.tokens:
            return 401, f"unknown token {token!r}"
        return (200, "") if self.host in ("", host) else (404, f"no route for {host}")

    @contextlib.contextmanager
    def _rest(self, directory: Path) -> Iterator[None]:
        server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"gateway": self}))
        server.daemon_threads = True
        if self.certified is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certified.write(directory))
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self.rest_url = f"{'https' if self.certified else 'http'}://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    @contextlib.contextmanager
    def _grpc(self) -> Iterator[None]:
        if not self.model_grpc_target:
            yield
            return
        server = grpc.server(ThreadPoolExecutor(4))
        with grpc.insecure_channel(self.model_grpc_target) as onward:
            server.add_generic_rpc_handlers((_Forward(self, onward),))
            if self.certified is None:
                port = server.add_insecure_port("127.0.0.1:0")
            else:
                pair = (self.certified.key, self.certified.certificate)
                port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
            self.grpc_target = f"127.0.0.1:{port}"
            server.start()
            try:
                yield
            finally:
                server.stop(None).wait()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A client that hangs up, as it does when it finds no one to trust, is no concern of the test's."""


class _Handler(BaseHTTPRequestHandler):
    gateway: Gateway
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, reason = self.gateway.refusal(self.headers["Host"], self.headers.get("Authorization", ""))
        if self.gateway.redirect_to:
            self._reply(307, b"", Location=self.gateway.redirect_to + self.path)
        elif status != 200:
            self._reply(status, json.dumps({"error": reason}).encode())
        else:
            self._reply(*self._forwarded(body))

    def do_POST(self) -> None:
        self.do_GET()

    def _forwarded(self, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.gateway.model_rest_url).netloc, timeout=30)
        with contextlib.closing(connection):
            connection.request(self.command, self.path, body or None)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def _reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


_CODES = {
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
}


class _Forward(grpc.GenericRpcHandler):
    """Any method, as bytes."""

    def __init__(self, gateway: Gateway, onward: grpc.Channel) -> None:
        self._gateway, self._onward = gateway, onward

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        authorization = dict(details.invocation_metadata).get("authorization", "")

        def call(request: bytes, context: Any) -> bytes:
            # gRPC for Python tells :authority nowhere in public.
            host = context._rpc_event.call_details.host.decode()
            status, reason = self._gateway.refusal(host, authorization)
            if status != 200:
                context.abort(_CODES[status], reason)
            try:
                answer: bytes = self._onward.unary_unary(details.method)(request, timeout=30)
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())
            return answer

        return grpc.unary_unary_rpc_method_handler(call)
