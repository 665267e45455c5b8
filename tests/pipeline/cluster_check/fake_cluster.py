"""A cluster as its API server tells of it, on a real socket: objects by path, and what controllers make of new ones."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from kubernetes import client

from components.platforms.kubernetes.connection import RETRIES, Connection
from pipeline.cluster_check.api_server import ApiServer

Object = dict[str, Any]
NAMESPACE = "mlops"
SERVING, SPARK = "/apis/serving.kserve.io/v1beta1", "/apis/sparkoperator.k8s.io/v1beta2"
RUNTIMES = "/apis/serving.kserve.io/v1alpha1"
SERVICES = f"{SERVING}/namespaces/{NAMESPACE}/inferenceservices"
APPLICATIONS = f"{SPARK}/namespaces/{NAMESPACE}/sparkapplications"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
EVENTS = f"/api/v1/namespaces/{NAMESPACE}/events"
WEBAPP = f"/api/v1/namespaces/{NAMESPACE}/services/savedmodel-release-webapp"
SLICES = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
ACCOUNTS = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
REVIEWS = "/apis/authorization.k8s.io/v1"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
CONFIG = "/api/v1/namespaces/kserve/configmaps/inferenceservice-config"

RUNTIME: Object = {
    "metadata": {"name": "kserve-tensorflow-serving", "creationTimestamp": "2026-01-01T00:00:00Z"},
    "spec": {
        "protocolVersions": ["v1", "grpc-v1"],
        "supportedModelFormats": [{"name": "tensorflow", "version": "2", "autoSelect": True, "priority": 2}],
        "containers": [{"name": "kserve-container", "image": "tensorflow/serving:2.19.0"}],
    },
}


def failure(status: int, message: str) -> Object:
    return {"kind": "Status", "status": "Failure", "code": status, "message": message}


def forbidden(verb: str, resource: str) -> tuple[int, Object]:
    message = f'{resource} is forbidden: User "u" cannot {verb} resource "{resource}" in API group ""'
    return 403, failure(403, message)


@dataclass
class Cluster:
    """answers: what a path answers to GET or POST, whatever stands there. objects: by path. lacking: verb and resource
    that nobody has a right to. on_create: what controllers make of a new object."""

    user: str = "system:serviceaccount:mlops:savedmodel-release"
    objects: dict[str, Object] = field(default_factory=dict)
    answers: dict[str, tuple[int, Object]] = field(default_factory=dict)
    lacking: set[tuple[str, str]] = field(default_factory=set)
    on_create: Callable[["Cluster", str, Object], None] = lambda cluster, path, body: None
    asked: list[tuple[str, str]] = field(default_factory=list)
    created: list[Object] = field(default_factory=list)

    def answer(self, method: str, path: str, body: Object) -> tuple[int, Object]:
        self.asked.append((method, path))
        if path in self.answers:
            return self.answers[path]
        if path.endswith("accessreviews"):
            return 201, {"status": {"allowed": not self._lacks(body["spec"]["resourceAttributes"])}}
        if path.endswith("selfsubjectreviews"):
            return 201, {"status": {"userInfo": {"username": self.user}}}
        return getattr(self, f"_{method.lower()}")(path, body)

    def _lacks(self, attributes: Object) -> bool:
        return (attributes["verb"], attributes["resource"]) in self.lacking

    def _get(self, path: str, _: Object) -> tuple[int, Object]:
        if path in self.objects:
            return 200, self.objects[path]
        return 404, failure(404, f'"{path.rpartition("/")[2]}" not found')

    def _post(self, path: str, body: Object) -> tuple[int, Object]:
        self.created.append(body)
        self.objects[f"{path}/{body['metadata']['name']}"] = body
        self.on_create(self, path, body)
        return 201, body

    def _delete(self, path: str, _: Object) -> tuple[int, Object]:
        found = self.objects.pop(path, None)
        return (200, {"kind": "Status", "status": "Success"}) if found else (404, failure(404, "not found"))

    @property
    def left(self) -> list[str]:
        """Paths of trial objects that still stand there."""
        return [path for path in self.objects if path.startswith((f"{SERVICES}/", f"{APPLICATIONS}/"))]


def kinds(*plurals: str) -> Object:
    return {"kind": "APIResourceList", "resources": [{"name": each} for each in plurals]}


def controllers(cluster: Cluster, path: str, body: Object) -> None:
    """KServe and the Spark operator at work."""
    name = body["metadata"]["name"]
    if path == APPLICATIONS:
        body["status"] = {"applicationState": {"state": "FAILED"}}
    if path == SERVICES:
        body["status"] = {"deploymentMode": "Standard", "clusterServingRuntimeName": "kserve-tensorflow-serving"}
        cluster.objects[f"{DEPLOYMENTS}/{name}-predictor"] = {"spec": {"template": {"spec": RUNTIME["spec"]}}}


def spark_webhook(*, namespaces: list[str], resource: str = "pods") -> Object:
    """As the operator's chart installs it."""
    named = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": namespaces}
    hook = {
        "name": "mutate--v1-pod.sparkoperator.k8s.io",
        "rules": [{"apiGroups": [""], "resources": [resource]}],
        "namespaceSelector": {"matchExpressions": [named]},
    }
    return {"metadata": {"name": "spark-operator-webhook"}, "webhooks": [hook]}


def complete() -> Cluster:
    """An installation that lacks nothing."""
    ready = {"items": [{"endpoints": [{"conditions": {"ready": True}}]}]}
    objects: dict[str, Object] = {
        "/version": {"gitVersion": "v1.34.4"},
        f"/api/v1/namespaces/{NAMESPACE}": {"metadata": {"name": NAMESPACE}, "status": {"phase": "Active"}},
        SERVING: kinds("inferenceservices"),
        SPARK: kinds("sparkapplications"),
        RUNTIMES: kinds("servingruntimes", "clusterservingruntimes"),
        f"{RUNTIMES}/namespaces/{NAMESPACE}/servingruntimes": {"items": []},
        f"{RUNTIMES}/clusterservingruntimes": {"items": [RUNTIME]},
        f"{ACCOUNTS}/savedmodel-release": {"metadata": {}},
        f"{ACCOUNTS}/savedmodel-release-spark": {"metadata": {}},
        WEBAPP: {"spec": {"selector": {"app": "web"}}},
        SLICES: ready,
        WEBHOOKS: {"items": [spark_webhook(namespaces=["default", NAMESPACE])]},
        EVENTS: {"items": []},
        PODS: {"items": []},
    }
    return Cluster(objects=objects, on_create=controllers)


@contextmanager
def served(cluster: Cluster) -> Iterator[str]:
    """The cluster's API server; its URL."""

    class Handler(BaseHTTPRequestHandler):
        wbufsize, disable_nagle_algorithm = 1 << 16, True  # else each answer waits 40 ms for an acknowledgement

        def _any(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = unquote(self.path.partition("?")[0])
            status, body = cluster.answer(self.command, path, json.loads(text or b"{}"))
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _any  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 64  # else connections beyond the fifth wait a second

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def asked(cluster: Cluster) -> Iterator[ApiServer]:
    with served(cluster) as url:
        settings = client.Configuration()
        settings.host, settings.retries = url, RETRIES  # as Connection.from_environment sets them
        yield ApiServer.of(Connection(client.ApiClient(settings), NAMESPACE))
