"""KServe: its kinds, whether its controller looks at the namespace, in which mode, and what serves TensorFlow."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from components.platforms.kubernetes.connection import DEPLOYMENTS, INFERENCE_SERVICES, Kind, Object
from components.platforms.kubernetes.kserve_version import OLDEST, SCHEMA_PATH, UPGRADE, is_too_old
from pipeline.cluster_check import runtimes
from pipeline.cluster_check.api_server import CONFIG_MAPS, Answer, ApiServer, poll
from pipeline.cluster_check.findings import Finding, State
from pipeline.cluster_check.installation import is_served, kinds_finding
from pipeline.cluster_check.modes import KNATIVE, STANDARD, mode_finding, mode_named
from pipeline.cluster_check.rollout import warnings
from pipeline.cluster_check.runtimes import Served
from pipeline.cluster_check.throwaway import LABELS, NO_NODE, lacking_right, no_creation, throwaway, unique_name

KINDS, CONTROLLER = "KServe's kinds", "KServe's controller"
SERVING_RUNTIMES = Kind("serving.kserve.io", "v1alpha1", "servingruntimes")
CLUSTER_RUNTIMES = Kind("serving.kserve.io", "v1alpha1", "clusterservingruntimes")
KNATIVE_SERVICES = Kind("serving.knative.dev", "v1", "services")
MODE_ANNOTATION = "serving.kserve.io/deploymentMode"
#: KServe's own namespace.
HOME = "kserve"
INSTALL = "Install KServe, https://kserve.github.io/website (Standard mode, formerly RawDeployment, suffices)."
_LOOK = f"See whether its controller runs (in namespace {HOME}, or kubeflow), and what it logs."
_LOOK_COMMAND = f"kubectl -n {HOME} get pods && kubectl -n {HOME} logs deployment/kserve-controller-manager --tail=20"


@dataclass(frozen=True)
class Observed:
    """What became of a trial InferenceService. service, deployment: as they stood last, or `{}`; warnings: reason and
    message of its events of that type; unseen: why Deployments cannot be seen."""

    created: Answer
    service: Object
    deployment: Object
    warnings: tuple[tuple[str, str], ...] = ()
    unseen: str = ""

    @property
    def status(self) -> Object:
        found: Object = self.service.get("status") or {}
        return found

    @property
    def mode(self) -> str:
        return KNATIVE if self.lacks_knative else mode_named(str(self.status.get("deploymentMode", "")))

    @property
    def lacks_knative(self) -> bool:
        return any(reason == "ServerlessModeRejected" for reason, _ in self.warnings)

    @property
    def has_invalid_spec(self) -> bool:
        return bool(self.status.get("modelStatus", {}).get("transitionStatus") == "InvalidSpec")

    @property
    def is_settled(self) -> bool:
        """Whether more waiting tells no more. Other failures may pass: KServe tries again."""
        revision = self.status.get("components", {}).get("predictor", {}).get("latestCreatedRevision")
        made = revision or ((self.deployment or self.unseen) and self.mode)
        return bool(made or self.lacks_knative or self.has_invalid_spec) or not self.created.ok

    @property
    def refusal(self) -> str:
        """Why KServe makes nothing of it, although it looked."""
        if self.has_invalid_spec:
            return str(self.status["modelStatus"].get("lastFailureInfo", {}).get("message") or "InvalidSpec")
        for condition in self.status.get("conditions", []):
            if condition.get("status") == "False" and condition.get("reason") in ("ReconcileFailed", "InternalError"):
                return f"{condition['reason']}: {condition.get('message', '')}"
        return next((f"{reason}: {message}" for reason, message in reversed(self.warnings)), "")

    @property
    def runtime(self) -> Served | None:
        """What serves it; None where no Deployment was made, which alone names the image."""
        kinds = {"servingRuntimeName": "ServingRuntime", "clusterServingRuntimeName": "ClusterServingRuntime"}
        named = [f"{kind} {self.status[field]}" for field, kind in kinds.items() if self.status.get(field)]
        pod = self.deployment.get("spec", {}).get("template", {}).get("spec", {})
        return Served((*named, "the runtime that KServe chose")[0], runtimes.image_of(pod)) if pod else None


def findings(server: ApiServer, *, skip: str, timeout_s: float) -> list[Finding]:
    """`skip`: why nothing may be created; empty if something may."""
    served = {kind: is_served(server, kind) for kind in (INFERENCE_SERVICES, SERVING_RUNTIMES, CLUSTER_RUNTIMES)}
    kinds = kinds_finding(KINDS, served, do=INSTALL)
    if kinds.state is not State.OK:
        return [kinds]
    # A trial InferenceService could not be deleted again.
    if is_too_old(json.dumps(server.ask("GET", SCHEMA_PATH).body)):
        return [replace(kinds, state=State.MISSING, found=f"{kinds.found}: of a KServe before {OLDEST}", do=UPGRADE)]
    untried = (
        Finding(CONTROLLER, State.SKIPPED, skip) if skip else lacking_right(server, INFERENCE_SERVICES, CONTROLLER)
    )
    if untried is not None:
        return [kinds, untried, _mode(server, seen=""), _runtime(server, seen=None)]
    observed = probe(server, timeout_s=timeout_s)
    mode = _mode(server, seen=observed.mode)
    if observed.mode not in ("", STANDARD):
        observed = probe(server, mode=STANDARD, timeout_s=timeout_s)
    controller = controller_finding(observed, namespace=server.namespace, timeout_s=timeout_s)
    return [kinds, controller, mode, _runtime(server, seen=observed.runtime)]


def _mode(server: ApiServer, *, seen: str) -> Finding:
    config = server.get(CONFIG_MAPS, "inferenceservice-config", namespace=HOME)
    return mode_finding(config, seen=seen, has_knative=is_served(server, KNATIVE_SERVICES).ok)


def _runtime(server: ApiServer, *, seen: Served | None) -> Finding:
    clusterwide = server.get(CLUSTER_RUNTIMES, namespace="")
    return runtimes.runtime_finding(server.get(SERVING_RUNTIMES), clusterwide, seen=seen)


def probe(server: ApiServer, *, mode: str = "", timeout_s: float) -> Observed:
    """Makes an InferenceService that can never serve, and looks until KServe has done something about it. `mode`: empty
    for the cluster's own."""
    body = inference_service(unique_name("check-cluster", server.namespace), server.namespace, mode=mode)
    with throwaway(server, INFERENCE_SERVICES, body) as created:
        look = _looking(server, body["metadata"]["name"], created)
        return poll(lambda: seen if (seen := look()).is_settled else None, timeout_s=timeout_s) or look()


def inference_service(name: str, namespace: str, *, mode: str) -> Object:
    annotations = {"serving.kserve.io/autoscalerClass": "none", **({MODE_ANNOTATION: mode} if mode else {})}
    model = {
        "modelFormat": {"name": "tensorflow"},
        "storageUri": f"gs://{name}/there/is/nothing",
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "10m", "memory": "32Mi"}},
    }
    predictor = {"minReplicas": 1, "nodeSelector": NO_NODE, "terminationGracePeriodSeconds": 1, "model": model}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "namespace": namespace, "labels": LABELS, "annotations": annotations},
        "spec": {"predictor": predictor},
    }


def _looking(server: ApiServer, name: str, created: Answer) -> Callable[[], Observed]:
    def look() -> Observed:
        if not created.ok:
            return Observed(created, {}, {})
        deployment = server.get(DEPLOYMENTS, f"{name}-predictor")
        unseen = "" if deployment.ok or deployment.absent else deployment.refusal
        told = tuple(warnings(server, name))
        return Observed(created, server.get(INFERENCE_SERVICES, name).body, deployment.body, told, unseen)

    return look


def controller_finding(observed: Observed, *, namespace: str, timeout_s: float) -> Finding:
    """`observed`: an InferenceService in Standard mode, which is the pipeline's own."""
    if not observed.created.ok:
        return no_creation(observed.created, CONTROLLER, webhook="KServe's webhook", do=_LOOK, command=_LOOK_COMMAND)
    if observed.deployment:
        found = f"it looks at {namespace}, and made a Deployment of a trial InferenceService"
        return Finding(CONTROLLER, State.OK, found)
    if observed.refusal:
        found = f"it looks at {namespace}, and makes nothing of a trial InferenceService: {observed.refusal}"
        return Finding(CONTROLLER, State.MISSING, found, "Mend what the message names.", _LOOK_COMMAND)
    if observed.mode and observed.unseen:
        found = f"it looks at {namespace}; whether it made a Deployment: {observed.unseen}"
        return Finding(CONTROLLER, State.UNKNOWN, found, "Run this as somebody who may get deployments.")
    if observed.mode:
        found = f"it looks at {namespace}, and made no Deployment of a trial InferenceService within {timeout_s:.0f} s"
        return Finding(CONTROLLER, State.MISSING, found, _LOOK, _LOOK_COMMAND)
    found = f"nobody has looked at a trial InferenceService in {namespace} within {timeout_s:.0f} s: it got no status"
    return Finding(CONTROLLER, State.MISSING, found, _LOOK, _LOOK_COMMAND)
