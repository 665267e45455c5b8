"""Fixtures of the tests that make whole releases; such a test module names this one in `pytest_plugins`."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from model.sample import export as sample
from tests.cluster import storage_front
from tests.cluster.conftest import apply, kubectl
from tests.cluster.release_jobs import CLUSTER
from tests.cluster.release_place import QUICK, WEBAPP, Place, Released, Train, released
from tests.conftest import Build


@pytest.fixture(scope="session")
def place(admin: Any, emulator: str, visits: Path) -> Iterator[Place]:
    """A namespace of its own, so that what is live there stays while other tests clear theirs."""
    with made_ready(admin, emulator=emulator, rows=visits) as place:
        yield place


@contextmanager
def made_ready(admin: Any, *, emulator: str, rows: Path) -> Iterator[Place]:
    """A namespace as cluster/overlays/kind sets it up, and a bucket of the same name."""
    namespace = f"release-runs-{uuid.uuid4().hex[:6]}"
    bucket = _new_bucket(namespace, emulator=emulator)
    bucket.blob("rows/visits.csv").upload_from_filename(str(rows))
    kubectl("create", "namespace", namespace)
    try:
        kubectl("apply", "--namespace", namespace, "--kustomize", str(CLUSTER / "overlays" / "kind"))
        front = _front(namespace, emulator=emulator)
        kubectl("wait", "--for=condition=Ready", "pod/store", "--namespace", namespace, "--timeout=60s")
        kubectl("rollout", "status", f"deployment/{WEBAPP}", "--namespace", namespace, "--timeout=60s")
        yield Place(admin, namespace, bucket, emulator, front)
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false")


def _new_bucket(name: str, *, emulator: str) -> Any:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]
    store = storage.Client("tests", credentials=nobody, client_options={"api_endpoint": emulator})
    return store.create_bucket(name)


def _front(namespace: str, *, emulator: str) -> str:
    """URL, inside the cluster, of the emulator behind tests/cluster/storage_front.py."""
    container = {
        "name": "front",
        "image": "python:3.11-slim",
        "command": ["python3", "-c", Path(storage_front.__file__).read_text(), emulator],
        "readinessProbe": {"tcpSocket": {"port": 4443}, "periodSeconds": 1},
    }
    meta, ports = {"name": "store", "labels": {"app": "store"}}, [{"port": 4443}]
    for kind, spec in (
        ("Pod", {"containers": [container], "terminationGracePeriodSeconds": 1}),
        ("Service", {"selector": meta["labels"], "ports": ports}),
    ):
        apply({"apiVersion": "v1", "kind": kind, "metadata": meta, "spec": spec}, namespace=namespace)
    return f"http://store.{namespace}.svc.cluster.local:4443"


@pytest.fixture(scope="session")
def trained(built: Callable[[Build], Path]) -> Train:
    """The sample model trained again, with that intercept: the same signature, slightly other answers."""

    def train(intercept: float) -> Path:
        def build(directory: Path) -> Path:
            sample.build(directory, weights={**sample.VARIABLES, "intercept": intercept})
            return directory

        build.__name__ = f"retail_{intercept:g}"
        return built(build)

    return train


@pytest.fixture(scope="session")
def first(place: Place, retail_propensity: Path) -> Released:
    """The first release of the model `rpm`."""
    return released(place, retail_propensity)


@pytest.fixture(scope="session")
def replaced(place: Place, first: Released, retail_retrained: Path) -> Released:
    """A second release of `rpm`, over the first."""
    return released(place, retail_retrained, **QUICK)
