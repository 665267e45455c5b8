"""Candidates that cannot come up: each is told in its own sentence within half a minute, and goes without a trace."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from components.platforms.kubernetes.inference_service import candidate_service
from components.platforms.kubernetes.webapp import WEBAPP_VARIABLE, webapp_url
from components.platforms.serving import KNATIVE, ServingSettings
from model.errors import InvalidValue, ServingFailed
from model.release_layout import Release
from tests.cluster.conftest import Publish, ReachablePlatform, apply, kubectl, names

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

#: Much longer than any of them may take: a message that speaks of this has missed the cause.
DEADLINE_S = 300.0
FOUND_WITHIN_S = 30.0
NOTHING_SET = ServingSettings()
LEFT_BEHIND = "inferenceservices,sparkapplications,deployments,replicasets,pods,services,leases.coordination.k8s.io"

Refused = Callable[..., str]


@pytest.fixture
def refused(platform: ReachablePlatform) -> Refused:
    """Deploys a candidate that cannot come up. Gives the error's message, once nothing of it is left."""

    def deploy(release: Release, *, settings: ServingSettings = NOTHING_SET) -> str:
        started = time.monotonic()
        with pytest.raises(ServingFailed) as caught:
            platform.deploy_candidate(release, run_id="run-1", timeout_s=DEADLINE_S, settings=settings)
        took_s = time.monotonic() - started
        print(f"{release.model_name}: {took_s:.1f} s: {caught.value}")
        platform.remove_candidate(release.model_name)

        assert took_s < FOUND_WITHIN_S
        assert f"after {DEADLINE_S:.0f} s" not in str(caught.value)
        assert names(platform.connection.namespace, LEFT_BEHIND) == []
        return str(caught.value)

    return deploy


@contextmanager
def standing(manifest: dict[str, Any], *, namespace: str) -> Iterator[None]:
    """An object of an administrator's, while the block runs."""
    apply(manifest, namespace=namespace)
    try:
        yield
    finally:
        kubectl("delete", f"{manifest['kind']}/{manifest['metadata']['name']}", "--namespace", namespace)


def test_a_release_that_is_not_there(refused: Refused, bucket: Any) -> None:
    missing = Release("missing", 404, "sha256:404", f"gs://{bucket.name}/missing/releases/404")

    message = refused(missing)

    assert "storage-initializer of pod missing-candidate-predictor" in message
    assert "ended with exit code" in message
    assert f"gs://{bucket.name}/missing/releases/404" in message


def test_a_server_that_dies(refused: Refused, publish: Publish, aborts_on_load: Path) -> None:
    message = refused(publish(aborts_on_load, model_name="dies", version=1))

    assert "kserve-container of pod dies-candidate-predictor" in message
    assert "ended with exit code" in message
    assert "the model aborts" in message


def test_a_model_that_the_server_refuses(refused: Refused, publish: Publish, truncated_variables: Path) -> None:
    message = refused(publish(truncated_variables, model_name="short", version=1))

    assert "kserve-container of pod short-candidate-predictor" in message
    assert "expected short-candidate version 1 to load" in message
    assert "Read less bytes than requested" in message


def test_an_image_that_does_not_exist(
    platform: ReachablePlatform, refused: Refused, publish: Publish, retail_propensity: Path
) -> None:
    release = publish(retail_propensity, model_name="unpulled", version=1)
    found = kubectl("get", "clusterservingruntime", "kserve-tensorflow-serving", "--output", "json")
    spec = json.loads(found)["spec"]
    spec["containers"][0]["image"] = "10.244.255.1:1/serving:none"
    runtime = {"apiVersion": "serving.kserve.io/v1alpha1", "kind": "ServingRuntime", "metadata": {"name": "changed"}}

    with standing({**runtime, "spec": spec}, namespace=platform.connection.namespace):
        message = refused(release)

    assert "its image 10.244.255.1:1/serving:none cannot be pulled" in message


def test_a_pod_that_fits_on_no_node(refused: Refused) -> None:
    release = Release("large", 1, "sha256:1", "gs://models/large/releases/1")

    message = refused(release, settings=ServingSettings(cpu="1000"))

    assert "pod large-candidate-predictor" in message
    assert "cannot be scheduled" in message
    assert "Insufficient cpu" in message


def test_a_service_account_that_does_not_exist(refused: Refused) -> None:
    release = Release("unknown", 1, "sha256:1", "gs://models/unknown/releases/1")

    message = refused(release, settings=ServingSettings(service_account="nobody"))

    assert 'serviceaccount "nobody" not found' in message


def test_a_quota_that_leaves_no_room_for_a_pod(platform: ReachablePlatform, refused: Refused) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}

    with standing(quota, namespace=platform.connection.namespace):
        message = refused(Release("forbidden", 1, "sha256:1", "gs://models/forbidden/releases/1"))

    assert "no pod can be made" in message
    assert "exceeded quota: none" in message


def test_knative_mode_where_knative_is_not_installed(refused: Refused) -> None:
    release = Release("serverless", 1, "sha256:1", "gs://models/serverless/releases/1")

    message = refused(release, settings=ServingSettings(deployment_mode=KNATIVE))

    assert "ServerlessModeRejected" in message


def test_a_name_too_long_for_the_cluster(platform: ReachablePlatform, refused: Refused) -> None:
    release = Release("n" * 40, 1, "sha256:1", "gs://models/n/releases/1")

    message = refused(release)

    assert f"{'n' * 40}-candidate-predictor-{platform.connection.namespace}" in message
    assert "must be no more than 63 characters" in message


def test_a_uri_that_kserve_does_not_know(refused: Refused) -> None:
    message = refused(Release("scheme", 1, "sha256:1", "ftp://models/scheme/releases/1"))

    assert "StorageURI not supported" in message or "storageUri" in message


def test_a_setting_that_the_api_server_refuses(refused: Refused) -> None:
    release = Release("misspelt", 1, "sha256:1", "gs://models/misspelt/releases/1")

    message = refused(release, settings=ServingSettings(service_account="No Such Name"))

    assert "No Such Name" in message


def test_what_is_said_of_an_earlier_candidate_of_that_name_is_no_reason(
    platform: ReachablePlatform, refused: Refused
) -> None:
    namespace = platform.connection.namespace
    about = {"kind": "InferenceService", "name": "again-candidate", "namespace": namespace, "uid": "of-an-earlier-one"}
    said = {"type": "Warning", "reason": "Outdated", "message": "no longer so", "lastTimestamp": "2099-01-01T00:00:00Z"}
    event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "outdated"}, "involvedObject": about, **said}

    with standing(event, namespace=namespace):
        message = refused(
            Release("again", 1, "sha256:1", "gs://models/again/releases/1"),
            settings=ServingSettings(deployment_mode=KNATIVE),
        )

    assert "ServerlessModeRejected" in message
    assert "Outdated" not in message


def test_a_candidate_that_something_else_made_is_left_alone(platform: ReachablePlatform) -> None:
    release, namespace = (
        Release("foreign", 1, "sha256:1", "gs://models/foreign/releases/1"),
        platform.connection.namespace,
    )
    body = candidate_service(release, run_id="", namespace=namespace, settings=NOTHING_SET)
    body["metadata"]["annotations"] = {"serving.kserve.io/deploymentMode": "Standard"}
    apply(body, namespace=namespace)

    with pytest.raises(InvalidValue, match="made by something else"):
        platform.remove_candidate("foreign")

    assert names(namespace, "inferenceservices") != []


def test_the_web_application_is_looked_for_before_it_is_called(
    platform: ReachablePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    namespace = platform.connection.namespace
    meta, ports = {"name": "savedmodel-release-webapp"}, [{"port": 8080}]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": ports}}
    monkeypatch.delenv(WEBAPP_VARIABLE, raising=False)

    with pytest.raises(ServingFailed, match="expected a Service savedmodel-release-webapp; found none"):
        webapp_url(platform.connection)
    with standing(service, namespace=namespace):
        found = webapp_url(platform.connection)
    monkeypatch.setenv(WEBAPP_VARIABLE, "https://shop.example/")

    assert found == f"http://savedmodel-release-webapp.{namespace}.svc.cluster.local:8080"
    assert webapp_url(platform.connection) == "https://shop.example"
