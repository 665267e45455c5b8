"""The UI's server, through which the API server is reached: what it answers itself, and what it passes on."""

from typing import Any

from tests.kfp_standin.answers import Refusal
from tests.kfp_standin.asked import Request, Route
from tests.kfp_standin.store import Store

_PAGE = '<!DOCTYPE html>\n<html lang="en"><head><title>Error</title></head><body><pre>Cannot GET</pre></body></html>'


def before(*, api_is_up: bool) -> list[tuple[str, str, Route]]:
    """The routes that come before those of the API server."""
    away = [] if api_is_up else [(method, "/apis/v.*", _nobody) for method in ("GET", "POST", "DELETE")]
    return [
        ("GET", "/apis/v2beta1/healthz", lambda store, _: _health(store, api_is_up=api_is_up)),
        *away,
        ("GET", "/k8s/pod/logs", lambda store, asked: _log(store, asked)),
        ("GET", "(?!/apis/v[12]beta1/).*", _unknown),
    ]


def _health(store: Store, *, api_is_up: bool) -> dict[str, Any]:
    """Always with status 200."""
    own = {"frontendCommitHash": "0", "apiServerReady": api_is_up}
    return {**own, "multi_user": store.multi_user, "apiServerMultiUser": store.multi_user} if api_is_up else own


def _log(store: Store, asked: Request) -> str:
    """The pod is looked for in a namespace; what run it is of does not count."""
    pod, namespace = asked.query.get("podname", ""), asked.query.get("podnamespace", "")
    if store.multi_user and not namespace:
        raise Refusal(422, "podnamespace argument is required")
    for run_id, course in store.courses.items():
        home = store.experiments[store.runs[run_id].experiment_id].namespace or ""
        if namespace in (home, "") and pod in dict(course.pods()):
            try:
                return store.log(run_id, pod)
            except Refusal as refusal:
                raise Refusal(500, "Could not get main container logs: Error: not found") from refusal
    raise Refusal(404, "pod not found")


def _nobody(store: Store, asked: Request) -> Any:
    raise Refusal(504, "Error occurred while trying to proxy: localhost/")


def _unknown(store: Store, asked: Request) -> Any:
    raise Refusal(404, _PAGE)
