"""Asking a served model from wherever this runs: at its Service, or, outside the cluster, through the API server."""

import socket
from collections.abc import Callable

import requests

from components.platforms.kubernetes.connection import Object
from pipeline.cluster_check.api_server import SERVICES, Answer, ApiServer, answer_of, poll
from pipeline.cluster_check.flowers import REST_PORT

DIRECTLY, THROUGH_THE_API_SERVER = "at its Service", "through the API server"
#: A Service's first answers can come late.
PATIENCE_S = 20.0
TIMEOUT_S = 30.0
_PASSING = (404, 429, 500, 502, 503, 504)


def ask(server: ApiServer, name: str, question: Object) -> tuple[Answer, str]:
    """The answer of the InferenceService's model, and the way it came."""
    service = server.get(SERVICES, f"{name}-predictor").body
    headless = service.get("spec", {}).get("clusterIP") == "None"
    host, port = f"{name}-predictor.{server.namespace}.svc.cluster.local", REST_PORT if headless else 80
    path = f"/v1/models/{name}:predict"
    if _resolves(host):
        return _patiently(lambda: _post(f"http://{host}:{port}{path}", question)), DIRECTLY
    proxy = f"{server.path(SERVICES, f'{name}-predictor:80')}/proxy{path}"
    return _patiently(lambda: server.ask("POST", proxy, body=question)), THROUGH_THE_API_SERVER


def _patiently(ask: Callable[[], Answer]) -> Answer:
    last: list[Answer] = []

    def final() -> Answer | None:
        last[:] = [ask()]
        return None if last[0].status in _PASSING else last[0]

    return poll(final, timeout_s=PATIENCE_S) or last[0]


def _post(url: str, question: Object) -> Answer:
    try:
        answer = requests.post(url, json=question, timeout=TIMEOUT_S)
    except requests.RequestException as error:
        return answer_of(503, str(error))
    return answer_of(answer.status_code, answer.content)


def _resolves(host: str) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None))
    except OSError:
        return False
