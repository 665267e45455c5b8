"""What keeps a service or its pods from coming up, read from objects as JSON values, and when it is there to stay.

KServe itself does not tell: beside a good pod it stays Ready while a bad model rolls out, and a server that dies, an
image that cannot be pulled or a pod without a node leave its status as it was.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from components.platforms.kubernetes.connection import Object

SOURCE_URI = "internal.serving.kserve.io/storage-initializer-sourceuri"
#: Waiting reasons out of which no container comes by itself.
_NEVER_STARTS = {
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
}
#: A registry may refuse once. The kubelet tells of it when it tries again, which is up to fifteen seconds later.
_PULL_FAILS = {"ErrImagePull", "ImagePullBackOff"}
#: Reasons of problems that are told apart, by the pod's condition and the container's state in which they show.
NO_NODE, ENDED = "PodScheduled", "terminated"


@dataclass(frozen=True)
class Problem:
    """What is in the way. It counts once it has been seen for `grace_s` seconds without a break. Two with one `reason`
    and one `pod` are the same problem, whatever their words."""

    found: str
    grace_s: float = 0.0
    reason: str = ""
    pod: str = ""


class Outlasted:
    """Remembers since when each problem has been seen without a break."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}

    def first(self, found: list[Problem]) -> Problem | None:
        """The first that counts, of all those that are seen now."""
        now = self._clock()
        self._since = {
            key: self._since.get(key, now) for key in [each.reason + (each.pod or each.found) for each in found]
        }
        return next(
            (each for each in found if now - self._since[each.reason + (each.pod or each.found)] >= each.grace_s), None
        )


def without_growth(found: list[Problem], events: Callable[[str], list[Object]]) -> list[Problem]:
    """Without the pods that only wait for a node which the cluster is adding. `events`: those of a pod, by its name."""
    return [
        each
        for each in found
        if each.reason != NO_NODE or all(event.get("reason") != "TriggeredScaleUp" for event in events(each.pod))
    ]


def is_rolled_out(deployment: Object | None, *, uri: str) -> bool:
    """Whether KServe has taken the URI up, and every pod is of that template and ready."""
    if deployment is None or _source(deployment) != uri:
        return False
    wanted, status = deployment["spec"].get("replicas", 1), deployment.get("status", {})
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")]
    return status.get("observedGeneration", 0) >= deployment["metadata"]["generation"] and counts == [wanted] * 4


def is_routed(service: Object) -> bool:
    """Knative: whether the newest revision is the one that is ready. Right after a change both may still be the former
    one: which version answers, the server itself must say."""
    status = service.get("status", {})
    predictor = status.get("components", {}).get("predictor", {})
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", []))
    revision = predictor.get("latestCreatedRevision")
    return ready and bool(revision) and predictor.get("latestReadyRevision") == revision


def problems(service: Object | None, deployment: Object | None, *, pods: list[Object], uri: str) -> Iterator[Problem]:
    """Every reason that can be seen, the most telling first. `pods`: all of the service's, whatever they serve."""
    if service is None:
        yield Problem("the InferenceService is gone: somebody deleted it")
        return
    for pod in pods_of(uri, pods):
        yield from pod_problems(pod)
    yield from _of_service(service.get("status", {}))
    if deployment is not None and _source(deployment) == uri:
        yield from _of_deployment(deployment)


def pods_of(uri: str, pods: list[Object]) -> list[Object]:
    """Those that serve the URI and are there to stay."""
    return [pod for pod in pods if _source(pod) == uri and "deletionTimestamp" not in pod["metadata"]]


def pod_problems(pod: Object) -> Iterator[Problem]:
    name, status = pod["metadata"]["name"], pod.get("status", {})
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        if not container.get("ready"):
            yield from _of_container(container, pod=name)
    if status.get("phase") == "Failed" and status.get("reason"):
        yield Problem(f"pod {name} failed: {status['reason']}: {status.get('message', '')}")
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            # Room may yet be made: by a pod that is going, or by a cluster that grows.
            yield Problem(f"pod {name} cannot be scheduled: {condition.get('message', '')}", 20.0, NO_NODE, name)


def _of_container(container: Object, *, pod: str) -> Iterator[Problem]:
    who = f"{container['name']} of pod {pod}"
    state = container.get("state", {})
    waiting = state.get("waiting", {})
    reason = waiting.get("reason")
    why = f"{reason}: {waiting.get('message', '')}"
    if reason in _NEVER_STARTS:
        yield Problem(f"{who} does not start: {why}")
    if reason in _PULL_FAILS:
        found = f"{who} does not start, its image {container['image']} cannot be pulled: {why}"
        yield Problem(found, 6.0, "ErrImagePull", pod)
    ended = state.get("terminated") or container.get("lastState", {}).get("terminated")
    if ended:
        said = ended.get("message", "").strip()
        sentence = f"{who} ended with exit code {ended['exitCode']} ({ended.get('reason', 'Error')})"
        yield Problem(f"{sentence}. Its last log lines:\n{said}" if said else sentence, reason=ENDED)


def _of_service(status: Object) -> Iterator[Problem]:
    model = status.get("modelStatus", {})
    if model.get("transitionStatus") == "InvalidSpec":
        # KServe goes on trying, with growing gaps: a runtime may be about to be installed.
        yield Problem(f"KServe: {model.get('lastFailureInfo', {}).get('message', 'InvalidSpec')}", grace_s=10.0)
    for condition in status.get("conditions", []):
        if condition["type"] == "PredictorReady" and condition.get("reason") in ("ReconcileFailed", "InternalError"):
            yield Problem(f"KServe: {condition.get('message', condition['reason'])}", grace_s=10.0)


def _of_deployment(deployment: Object) -> Iterator[Problem]:
    for condition in deployment.get("status", {}).get("conditions", []):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            yield Problem(f"no pod can be made: {condition.get('message', '')}", grace_s=5.0)
        if condition["type"] == "Progressing" and condition["status"] == "False":
            yield Problem(f"the Deployment gave up: {condition.get('message', '')}")


def _source(item: Object) -> str:
    return str(item["metadata"].get("annotations", {}).get(SOURCE_URI, ""))
