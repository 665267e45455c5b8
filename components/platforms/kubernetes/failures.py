"""What keeps a service or its pods from coming up, read from objects as JSON values, and when it is there to stay.

KServe itself does not tell: beside a good pod it stays Ready while a bad model rolls out, and a server that dies, an
image that cannot be pulled or a pod without a node leave its status as it was.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from components.platforms.kubernetes.connection import Object

SOURCE_URI = "internal.serving.kserve.io/storage-initializer-sourceuri"
#: Waiting reasons out of which no container comes by itself, and those that a slow containerd may cause, which the
#: kubelet then mends; with the seconds that each may last.
_DOES_NOT_START = {
    **dict.fromkeys(("InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError"), 0.0),
    **dict.fromkeys(("CreateContainerError", "RunContainerError"), 20.0),
}
_PULL_FAILS = {"ErrImagePull", "ImagePullBackOff"}
#: Of a pull that failed the pod speaks until the next one, which may take long and succeed, is over (kubernetes#19077).
#: So only some refusals count soon: the image is not there, or nobody answers at that address.
_FOR_GOOD = re.compile(
    r"not found|unknown|denied|unauthorized|\b40[13]\b|connection refused|no such host", re.IGNORECASE
)
#: Reasons of problems that are told apart, by the pod's condition and the container's state in which they show.
NO_NODE, ENDED, NOT_STARTED = "PodScheduled", "terminated", "ContainerCreating"
#: What events alone tell of a pod that does not start, and what says that it came further than that.
_BEFORE_START = {"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"}
_STARTS = {"Pulling", "Pulled", "Created", "Started"}
#: A cluster's autoscaler and Karpenter, of a pod that they add a node for.
_GROWS = {"TriggeredScaleUp", "Nominated"}


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


def with_events(found: list[Problem], events: Callable[[str], list[Object]]) -> list[Problem]:
    """Without the pods that only wait for a node which the cluster is adding, or for an image; why others do not start
    is told by their events. `events`: those of a pod, by its name."""
    return [each for problem in found for each in _with_events(problem, events)]


def _with_events(problem: Problem, events: Callable[[str], list[Object]]) -> list[Problem]:
    if problem.reason not in (NO_NODE, NOT_STARTED):
        return [problem]
    told = {event.get("reason"): event.get("message", "") for event in events(problem.pod)}
    if problem.reason == NO_NODE:
        return [] if _GROWS & told.keys() else [problem]
    why = [f"{reason}: {told[reason]}" for reason in told if reason in _BEFORE_START]
    return [replace(problem, found=f"{problem.found}: {why[-1]}")] if why and not _STARTS & told.keys() else []


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
    yield from _of_source(pod)
    # An initializer that starts with its node may once be too early for the cloud's credentials.
    for kind, allowed in (("initContainerStatuses", 1), ("containerStatuses", 0)):
        for container in status.get(kind, []):
            if not container.get("ready"):
                yield from _waits(container, pod=name)
                yield from _ended(container, pod=name, allowed=allowed)
    if status.get("phase") == "Failed" and status.get("reason"):
        yield Problem(f"pod {name} failed: {status['reason']}: {status.get('message', '')}")
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            # Room may yet be made: by a pod that is going, or by a cluster that grows.
            yield Problem(f"pod {name} cannot be scheduled: {condition.get('message', '')}", 20.0, NO_NODE, name)


def _of_source(pod: Object) -> Iterator[Problem]:
    """KServe's webhook gives each pod what fetches its model, but not in the namespaces of control planes."""
    meta, spec = pod["metadata"], pod.get("spec", {})
    if _source(pod).startswith("gs://") and "containers" in spec and not spec.get("initContainers"):
        why = "KServe's webhook has not changed it. Has the namespace a label control-plane, as kubeflow has?"
        yield Problem(f"pod {meta['name']} has no storage-initializer: {why} Models are served in another one", 5.0)


def _ends(container: Object) -> int:
    """How often it has ended: the count of restarts knows nothing of the last time, until it is started again."""
    return int(container.get("restartCount", 0)) + ("running" not in container.get("state", {}))


def _last_end(container: Object) -> Object | None:
    states = (container.get(which, {}).get("terminated") for which in ("state", "lastState"))
    return next(filter(None, states), None)


def _waits(container: Object, *, pod: str) -> Iterator[Problem]:
    who = f"{container['name']} of pod {pod}"
    waiting = container.get("state", {}).get("waiting", {})
    reason, message = waiting.get("reason"), waiting.get("message", "")
    why = f"{reason}: {message}"
    if reason in _DOES_NOT_START:
        yield Problem(f"{who} does not start: {why}", _DOES_NOT_START[reason])
    if reason in _PULL_FAILS:
        found = f"{who} does not start, its image {container['image']} cannot be pulled: {why}"
        told = message.replace(container["image"], "")  # whose tag may be any word or number
        grace_s = 6.0 if _FOR_GOOD.search(told) else 60.0
        yield Problem(found, grace_s, "ErrImagePull", pod)
    if reason == NOT_STARTED:
        yield Problem(f"{who} does not start", 60.0, NOT_STARTED, pod)


def _ended(container: Object, *, pod: str, allowed: int) -> Iterator[Problem]:
    ended = _last_end(container)
    if ended and _ends(container) > allowed:
        who, said = f"{container['name']} of pod {pod}", ended.get("message", "").strip()
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
    if deployment.get("status", {}).get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return  # what it says is of what was asked before
    for condition in deployment.get("status", {}).get("conditions", []):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            yield Problem(f"no pod can be made: {condition.get('message', '')}", grace_s=5.0)
        if condition["type"] == "Progressing" and condition["status"] == "False":
            yield Problem(f"the Deployment gave up: {condition.get('message', '')}")


def _source(item: Object) -> str:
    return str(item["metadata"].get("annotations", {}).get(SOURCE_URI, ""))
