"""Waiting for a service to serve a release, and for one to be gone."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from components.platforms.kubernetes.connection import (
    DEPLOYMENTS,
    INFERENCE_SERVICES,
    ClusterUnavailable,
    Connection,
    Object,
)
from components.platforms.kubernetes.failures import (
    Outlasted,
    Problem,
    is_rolled_out,
    is_routed,
    pods_of,
    problems,
    with_events,
)
from components.platforms.kubernetes.inference_service import GRPC_PORT, REST_PORT, settings_of
from components.platforms.names import ACCESS_SECRET
from components.platforms.serving import KNATIVE
from model.endpoint import Endpoint
from model.endpoint_access import session_for
from model.errors import ServingFailed
from model.release_layout import Release

log = logging.getLogger(__name__)

POLL_S = 0.5
#: Pods that are going still answer for a moment: so many answers in a row, each on a connection of its own, must agree.
ANSWERS_IN_A_ROW, BETWEEN_ANSWERS_S = 3, 0.2
REMOVAL_S = 180.0


@dataclass
class Wait:
    """One wait: it looks before it sleeps, ends at once on a failure that will not pass, and has a deadline."""

    connection: Connection
    name: str
    release: Release
    timeout_s: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def until_served(self) -> Endpoint:
        """Waits until the rollout is complete and the server itself names the version.

        Raises:
            ServingFailed: it does not come to, with the pod's own reason and its last log lines.
        """
        started, agreeing, outlasted = self.clock(), 0, Outlasted(self.clock)
        while True:
            endpoint, found = self._look()
            agreeing = agreeing + 1 if endpoint else 0
            if endpoint and agreeing == ANSWERS_IN_A_ROW:
                log.info("%s v%d ready after %.1f s", self.name, endpoint.version, self.clock() - started)
                return endpoint
            if final := outlasted.first(found):
                raise self._failed(final.found)
            if self.clock() - started >= self.timeout_s:
                raise self._failed(self._state(found))
            self.sleep(BETWEEN_ANSWERS_S if endpoint else POLL_S)

    def _look(self) -> tuple[Endpoint | None, list[Problem]]:
        """Where the release answers, if it does now; else why it does not."""
        try:
            service = self.connection.get(INFERENCE_SERVICES, self.name)
            knative = service is not None and settings_of(service).deployment_mode == KNATIVE
            deployment = None if knative else self.connection.get(DEPLOYMENTS, f"{self.name}-predictor")
            up = is_routed(service) if service and knative else is_rolled_out(deployment, uri=self.release.uri)
            if service is None or not up:
                return None, self._why_not(service, deployment)
            inside = self.connection.service(f"{self.name}-predictor") or {}
            # One that somebody else made may serve any version: the number in its URI need not be it.
            version = self.release.version if self.release.digest else 0
            endpoint = endpoint_of(service, inside.get("spec", {}), version=version)
        except ClusterUnavailable as error:
            log.info("looking again: %s", error)
            return None, []
        disagreement = _disagreement(endpoint)
        if disagreement and knative:
            # The former revision may still be the newest there is: what keeps the next one from coming shows elsewhere.
            return None, [Problem(disagreement, grace_s=60.0), *self._why_not(service, deployment)]
        return (None, [Problem(disagreement, grace_s=30.0)]) if disagreement else (endpoint, [])

    def _why_not(self, service: Object | None, deployment: Object | None) -> list[Problem]:
        pods = self.connection.pods(f"serving.kserve.io/inferenceservice={self.name}")
        found = list(problems(service, deployment, pods=pods, uri=self.release.uri))
        found += self._failed_loads(pods_of(self.release.uri, pods))
        if service is not None and deployment is None and not pods:
            found += self._rejections(service["metadata"]["uid"])
            found.append(Problem("KServe has made nothing of it: does it run?", grace_s=60.0))
        return with_events(found, self.connection.events)

    def _failed_loads(self, pods: list[Object]) -> Iterator[Problem]:
        """What servers say that run without being ready, and so are not behind the Service."""
        for pod in pods:
            name, ip = pod["metadata"]["name"], pod.get("status", {}).get("podIP")
            for each in _statuses(f"http://{ip}:{REST_PORT}/v1/models/{self.name}") if ip else []:
                if each["state"] == "END":
                    yield Problem(f"the server of pod {name} did not load it: {each['status']['error_message']}")

    def _rejections(self, uid: str) -> list[Problem]:
        """What KServe says in events alone, where it makes no Deployment. Events outlive what they speak of, so that
        one by the same name may have been of an earlier service."""
        events = [
            each
            for each in self.connection.events(self.name)
            if each.get("type") == "Warning" and each["involvedObject"].get("uid") == uid
        ]
        return [Problem(f"KServe: {each['reason']}: {each['message']}", grace_s=5.0) for each in events[-1:]]

    def _state(self, found: list[Problem]) -> str:
        """What a wait that ran out saw last."""
        seen = "; ".join(each.found for each in found)
        pods = self.connection.pods(f"serving.kserve.io/inferenceservice={self.name}")
        states = [f"{pod['metadata']['name']} {pod.get('status', {}).get('phase')}" for pod in pods]
        told = [event["message"] for pod in pods for event in self.connection.events(pod["metadata"]["name"])[-2:]]
        return "; ".join(filter(None, [f"none after {self.timeout_s:.0f} s", seen, f"pods: {states}", *told]))

    def _failed(self, found: str) -> ServingFailed:
        namespace = self.connection.namespace
        return ServingFailed(
            expected=f"version {self.release.version} AVAILABLE from {self.release.uri}",
            found=found.rstrip(". "),
            where=f"InferenceService {namespace}/{self.name}",
            do=f"kubectl -n {namespace} describe pods -l serving.kserve.io/inferenceservice={self.name} tells more.",
        )


def endpoint_of(service: Object, inside: Object, *, version: int) -> Endpoint:
    """Where an InferenceService answers: at its Service inside the cluster (whose spec is `inside`), or through a
    gateway under its own name. A headless Service maps no ports, one with a single port has no gRPC, and a gateway is
    asked over REST alone."""
    meta, status, settings = service["metadata"], service.get("status", {}), settings_of(service)
    name = meta["name"]
    if settings.gateway_url:
        host = urlsplit(status.get("url", "")).netloc
        return Endpoint(settings.gateway_url.rstrip("/"), "", name, version, host=host)
    in_cluster = urlsplit(status.get("address", {}).get("url", ""))
    host = in_cluster.hostname or f"{name}-predictor.{meta['namespace']}.svc.cluster.local"
    if settings.deployment_mode == KNATIVE:
        return Endpoint(f"{in_cluster.scheme or 'http'}://{in_cluster.netloc or host}", "", name, version)
    rest = f"http://{host}:{REST_PORT}" if inside.get("clusterIP") == "None" else f"http://{host}"
    has_grpc = any(port["port"] == GRPC_PORT for port in inside.get("ports", []))
    return Endpoint(rest, f"{host}:{GRPC_PORT}" if has_grpc else "", name, version)


def _disagreement(endpoint: Endpoint) -> str:
    """Empty if the server names the version (0: any), and no other, as AVAILABLE; else what it says."""
    url = f"{endpoint.rest_url}/v1/models/{endpoint.model_name}"
    with session_for(endpoint) as session:
        try:
            answer = session.get(url, timeout=5)
            statuses = answer.json().get("model_version_status", []) if answer.ok else []
        except (requests.RequestException, ValueError, AttributeError) as error:
            return f"{url} does not answer from here (steps run inside the cluster's network): {error}"
    available = [str(each["version"]) for each in statuses if each["state"] == "AVAILABLE"]
    if available == [str(endpoint.version)] or (len(available) == 1 and not endpoint.version):
        return ""
    said = f"{url} answers {answer.status_code}: {answer.text[:500]}"
    return f"{said} Is a token for it in the Secret {ACCESS_SECRET}?" if answer.status_code in (401, 403) else said


def _statuses(url: str) -> list[Object]:
    try:
        answer = requests.get(url, timeout=1)
        return list(answer.json().get("model_version_status", [])) if answer.ok else []
    except requests.RequestException:
        return []


def until_gone(
    connection: Connection,
    name: str,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Waits until the deleted InferenceService, and so all that it owns, is no more.

    Raises:
        ServingFailed: it still stands after three minutes.
    """
    deadline = clock() + REMOVAL_S
    while connection.get(INFERENCE_SERVICES, name) is not None:
        if clock() > deadline:
            raise ServingFailed(
                expected="the InferenceService to be deleted",
                found=f"it still stands after {REMOVAL_S:.0f} s",
                where=f"{connection.namespace}/{name}",
                do="See its finalizers, and whether KServe's controller runs.",
            )
        sleep(POLL_S)
