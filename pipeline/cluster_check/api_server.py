"""Questions to the API server whose answer may be a refusal: what is missing is what the checks are after."""

import copy
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import urllib3
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from components.platforms.kubernetes.connection import Connection, Kind, Object
from model.errors import ServingFailed

TIMEOUT_S = (5.0, 30.0)
POLL_S = 0.5
#: Connections alone; a status is for the checks to judge.
RETRIES = urllib3.Retry(2, backoff_factor=0.2, status=0)

NAMESPACES = Kind("", "v1", "namespaces")
PODS = Kind("", "v1", "pods")
EVENTS = Kind("", "v1", "events")
SERVICES = Kind("", "v1", "services")
SERVICE_ACCOUNTS = Kind("", "v1", "serviceaccounts")
CONFIG_MAPS = Kind("", "v1", "configmaps")
ENDPOINT_SLICES = Kind("discovery.k8s.io", "v1", "endpointslices")

_LACKING = re.compile(r'cannot (\w+) resource "([^"]+)"')

T = TypeVar("T")


class Unreachable(ServingFailed):
    """The API server did not answer at all."""


@dataclass(frozen=True)
class Answer:
    """status: HTTP's. body: the JSON object that was asked for; `{}` with any other status than 2xx, where `said` tells
    why."""

    status: int
    body: Object
    said: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def absent(self) -> bool:
        return self.status == 404

    @property
    def forbidden(self) -> bool:
        return self.status == 403

    @property
    def items(self) -> list[Object]:
        return list(self.body.get("items") or []) if self.ok else []

    @property
    def refusal(self) -> str:
        """Why not, in one line: a missing right in short, all else in the API server's own words."""
        right = _LACKING.search(self.said) if self.forbidden else None
        if right:
            return f"whoever asks may not {right[1]} {right[2]}"
        return f"{self.status}: {' '.join(self.said.split())[:600] or 'no reason given'}"


@dataclass(frozen=True)
class ApiServer:
    """One namespace of one cluster, asked without patience: what fails is an answer, too."""

    connection: Connection

    @classmethod
    def of(cls, connection: Connection) -> "ApiServer":
        settings = copy.deepcopy(connection.api.configuration)
        settings.retries = RETRIES
        return cls(Connection(client.ApiClient(settings), connection.namespace))

    @property
    def namespace(self) -> str:
        return self.connection.namespace

    @property
    def url(self) -> str:
        return str(self.connection.api.configuration.host)

    def ask(self, method: str, path: str, *, body: Any = None, **query: str) -> Answer:
        """
        Raises:
            Unreachable: no answer came.
        """
        try:
            found = self.connection.api.call_api(
                path,
                method,
                query_params=list(query.items()),
                header_params={"Accept": "application/json", "Content-Type": "application/json"},
                body=body,
                auth_settings=["BearerToken"],
                _return_http_data_only=True,
                _preload_content=False,
                _request_timeout=TIMEOUT_S,
            )
            return answer_of(found.status, found.data)
        except ApiException as error:
            return answer_of(error.status, error.body)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            do = "Is that the right cluster, is it up, and does the way there (VPN, proxy, firewall) stand open?"
            raise Unreachable(expected="an answer", found=_cause(error), where=self.url, do=do) from error

    def get(self, kind: Kind, name: str = "", *, namespace: str | None = None, **query: str) -> Answer:
        """One object, or the list of them. `namespace`: "" for what belongs to none; default: the connection's."""
        return self.ask("GET", self.path(kind, name, namespace=namespace), **query)

    def path(self, kind: Kind, name: str = "", *, namespace: str | None = None) -> str:
        place = self.namespace if namespace is None else namespace
        root = f"/apis/{kind.group}" if kind.group else "/api"
        parts = [root, kind.version, *(("namespaces", quote(place, safe="")) if place else ()), kind.plural]
        return "/".join([*parts, quote(name, safe="")] if name else parts)


def answer_of(status: int, data: bytes | str | None) -> Answer:
    """From what an HTTP client gives."""
    text = data.decode(errors="replace") if isinstance(data, bytes) else data or ""
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return Answer(status, {}, text)
    return Answer(status, body) if 200 <= status < 300 else Answer(status, {}, str(body.get("message") or text))


def _cause(error: BaseException) -> str:
    """urllib3 wraps what happened several times, and says all of it each time."""
    while isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason is not None:
        error = error.reason
    text = " ".join(str(error).split())
    return f"no answer: {text.partition('): ')[2] or text or type(error).__name__}".rstrip(".")


def poll(
    look: Callable[[], T | None],
    *,
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T | None:
    """Looks until something is seen; None when the time is over."""
    deadline = clock() + timeout_s
    while (seen := look()) is None and clock() < deadline:
        sleep(POLL_S)
    return seen
