"""The stand-in on a socket."""

import contextlib
import email.message
import json
import re
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.kfp_standin import payloads, ui
from tests.kfp_standin.answers import Refusal, no_rpc, said
from tests.kfp_standin.asked import Request, Route
from tests.kfp_standin.store import Store
from tests.model.certificates import Certified

LOGIN_PAGE = (
    "<!DOCTYPE html><html><head><title>dex</title></head><body>Log in to dex <input type=password></body></html>"
)
V2 = "/apis/v2beta1"


@dataclass
class Standin:
    """bearer_tokens, cookies: what lets one in; empty: everybody may. forbidden_tokens: known, and not allowed.
    certified: for TLS. prefix: of all paths, as behind Kubeflow's gateway. faults: statuses to answer with before
    anything else, in that order; 0: the connection is dropped. lost: the same, but after it has been done.
    newest: without v1alpha1. behind_ui: reached through the UI (`ui`). api_is_up: whether what is behind it answers.
    seen: method and path of each call.
    """

    store: Store = field(default_factory=Store)
    bearer_tokens: set[str] = field(default_factory=set)
    forbidden_tokens: set[str] = field(default_factory=set)
    cookies: set[str] = field(default_factory=set)
    certified: Certified | None = None
    prefix: str = ""
    faults: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    newest: bool = False
    behind_ui: bool = False
    api_is_up: bool = True
    seen: list[str] = field(default_factory=list)
    url: str = ""

    @contextlib.contextmanager
    def running(self, directory: Path | None = None, *, port: int = 0) -> Iterator["Standin"]:
        """directory: for key and certificate."""
        server = _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"standin": self}))
        server.daemon_threads = True
        if self.certified is not None:
            assert directory is not None
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certified.write(directory))
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if self.certified else 'http'}://127.0.0.1:{server.server_port}{self.prefix}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def calls(self, method: str) -> list[str]:
        """Paths called by that method, without queries."""
        return [path.partition("?")[0] for each, path in (line.split(" ", 1) for line in self.seen) if each == method]

    def routes(self) -> "list[tuple[str, str, Route]]":
        """The first that fits counts."""
        log: Route = lambda store, asked: store.log(*asked.path)  # noqa: E731
        api = [*ROUTES, ("GET", f"/apis/{'v2beta1' if self.newest else 'v1alpha1'}/{LOG}", log)]
        return [*ui.before(api_is_up=self.api_is_up), *api] if self.behind_ui else api

    def check_caller(self, headers: email.message.Message) -> None:
        """
        Raises:
            Refusal: a 401, a 403, or a redirect to the login page.
        """
        token = (headers.get("Authorization") or "").removeprefix("Bearer ")
        if token and token in self.forbidden_tokens:
            raise said(403, "PermissionDenied: User is not authorized with reason: may not list this resource")
        if self.cookies and (headers.get("Cookie") or "") not in self.cookies:
            raise Refusal(302, "", Location="/dex/auth?client_id=kubeflow-oidc-authservice&response_type=code")
        if self.bearer_tokens and token not in self.bearer_tokens:
            raise said(401, "Unauthenticated: Request header error: there is no user identity header")


ROUTES: list[tuple[str, str, Route]] = [
    ("GET", f"{V2}/healthz", lambda store, _: {"multi_user": store.multi_user, "pipeline_store": "database"}),
    ("GET", f"{V2}/pipelines", lambda store, asked: store.list_pipelines(asked.query)),
    (
        "POST",
        f"{V2}/pipelines",
        lambda store, asked: store.create_pipeline(payloads.parsed(asked.body, "V2beta1Pipeline")),
    ),
    ("POST", f"{V2}/pipelines/upload", lambda store, asked: store.upload_pipeline(asked.uploaded(), asked.query)),
    (
        "POST",
        f"{V2}/pipelines/upload_version",
        lambda store, asked: store.upload_version(asked.uploaded(), asked.query),
    ),
    ("GET", f"{V2}/pipelines/(.+)/versions", lambda store, asked: store.list_versions(asked.path[0], asked.query)),
    ("GET", f"{V2}/experiments", lambda store, asked: store.list_experiments(asked.query)),
    (
        "POST",
        f"{V2}/experiments",
        lambda store, asked: store.create_experiment(payloads.parsed(asked.body, "V2beta1Experiment")),
    ),
    ("GET", f"{V2}/runs", lambda store, asked: store.list_runs(asked.query)),
    ("POST", f"{V2}/runs", lambda store, asked: store.create_run(payloads.parsed(asked.body, "V2beta1Run"))),
    ("GET", f"{V2}/runs/([^/:]+)", lambda store, asked: store.run(asked.path[0])),
    ("POST", f"{V2}/runs/(.+):terminate", lambda store, asked: store.terminate_run(asked.path[0])),
    ("GET", f"{V2}/recurringruns", lambda store, asked: store.list_recurring_runs(asked.query)),
    (
        "POST",
        f"{V2}/recurringruns",
        lambda store, asked: store.create_recurring_run(payloads.parsed(asked.body, "V2beta1RecurringRun")),
    ),
    ("GET", f"{V2}/recurringruns/([^/:]+)", lambda store, asked: store.recurring_run(asked.path[0])),
    ("DELETE", f"{V2}/recurringruns/([^/:]+)", lambda store, asked: store.delete_recurring_run(asked.path[0])),
    (
        "POST",
        f"{V2}/recurringruns/(.+):enable",
        lambda store, asked: store.switch_recurring_run(asked.path[0], enabled=True),
    ),
    (
        "POST",
        f"{V2}/recurringruns/(.+):disable",
        lambda store, asked: store.switch_recurring_run(asked.path[0], enabled=False),
    ),
]
LOG = "runs/(.+)/nodes/(.+)/log"


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A client that hangs up, as it does when it finds no one to trust, is no concern of the test's."""


class _Handler(BaseHTTPRequestHandler):
    standin: Standin
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for the acknowledgement of its headers

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.standin.seen.append(f"{self.command} {self.path}")
        try:
            self._injected(self.standin.faults)
            answer = self._answered(body)
            if self.command != "GET":
                self._injected(self.standin.lost)
            self._reply(200, answer)
        except ConnectionAbortedError:
            self.close_connection = True
        except Refusal as refusal:
            self._reply(refusal.status, refusal.body, **refusal.headers)

    def do_POST(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def _injected(self, faults: list[int]) -> None:
        if faults:
            status = faults.pop(0)
            if not status:
                raise ConnectionAbortedError
            raise Refusal(status, "upstream connect error or disconnect/reset before headers")

    def _answered(self, body: bytes) -> Any:
        parts = urlsplit(self.path)
        if parts.path.startswith("/dex/"):
            return LOGIN_PAGE
        self.standin.check_caller(self.headers)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        content_type = self.headers.get("Content-Type", "")
        path = parts.path.removeprefix(self.standin.prefix) if parts.path.startswith(self.standin.prefix) else ""
        for method, pattern, route in self.standin.routes():
            if method == self.command and (match := re.fullmatch(pattern, path)):
                with self.standin.store.lock:
                    made = route(self.standin.store, Request(body, content_type, query, match.groups()))
                    return made if isinstance(made, str) else json.dumps(payloads.plain(made)).encode()
        raise no_rpc() if path.startswith("/apis/") else Refusal(404, "404 page not found\n")

    def _reply(self, status: int, body: Any, **headers: str) -> None:
        kind = "application/json"
        if isinstance(body, str):
            kind = "text/html" if body.startswith("<!DOCTYPE") else "text/plain"
        data = (
            body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        )
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass
