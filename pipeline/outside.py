"""A cluster seen from outside its network, where the names of its Services lead nowhere."""

import logging
import socket
from dataclasses import dataclass

from components.platforms import LiveService
from components.platforms.kubernetes.connection import INFERENCE_SERVICES, Connection
from components.platforms.kubernetes.inference_service import settings_of
from components.platforms.kubernetes.platform import KubernetesPlatform
from components.platforms.kubernetes.waiting import endpoint_of
from components.platforms.serving import KNATIVE
from model.endpoint import Endpoint
from model.errors import ServingFailed
from model.release_layout import Release
from pipeline.cluster_check.api_server import ApiServer
from pipeline.cluster_check.rollout import obstacle, seen

log = logging.getLogger(__name__)

#: A name that every cluster resolves, and only from inside.
INSIDE, PORT = "kubernetes.default.svc.cluster.local", 443


def unreached() -> str:
    """Why this is outside the cluster's network; empty inside."""
    try:
        address = socket.getaddrinfo(INSIDE, PORT, type=socket.SOCK_STREAM)[0][4]
        socket.create_connection((str(address[0]), PORT), timeout=5).close()
    except OSError as error:
        return f"{INSIDE}:{PORT} is not reached from here ({error.strerror or error})"
    return ""


def check_inside(connection: Connection, *, do: str) -> None:
    """
    Raises:
        ServingFailed: this is outside the cluster's network.
    """
    if why := unreached():
        raise ServingFailed(
            expected="to be inside the cluster's network: models are called at the names of its Services",
            found=why,
            where=f"cluster {connection.api.configuration.host}, which itself answers",
            do=do,
        )


@dataclass(frozen=True)
class KubernetesFromOutside(KubernetesPlatform):
    """Knows by the rollout alone that a release is served: a pod is ready once its model answers."""

    def wait_until_live(self, release: Release, *, timeout_s: float) -> Endpoint:
        name, server = release.model_name, ApiServer(self.connection)
        why = obstacle(
            lambda: seen(server, name, uri=release.uri), reached=lambda now: now.is_rolled_out, timeout_s=timeout_s
        )
        if why:
            raise ServingFailed(
                expected=f"all pods ready with {release.uri}",
                found=why,
                where=f"InferenceService {self.connection.namespace}/{name}",
                do=f"kubectl -n {self.connection.namespace} describe pods tells more.",
            )
        log.info("%s is rolled out with release %d; from here it cannot be asked itself", name, release.version)
        return endpoint_of(self.connection.get(INFERENCE_SERVICES, name) or {}, {}, version=release.version)

    def live_service(self, model_name: str) -> LiveService | None:
        """
        Raises:
            ServingFailed: it is in Knative mode, whose rollout does not tell.
        """
        live = self.connection.get(INFERENCE_SERVICES, model_name)
        if live and settings_of(live).deployment_mode == KNATIVE:
            check_inside(self.connection, do="Run this in a pod: Knative does not tell from outside what is served.")
        return super().live_service(model_name)


def platform_from_here() -> KubernetesPlatform:
    return (KubernetesFromOutside if unreached() else KubernetesPlatform).from_environment()
