"""Candidates that cannot come up: each is told in a sentence of its own, long before the wait's deadline."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.platforms.kubernetes.inference_service import candidate_service
from components.platforms.kubernetes.platform import WEBAPP_VARIABLE
from components.platforms.serving import ServingSettings
from model.errors import InvalidValue, ServingFailed
from model.release_layout import Release
from tests.cluster.conftest import Publish, ReachablePlatform, apply, kubectl, names

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

#: Much longer than any of them may take: a message that speaks of this has missed the cause.
DEADLINE_S = 300.0


def refused(platform: ReachablePlatform, release: Release) -> str:
    with pytest.raises(ServingFailed) as caught:
        platform.deploy_candidate(release, run_id="run-1", timeout_s=DEADLINE_S)
    platform.remove_candidate(release.model_name)
    assert names(platform.connection.namespace, "inferenceservices,deployments,pods") == []
    assert f"after {DEADLINE_S:.0f} s" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def runtime(platform: ReachablePlatform) -> Any:
    """Changes the container of the TensorFlow runtime, in the tests' namespace."""
    found = kubectl("get", "clusterservingruntime", "kserve-tensorflow-serving", "--output", "json")
    namespace = platform.connection.namespace

    def change(**container: Any) -> None:
        spec = json.loads(found)["spec"]
        spec["containers"][0].update(container)
        kind = {"apiVersion": "serving.kserve.io/v1alpha1", "kind": "ServingRuntime"}
        apply({**kind, "metadata": {"name": "changed"}, "spec": spec}, namespace=namespace)

    yield change
    kubectl("delete", "servingruntime", "changed", "--namespace", namespace)


def test_a_release_that_is_not_there(platform: ReachablePlatform, bucket: Any) -> None:
    missing = Release("missing", 404, "sha256:404", f"gs://{bucket.name}/missing/releases/404")

    message = refused(platform, missing)

    assert "storage-initializer of pod missing-candidate-predictor" in message
    assert f"gs://{bucket.name}/missing/releases/404" in message


def test_a_server_that_dies(platform: ReachablePlatform, publish: Publish, aborts_on_load: Path) -> None:
    message = refused(platform, publish(aborts_on_load, model_name="dies", version=1))

    assert "kserve-container of pod dies-candidate-predictor" in message
    assert "ended with exit code" in message
    assert "the model aborts" in message


def test_weights_that_are_cut_short(platform: ReachablePlatform, publish: Publish, truncated_variables: Path) -> None:
    message = refused(platform, publish(truncated_variables, model_name="short", version=1))

    assert "the server of pod short-candidate-predictor" in message
    assert "did not load it" in message


def test_an_image_that_does_not_exist(
    platform: ReachablePlatform, publish: Publish, retail_propensity: Path, runtime: Any
) -> None:
    runtime(image="10.244.255.1:1/serving:none")

    message = refused(platform, publish(retail_propensity, model_name="unpulled", version=1))

    assert "its image 10.244.255.1:1/serving:none cannot be pulled" in message


def test_a_pod_that_fits_on_no_node(
    platform: ReachablePlatform, publish: Publish, retail_propensity: Path, runtime: Any
) -> None:
    runtime(resources={"requests": {"cpu": "1000"}, "limits": {"cpu": "1000"}})

    message = refused(platform, publish(retail_propensity, model_name="large", version=1))

    assert "cannot be scheduled" in message
    assert "Insufficient cpu" in message


def test_a_uri_that_kserve_does_not_know(platform: ReachablePlatform) -> None:
    message = refused(platform, Release("scheme", 1, "sha256:1", "ftp://models/scheme/releases/1"))

    assert "StorageURI not supported" in message or "storageUri" in message


def test_a_candidate_that_something_else_made_is_left_alone(platform: ReachablePlatform) -> None:
    release = Release("foreign", 1, "sha256:1", "gs://models/foreign/releases/1")
    body = candidate_service(release, run_id="", namespace=platform.connection.namespace, settings=ServingSettings())
    body["metadata"]["annotations"] = {"serving.kserve.io/deploymentMode": "Standard"}
    apply(body, namespace=platform.connection.namespace)

    with pytest.raises(InvalidValue, match="made by something else"):
        platform.remove_candidate("foreign")

    assert names(platform.connection.namespace, "inferenceservices") != []


def test_the_web_application_is_looked_for_before_it_is_called(
    platform: ReachablePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    namespace = platform.connection.namespace
    meta, ports = {"name": "savedmodel-release-webapp"}, [{"port": 8080}]
    monkeypatch.delenv(WEBAPP_VARIABLE, raising=False)

    with pytest.raises(ServingFailed, match="expected a Service savedmodel-release-webapp; found none"):
        platform.webapp_url()
    apply({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": ports}}, namespace=namespace)
    found = platform.webapp_url()
    kubectl("delete", "service", "savedmodel-release-webapp", "--namespace", namespace)
    monkeypatch.setenv(WEBAPP_VARIABLE, "https://shop.example/")

    assert found == f"http://savedmodel-release-webapp.{namespace}.svc.cluster.local:8080"
    assert platform.webapp_url() == "https://shop.example"
