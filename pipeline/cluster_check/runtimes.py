"""Which runtime KServe takes for a TensorFlow model that names none."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.platforms.kubernetes.connection import Object
from pipeline.cluster_check.api_server import Answer
from pipeline.cluster_check.findings import Finding, State

RUNTIME = "TensorFlow runtime"
#: The server's container, in a runtime and in the Deployment that is made of it.
CONTAINER = "kserve-container"
#: What KServe ships to this day.
OLD_IMAGE = "tensorflow/serving:2.6.2"
_DO = (
    "Give the cluster a ClusterServingRuntime, or the namespace a ServingRuntime, for tensorflow with autoSelect: true."
)
_OLD = "It is of 2021: set the parameter serving_image_version, or give the namespace a ServingRuntime of your own."


@dataclass(frozen=True)
class Served:
    """What serves an InferenceService: `by`, in words, and the server's image."""

    by: str
    image: str


def runtime_finding(namespaced: Answer, clusterwide: Answer, *, seen: Served | None) -> Finding:
    """namespaced, clusterwide: the runtimes listed. seen: what KServe took for an InferenceService, if one was made."""
    if seen is not None:
        return _judged(seen)
    unread = next((answer for answer in (namespaced, clusterwide) if not answer.ok), None)
    chosen = chosen_runtime(namespaced.items, clusterwide.items if namespaced.ok else [])
    if chosen is not None:
        return _judged(Served(_named(chosen), image_of(chosen["spec"])))
    if unread is not None:
        do = "Run this as somebody who may list servingruntimes and clusterservingruntimes."
        return Finding(RUNTIME, State.UNKNOWN, f"the runtimes cannot be listed: {unread.refusal}", do)
    return Finding(RUNTIME, State.MISSING, _why_none([*namespaced.items, *clusterwide.items]), _DO)


def chosen_runtime(namespaced: Sequence[Object], clusterwide: Sequence[Object]) -> Object | None:
    """The namespace's go before the cluster's; then the highest priority counts, then the youngest."""
    for runtimes in (namespaced, clusterwide):
        fitting = [each for each in runtimes if _takes_tensorflow(each["spec"]) and _autoselects(each["spec"])]
        if fitting:
            return max(fitting, key=lambda each: (_priority(each["spec"]), each["metadata"]["creationTimestamp"]))
    return None


def _takes_tensorflow(spec: Object) -> bool:
    """Over KServe's first protocol, which TensorFlow Serving speaks; no protocol named means all."""
    protocols = spec.get("protocolVersions") or ["v1"]
    return bool(_formats(spec)) and "v1" in protocols and not spec.get("disabled")


def _formats(spec: Object) -> list[Object]:
    return [each for each in spec.get("supportedModelFormats", []) if each.get("name") == "tensorflow"]


def _autoselects(spec: Object) -> bool:
    return any(each.get("autoSelect") for each in _formats(spec))


def _priority(spec: Object) -> int:
    return max(each.get("priority") or 0 for each in _formats(spec))


def image_of(pod: Object) -> str:
    """The server's, in a runtime's or a pod's spec."""
    containers = pod.get("containers", [])
    return next((str(each.get("image", "")) for each in containers if each.get("name") == CONTAINER), "")


def _named(runtime: Object) -> str:
    kind = "ServingRuntime" if runtime["metadata"].get("namespace") else "ClusterServingRuntime"
    return f"{kind} {runtime['metadata']['name']}"


def _judged(served: Served) -> Finding:
    found = f"{served.by} with the image {served.image or '(none named)'}"
    if served.image.endswith(OLD_IMAGE):
        return Finding(RUNTIME, State.WARNING, found, _OLD)
    return Finding(RUNTIME, State.OK, found)


def _why_none(runtimes: Sequence[Object]) -> str:
    manual = [each["metadata"]["name"] for each in runtimes if _takes_tensorflow(each["spec"])]
    disabled = [
        each["metadata"]["name"] for each in runtimes if _formats(each["spec"]) and each["spec"].get("disabled")
    ]
    if manual:
        return f"only runtimes that are not chosen by themselves (autoSelect): {', '.join(manual)}"
    if disabled:
        return f"only runtimes that are disabled: {', '.join(disabled)}"
    return f"none of {len(runtimes)} runtimes takes TensorFlow models over protocol v1"
