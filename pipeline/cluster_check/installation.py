"""The API server itself, the namespace, and which kinds of objects are served."""

import os
import re
from collections.abc import Mapping

from components.platforms.kubernetes.connection import Kind
from pipeline.cluster_check.api_server import NAMESPACES, Answer, ApiServer
from pipeline.cluster_check.findings import Finding, State
from pipeline.cluster_check.rights import spelled

API_SERVER, NAMESPACE = "API server", "namespace"
OLDEST_MINOR = 30
#: Of a namespace that KServe's webhook for pods does not look at; the manifests of Kubeflow give it to `kubeflow`.
CONTROL_PLANE = "control-plane"


def way_there() -> str:
    """How Connection.from_environment finds the cluster."""
    if "KUBERNETES_SERVICE_HOST" in os.environ and not os.environ.get("KUBECONFIG"):
        return "from this pod"
    return f"by the kubeconfig {os.environ.get('KUBECONFIG') or '~/.kube/config'}"


def no_way_finding(found: str) -> Finding:
    do = "Run this inside the cluster, or point KUBECONFIG at a kubeconfig file."
    return Finding(API_SERVER, State.MISSING, f"no way to one is known, {way_there()}: {found}", do)


def api_server_finding(version: Answer, *, url: str, user: str) -> Finding:
    way = way_there()
    if version.status == 401:
        do = "Sign in again; the credentials are not, or no longer, valid."
        return Finding(API_SERVER, State.MISSING, f"{url} does not know whoever asks, {way}", do)
    if not version.ok or "gitVersion" not in version.body:
        do = "Is that the address of a Kubernetes API server?"
        return Finding(API_SERVER, State.MISSING, f"{url} answers {version.refusal}, {way}", do)
    who = f", as {spelled(user)}" if user else ""
    number = re.match(r"v1\.(\d+)", str(version.body["gitVersion"]))
    if number and int(number[1]) < OLDEST_MINOR:
        do = f"Upgrade Kubernetes to 1.{OLDEST_MINOR} or later: model servers drain by a hook that is not known before."
        return Finding(API_SERVER, State.MISSING, f"{url} is Kubernetes {version.body['gitVersion']}, {way}", do)
    return Finding(API_SERVER, State.OK, f"Kubernetes {version.body['gitVersion']} at {url}, {way}{who}")


def namespace_finding(server: ApiServer, *, user: str) -> Finding:
    return judged_namespace(server.get(NAMESPACES, server.namespace, namespace=""), server.namespace, user=user)


def judged_namespace(answer: Answer, name: str, *, user: str) -> Finding:
    """`user`: whoever asks, for who lives in a namespace need not be allowed to look at it."""
    if answer.absent:
        do = "Create it, or name another with --namespace."
        return Finding(NAMESPACE, State.MISSING, f"there is no {name}", do, f"kubectl create namespace {name}")
    if answer.body.get("status", {}).get("phase") == "Terminating":
        do = "Wait until it is gone, then create it again."
        return Finding(NAMESPACE, State.MISSING, f"{name} is being deleted", do, f"kubectl create namespace {name}")
    if CONTROL_PLANE in answer.body.get("metadata", {}).get("labels", {}):
        found = f"{name} has the label {CONTROL_PLANE}: KServe's webhook leaves its pods alone, so no model gets there"
        return Finding(NAMESPACE, State.MISSING, found, "Name another with --namespace, such as a profile's.")
    if answer.ok or user.startswith(f"system:serviceaccount:{name}:"):
        return Finding(NAMESPACE, State.OK, name)
    do = "Run this as somebody who may get namespaces."
    return Finding(NAMESPACE, State.UNKNOWN, f"whether there is {name}: {answer.refusal}", do)


def is_served(server: ApiServer, kind: Kind) -> Answer:
    """200 if the API server has the kind, 404 if not: discovery, which whoever is signed in may ask."""
    answer = server.ask("GET", f"/apis/{kind.group}/{kind.version}")
    names = [each.get("name") for each in answer.body.get("resources", [])]
    return answer if not answer.ok or kind.plural in names else Answer(404, {})


def kinds_finding(check: str, served: Mapping[Kind, Answer], *, do: str, command: str = "") -> Finding:
    missing = [_spelled(kind) for kind, answer in served.items() if answer.absent]
    unasked = [answer for answer in served.values() if not answer.ok and not answer.absent]
    if unasked:
        return Finding(
            check, State.UNKNOWN, unasked[0].refusal, "Run this as somebody who may ask for the API's kinds."
        )
    if missing:
        return Finding(check, State.MISSING, f"not served: {', '.join(missing)}", do, command)
    return Finding(check, State.OK, ", ".join(f"{kind.plural} {kind.version}" for kind in served))


def _spelled(kind: Kind) -> str:
    return f"{kind.plural}.{kind.group}/{kind.version}"
