"""A namespace of a real cluster, an object store beside it, and the platform under the pipeline's own service account.

They run where they are asked for by name: KUBECONFIG=… pytest -m cluster tests/cluster. The cluster needs KServe, the
Spark operator, a Cloud Storage emulator that the storage initializer is pointed to, the images of
cluster/load-test-images, and an address for its Services that can be reached from here.
"""

import json
import math
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config

from components.contracts import Expectations
from components.platforms.kubernetes.connection import NAMESPACE_VARIABLE, Connection
from components.platforms.kubernetes.platform import NOTHING_SET, KubernetesPlatform
from components.platforms.serving import ServingSettings
from components.promote_release.promotion import promote
from model.endpoint import Endpoint
from model.release_layout import Release, release_uri
from model.savedmodel import read_saved_model
from model.storage import open_storage

HOW = "needs a cluster: KUBECONFIG=… pytest -m cluster tests/cluster"
BASE = Path(__file__).resolve().parents[2] / "cluster" / "base"
#: The weights of the export `retail_retrained`.
RETRAINED = {"intercept": 0.02, "bounces_weight": -0.07, "time_on_site_weight": 0.00017}
#: Longer than a service takes to come up here.
WAIT_S = 120.0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("KUBECONFIG") and "cluster" in str(config.getoption("-m")):
        return
    for item in items:
        if item.get_closest_marker("cluster"):
            item.add_marker(pytest.mark.skip(reason=HOW))


def kubectl(*arguments: str, stdin: str = "") -> str:
    """The kubectl on PATH, else the one that stands beside the cluster's kubeconfig."""
    beside = Path(os.environ["KUBECONFIG"]).parent / "bin" / "kubectl"
    command = [shutil.which("kubectl") or str(beside), *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def admin() -> Any:
    """The client of whoever set the cluster up."""
    return config.new_client_from_config(os.environ["KUBECONFIG"])


@contextmanager
def made_namespace(manifests: str) -> Iterator[str]:
    name = f"release-tests-{uuid.uuid4().hex[:6]}"
    kubectl("create", "namespace", name)
    try:
        kubectl("apply", "--namespace", name, "--filename", "-", stdin=manifests)
        yield name
    finally:
        kubectl("delete", "namespace", name, "--timeout=120s")


@pytest.fixture(scope="session")
def base(admin: Any) -> list[dict[str, Any]]:
    """The objects of cluster/base."""
    return [each for each in yaml.safe_load_all(kubectl("kustomize", str(BASE))) if each]


@pytest.fixture(scope="session")
def namespace(base: list[dict[str, Any]]) -> Iterator[str]:
    """A namespace of this session's own, with all of cluster/base."""
    with made_namespace(yaml.safe_dump_all(base)) as name:
        yield name


@pytest.fixture(scope="session")
def accounts_namespace(base: list[dict[str, Any]]) -> Iterator[str]:
    """A second one, with the accounts and roles of cluster/base, and nothing that runs or is released there."""
    accounts = [each for each in base if each["kind"] in ("ServiceAccount", "Role", "RoleBinding")]
    with made_namespace(yaml.safe_dump_all(accounts)) as name:
        yield name


@pytest.fixture(scope="session")
def kubeconfig(admin: Any, accounts_namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """How the pipeline's service account reaches the API server: with its own rights, and no more."""
    request = {"spec": {"expirationSeconds": 7200}}
    core = client.CoreV1Api(admin)
    token = core.create_namespaced_service_account_token("savedmodel-release", accounts_namespace, request)
    reached = {"server": admin.configuration.host, "certificate-authority": admin.configuration.ssl_ca_cert}
    context = {"cluster": "tests", "user": "steps", "namespace": accounts_namespace}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "tests",
        "contexts": [{"name": "tests", "context": context}],
        "clusters": [{"name": "tests", "cluster": reached}],
        "users": [{"name": "steps", "user": {"token": token.status.token}}],
    }
    path = tmp_path_factory.mktemp("account") / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture(scope="session")
def connection(kubeconfig: Path) -> Connection:
    """The API server as the pipeline's steps reach it."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("KUBECONFIG", str(kubeconfig))
        environment.delenv(NAMESPACE_VARIABLE, raising=False)
        return Connection.from_environment()


@dataclass(frozen=True)
class ReachablePlatform(KubernetesPlatform):
    """The platform, for a client outside the cluster's DNS: gRPC is called at the Service's address."""

    def wait_until_live(self, release: Release, *, timeout_s: float) -> Endpoint:
        return self._reachable(super().wait_until_live(release, timeout_s=timeout_s))

    def deploy_candidate(
        self, release: Release, *, run_id: str, timeout_s: float, settings: ServingSettings = NOTHING_SET
    ) -> Endpoint:
        deployed = super().deploy_candidate(release, run_id=run_id, timeout_s=timeout_s, settings=settings)
        return self._reachable(deployed)

    def _reachable(self, endpoint: Endpoint) -> Endpoint:
        service = self.connection.service(f"{endpoint.model_name}-predictor")
        assert service is not None
        return replace(endpoint, grpc_target=f"{service['spec']['clusterIP']}:9000")


@pytest.fixture
def platform(connection: Connection, service_names: None) -> Iterator[ReachablePlatform]:
    """The platform; whatever a test leaves is removed, without the time that live services take to go."""
    yield ReachablePlatform(connection)
    here, servers = ("--namespace", connection.namespace), "--selector=serving.kserve.io/inferenceservice"
    kubectl("delete", "inferenceservices", "--all", *here, "--cascade=foreground", "--wait=false")
    kubectl("delete", "pods", servers, *here, "--grace-period=0", "--force")
    assert until_nothing_is_left(connection.namespace, "inferenceservices") == []
    assert until_nothing_is_left(connection.namespace, "deployments,pods", servers) == []


@pytest.fixture
def service_names(admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of the cluster's Services, resolved as its DNS would."""
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        if str(host).endswith(".svc.cluster.local"):
            name, namespace = str(host).split(".")[:2]
            host = client.CoreV1Api(admin).read_namespaced_service(name, namespace).spec.cluster_ip
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.fixture(scope="session")
def emulator(admin: Any) -> str:
    """URL of the Cloud Storage emulator, as the storage initializer is given it."""
    found = client.CustomObjectsApi(admin).get_cluster_custom_object(
        "serving.kserve.io", "v1alpha1", "clusterstoragecontainers", "default"
    )
    environment = {each["name"]: each["value"] for each in found["spec"]["container"]["env"]}
    return str(environment["STORAGE_EMULATOR_HOST"])


@pytest.fixture(scope="session")
def bucket(emulator: str) -> Any:
    """A bucket of this session's own."""
    from google.cloud import storage

    store = storage.Client.create_anonymous_client()
    store = storage.Client(project="tests", credentials=store._credentials, client_options={"api_endpoint": emulator})
    return store.create_bucket(f"release-tests-{uuid.uuid4().hex[:6]}")


Publish = Callable[..., Release]


@pytest.fixture(scope="session")
def publish(bucket: Any) -> Publish:
    """Puts an export where a release of that version stands."""

    def put(export: Path, *, model_name: str, version: int) -> Release:
        uri = release_uri(f"gs://{bucket.name}", model_name, version)
        for path in sorted(each for each in export.rglob("*") if each.is_file()):
            place = f"{model_name}/releases/{version}/{version}/{path.relative_to(export)}"
            bucket.blob(place).upload_from_filename(str(path))
        return Release(model_name, version, f"sha256:{version}", uri)

    return put


def expectations_of(export: Path, *, weights: dict[str, float]) -> Expectations:
    """What the sample model with these weights answers to a visit of 7363 seconds without a bounce."""
    signature = read_saved_model(str(export), storage=open_storage(str(export))).signatures[0]
    buys = 1 / (1 + math.exp(-weights["intercept"] - 7363 * weights["time_on_site_weight"]))
    outputs = {
        "predicted_will_buy_on_return_visit": [["1"]],
        "will_buy_on_return_visit_probs": [[buys, 1 - buys]],
        "will_buy_on_return_visit_values": [["1", "0"]],
    }
    return Expectations(signature, rows=1, inputs={"bounces": [0], "time_on_site": [7363]}, outputs=outputs)


def probability_of(expectations: Expectations) -> float:
    return float(expectations.outputs["will_buy_on_return_visit_probs"][0][0])


def run_to_its_end(
    release: Release, *, expectations: Expectations, platform: KubernetesPlatform, run_id: str
) -> tuple[str, Endpoint]:
    """Deploys and promotes the release, removes the candidate and lets the model's next run begin."""
    live = platform.live_service(release.model_name)
    if (live is None or live.release != release) and not platform.has_candidate(release):
        platform.deploy_candidate(release, run_id=run_id, timeout_s=WAIT_S)
    try:
        return promote(release, expectations=expectations, platform=platform, run_id=run_id, timeout_s=WAIT_S)
    finally:
        platform.remove_candidate(release.model_name)
        platform.let_go(release.model_name, run_id=run_id)


def names(namespace: str, kinds: str, *options: str) -> list[str]:
    return kubectl("get", kinds, *options, "--namespace", namespace, "--output", "name").split()


def until_nothing_is_left(namespace: str, kinds: str, *options: str, timeout_s: float = 60.0) -> list[str]:
    """What is still there of these kinds when the time is over, or an empty list as soon as nothing is."""
    deadline = time.monotonic() + timeout_s
    while (left := names(namespace, kinds, *options)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return left


def attributes(verb: str, group: str, resource: str, *, namespace: str) -> dict[str, str]:
    """What an access review asks for; `resource` may name a subresource, as in `pods/log`."""
    resource, _, sub = resource.partition("/")
    return {"namespace": namespace, "verb": verb, "group": group, "resource": resource, "subresource": sub}


def may(connection: Connection, verb: str, *, group: str, resource: str) -> bool:
    """Whether the pipeline's account has this right in its namespace, by the API server's own word."""
    body = {"spec": {"resourceAttributes": attributes(verb, group, resource, namespace=connection.namespace)}}
    answer = client.AuthorizationV1Api(connection.api).create_self_subject_access_review(body)
    return bool(answer.status.allowed)


def apply(manifest: dict[str, Any], *, namespace: str) -> None:
    kubectl("apply", "--namespace", namespace, "--filename", "-", stdin=json.dumps(manifest))
