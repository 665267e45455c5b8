"""The log of a step, by whichever way it is served.

/apis/v1alpha1/runs/RUN/nodes/POD/log    the API server's own; the UI does not pass it on
/apis/v2beta1/runs/RUN/nodes/POD/log     what newer API servers have in its place; the UI passes it on
/k8s/pod/logs?podname=POD&…              the UI's own
"""

from collections.abc import Callable
from urllib.parse import urlencode

from pipeline.kubeflow.errors import (
    AccessDenied,
    BackendError,
    BackendRefused,
    BackendUnavailable,
    LoginNeeded,
    NotTheBackend,
)
from pipeline.kubeflow.runs import Run

#: From a run, a pod of it and the user's namespace (empty in single-user mode) to path and query.
Way = Callable[[Run, str, str], str]
#: As the UI words it; any other 404 comes from something that does not know the way.
_NO_POD = "pod not found"


def _v1alpha1(run: Run, pod: str, namespace: str) -> str:
    return f"/apis/v1alpha1/runs/{run.run_id}/nodes/{pod}/log"


def _v2beta1(run: Run, pod: str, namespace: str) -> str:
    return f"/apis/v2beta1/runs/{run.run_id}/nodes/{pod}/log"


def _ui(run: Run, pod: str, namespace: str) -> str:
    """createdat: where the pod has gone, the archive has the log below that day."""
    day = run.created.date().isoformat() if run.created else ""
    asked = {"podname": pod, "runid": run.run_id, "podnamespace": namespace, "createdat": day}
    return f"/k8s/pod/logs?{urlencode({name: value for name, value in asked.items() if value})}"


_WAYS: tuple[Way, ...] = (_v1alpha1, _v2beta1, _ui)


class StepLogs:
    """Remembers the way that was served. endpoint: what `get` asks; links: where a browser finds the UI."""

    def __init__(self, get: Callable[[str], str], *, endpoint: str, links: str) -> None:
        """get: the text at a path. It raises BackendError."""
        self._get, self._endpoint, self._links = get, endpoint, links
        self._served = _WAYS[0]

    def read(self, run: Run, pod: str, *, namespace: str) -> str:
        """Empty where logs are served, and none of this pod.

        Raises:
            NotTheBackend: nothing there serves logs.
            BackendError
        """
        refusals: list[BackendError] = []
        for way in sorted(_WAYS, key=lambda each: each is not self._served):
            try:
                text = self._get(way(run, pod, namespace))
            except BackendError as error:
                if not _tells_of_no_log(error):
                    if not _leads_on(error):
                        raise
                    refusals.append(error)
                    continue
                text = ""
            self._served = way
            return text
        raise next((each for each in refusals if isinstance(each, (LoginNeeded, AccessDenied))), self._not_served())

    def _not_served(self) -> NotTheBackend:
        return NotTheBackend(
            expected="the log of a step", found="neither an API nor a UI that serves logs", where=self._endpoint
        )

    def link(self, run: Run, pod: str, *, namespace: str) -> str:
        """By the way that was served; a UI that is elsewhere than the API is sure of its own way alone."""
        way = self._served if self._links == self._endpoint else _ui
        return f"{self._links}{way(run, pod, namespace)}"


def _tells_of_no_log(error: BackendError) -> bool:
    """API server and UI answer 500 whatever is wrong, which most often is that no such pod has left a log."""
    return (isinstance(error, BackendUnavailable) and error.status == 500) or _NO_POD in error.found


def _leads_on(error: BackendError) -> bool:
    """Whether another way may still be served: this one is not known there, or closed."""
    unknown = isinstance(error, BackendRefused) and error.status in (404, 405)
    return unknown or isinstance(error, (NotTheBackend, LoginNeeded, AccessDenied))
