"""Waiting for an InferenceService that shall come up, and why it does not."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from components.platforms.kubernetes.connection import DEPLOYMENTS, INFERENCE_SERVICES, Object
from components.platforms.kubernetes.failures import Problem, is_rolled_out, problems
from pipeline.cluster_check.api_server import EVENTS, PODS, ApiServer, poll


@dataclass(frozen=True)
class Seen:
    """An InferenceService of this source, its Deployment (None where there is none) and its pods, at one moment."""

    uri: str
    service: Object | None
    deployment: Object | None
    pods: list[Object]

    @property
    def is_rolled_out(self) -> bool:
        return is_rolled_out(self.deployment, uri=self.uri)

    @property
    def has_fetched(self) -> bool:
        """Whether a pod's storage initializer has come to its end without a fault."""
        ended = [each for pod in self.pods for each in pod.get("status", {}).get("initContainerStatuses", [])]
        return any(each.get("state", {}).get("terminated", {}).get("exitCode") == 0 for each in ended)

    @property
    def problems(self) -> list[Problem]:
        found = list(problems(self.service, self.deployment, pods=self.pods, uri=self.uri))
        return [*found, Problem("KServe has made no Deployment of it", grace_s=60.0)] if not self.deployment else found


def seen(server: ApiServer, name: str, *, uri: str) -> Seen:
    service = server.get(INFERENCE_SERVICES, name)
    deployment = server.get(DEPLOYMENTS, f"{name}-predictor")
    pods = server.get(PODS, labelSelector=f"serving.kserve.io/inferenceservice={name}")
    return Seen(uri, service.body if service.ok else None, deployment.body if deployment.ok else None, pods.items)


def obstacle(
    look: Callable[[], Seen],
    *,
    reached: Callable[[Seen], bool],
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Empty once it is `reached`; else why it will not be, or what was in the way when the time was over."""
    since: dict[str, float] = {}
    last: list[Problem] = []

    def ended() -> str | None:
        nonlocal since, last
        now = look()
        if reached(now):
            return ""
        last, at = now.problems, clock()
        since = {key: since.get(key, at) for key in (each.kind or each.found for each in last)}
        return next((each.found for each in last if at - since[each.kind or each.found] >= each.grace_s), None)

    found = poll(ended, timeout_s=timeout_s, clock=clock, sleep=sleep)
    if found is not None:
        return found
    return "; ".join([f"not within {timeout_s:.0f} s", *(each.found for each in last)])


def last_events(server: ApiServer, pods: list[Object]) -> str:
    """The last thing that was told of each pod, for a wait that ran out without a reason."""
    names = [pod["metadata"]["name"] for pod in pods]
    told = [server.get(EVENTS, fieldSelector=f"involvedObject.name={name}").items[-1:] for name in names]
    return "; ".join(str(event.get("message", "")) for events in told for event in events)
