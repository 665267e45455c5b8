"""Waiting for an InferenceService that shall come up, and why it does not."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from components.platforms.kubernetes.connection import DEPLOYMENTS, INFERENCE_SERVICES, Object
from components.platforms.kubernetes.failures import Outlasted, Problem, is_rolled_out, problems, with_events
from pipeline.cluster_check.api_server import EVENTS, PODS, ApiServer, poll

NOT_IN_TIME = "not within"


@dataclass(frozen=True)
class Seen:
    """An InferenceService of this source, its Deployment (None where there is none) and its pods, at one moment.
    complaints: what KServe says in events where it makes no Deployment; events: those of a pod, by its name."""

    uri: str
    service: Object | None
    deployment: Object | None
    pods: list[Object]
    complaints: tuple[str, ...] = ()
    events: Callable[[str], list[Object]] = lambda name: []

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
        if self.deployment is None:
            found += [Problem(f"KServe: {text}", grace_s=5.0) for text in self.complaints]
            found += [Problem("KServe has made no Deployment of it", grace_s=60.0)]
        return with_events(found, self.events)


def seen(server: ApiServer, name: str, *, uri: str) -> Seen:
    service = server.get(INFERENCE_SERVICES, name)
    deployment = server.get(DEPLOYMENTS, f"{name}-predictor")
    pods = server.get(PODS, labelSelector=f"serving.kserve.io/inferenceservice={name}")
    complaints = () if deployment.ok else tuple(": ".join(each) for each in warnings(server, name)[-1:])
    return Seen(
        uri,
        service.body if service.ok else None,
        deployment.body if deployment.ok else None,
        pods.items,
        complaints,
        events=lambda pod: events(server, pod),
    )


def events(server: ApiServer, name: str) -> list[Object]:
    """Those about the object of this name."""
    return server.get(EVENTS, fieldSelector=f"involvedObject.name={name}").items


def warnings(server: ApiServer, name: str) -> list[tuple[str, str]]:
    """Reason and message of the events of that type."""
    told = [each for each in events(server, name) if each.get("type") == "Warning"]
    return [(each["reason"], each.get("message", "")) for each in told]


def obstacle(
    look: Callable[[], Seen],
    *,
    reached: Callable[[Seen], bool],
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Empty once it is `reached`; else why it will not be, or what was in the way when the time was over."""
    outlasted, last = Outlasted(clock), list[Problem]()

    def ended() -> str | None:
        nonlocal last
        now = look()
        if reached(now):
            return ""
        last = now.problems
        final = outlasted.first(last)
        return final.found if final else None

    found = poll(ended, timeout_s=timeout_s, clock=clock, sleep=sleep)
    if found is not None:
        return found
    return "; ".join([f"{NOT_IN_TIME} {timeout_s:.0f} s", *(each.found for each in last)])


def told_of(server: ApiServer, pods: list[Object]) -> str:
    """The last warning about each pod, for a wait that ran out without a reason."""
    told = [warnings(server, pod["metadata"]["name"])[-1:] for pod in pods]
    return "; ".join(message for events in told for _, message in events)
