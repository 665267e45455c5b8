"""What keeps a service from coming up, read from the objects that KServe makes of it. Pure functions over JSON values.

KServe itself does not tell: beside a good pod it stays Ready while a bad model rolls out, and a server that dies, an
image that cannot be pulled or a pod without a node leave its status as it was.
"""

from collections.abc import Iterator
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


@dataclass(frozen=True)
class Problem:
    """One reason. It counts once it, or another of its `kind`, has been seen for `grace_s` seconds without a break."""

    found: str
    grace_s: float = 0.0
    kind: str = ""


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
        who = f"{container['name']} of pod {name}"
        if not container.get("ready"):
            yield from _of_container(container, who=who)
    if status.get("phase") == "Failed" and status.get("reason"):
        yield Problem(f"pod {name} failed: {status['reason']}: {status.get('message', '')}")
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            # Room may yet be made: by a pod that is going, or by a cluster that grows.
            yield Problem(f"pod {name} cannot be scheduled: {condition.get('message', '')}", grace_s=20.0)


def _of_container(container: Object, *, who: str) -> Iterator[Problem]:
    state = container.get("state", {})
    waiting = state.get("waiting", {})
    reason, message = waiting.get("reason"), waiting.get("message", "")
    if reason in _NEVER_STARTS:
        yield Problem(f"{who} does not start: {reason}: {message}")
    if reason in _PULL_FAILS:
        found = f"{who} does not start, its image {container['image']} cannot be pulled: {reason}: {message}"
        yield Problem(found, grace_s=6.0, kind=f"image {who}")
    ended = state.get("terminated") or container.get("lastState", {}).get("terminated")
    if ended:
        said = ended.get("message", "").strip()
        sentence = f"{who} ended with exit code {ended['exitCode']} ({ended.get('reason', 'Error')})"
        yield Problem(f"{sentence}. Its last log lines:\n{said}" if said else sentence)


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
        kind, state = condition["type"], condition["status"]
        if kind == "ReplicaFailure" and state == "True":
            yield Problem(f"no pod can be made: {condition.get('message', '')}", grace_s=5.0)
        if kind == "Progressing" and state == "False":
            yield Problem(f"the Deployment gave up: {condition.get('message', '')}")


def _source(item: Object) -> str:
    return str(item["metadata"].get("annotations", {}).get(SOURCE_URI, ""))
