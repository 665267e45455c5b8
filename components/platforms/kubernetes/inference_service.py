"""How a release stands on the cluster: an InferenceService, and what is written on it."""

from dataclasses import dataclass
from typing import Any

from components.platforms import PROMOTED, LiveService
from components.platforms.kubernetes.connection import Object
from model import json_codec
from model.errors import InvalidValue
from model.release_layout import Release

LIVE_ANNOTATION = "savedmodel-release/live"
CANDIDATE_ANNOTATION = "savedmodel-release/candidate-of-run"
REST_PORT, GRPC_PORT = 8080, 9000
#: The runtime's own arguments come first. A load that failed once fails again; without this, TensorFlow Serving tries
#: five times, a minute apart, before it opens a port or ends.
_ARGS = ["--max_num_load_retries=0"]
#: A pod goes on answering for so long after it is told to end, until everyone has forgotten its address.
_DRAIN_S = 10


@dataclass(frozen=True)
class _Shape:
    """In what a candidate differs from the live service: nobody minds when it goes away at once."""

    grace_s: int
    drain_s: int


_CANDIDATE, _LIVE = _Shape(grace_s=1, drain_s=0), _Shape(grace_s=_DRAIN_S + 20, drain_s=_DRAIN_S)


def candidate_name(model_name: str) -> str:
    return f"{model_name}-candidate"


def candidate_service(release: Release, *, run_id: str, namespace: str) -> Object:
    name = candidate_name(release.model_name)
    return _render(name, release, namespace=namespace, annotation=(CANDIDATE_ANNOTATION, run_id), shape=_CANDIDATE)


def live_inference_service(service: LiveService, *, namespace: str) -> Object:
    """The live InferenceService, with `service` written on it: both change in one write, so no crash parts them."""
    annotation = (LIVE_ANNOTATION, json_codec.to_json(service))
    return _render(service.release.model_name, service.release, namespace=namespace, annotation=annotation, shape=_LIVE)


def storage_uri(found: Object) -> str:
    return str(found["spec"].get("predictor", {}).get("model", {}).get("storageUri", ""))


def written_on(found: Object) -> LiveService:
    """What the live InferenceService says of itself. One that something else made counts as promoted, with what it
    serves.

    Raises:
        InvalidValue: it serves no TensorFlow model from a URI, so it cannot be put back after a change.
    """
    meta, uri = found["metadata"], storage_uri(found)
    text = meta.get("annotations", {}).get(LIVE_ANNOTATION)
    service = json_codec.from_json(LiveService, text) if text else None
    if service is not None and service.release.uri == uri:
        return service
    if not uri or found["spec"]["predictor"]["model"].get("modelFormat", {}).get("name") != "tensorflow":
        raise InvalidValue(
            expected="no InferenceService of that name, or one of a TensorFlow model with a storageUri",
            found="another kind of InferenceService",
            where=f"{meta['namespace']}/{meta['name']}",
            do="Choose another model_name.",
        )
    last = uri.rstrip("/").rsplit("/", 1)[-1]
    adopted = Release(meta["name"], version=int(last) if last.isdecimal() else 0, digest="", uri=uri)
    return LiveService(release=adopted, run_id="", phase=PROMOTED)


def _render(
    name: str, release: Release, *, namespace: str, annotation: tuple[str, str], shape: _Shape
) -> dict[str, Any]:
    """An InferenceService in Standard mode. Resources, image and node come from the ServingRuntime: a namespaced one
    goes before the cluster's."""
    import kserve
    from kubernetes import client

    metadata = client.V1ObjectMeta(
        name=name,
        namespace=namespace,
        labels={"app.kubernetes.io/managed-by": "savedmodel-release"},
        annotations={
            "serving.kserve.io/deploymentMode": "Standard",
            "serving.kserve.io/autoscalerClass": "none",
            annotation[0]: annotation[1],
        },
    )
    rolling = client.V1RollingUpdateDeployment(max_surge=1, max_unavailable=0)
    predictor = kserve.V1beta1PredictorSpec(
        model=_model(name, release.uri, drain_s=shape.drain_s),
        min_replicas=1,
        deployment_strategy=client.V1DeploymentStrategy(type="RollingUpdate", rolling_update=rolling),
        termination_grace_period_seconds=shape.grace_s,
    )
    built = kserve.V1beta1InferenceService(
        api_version="serving.kserve.io/v1beta1",
        kind="InferenceService",
        metadata=metadata,
        spec=kserve.V1beta1InferenceServiceSpec(predictor=predictor),
    )
    rendered: dict[str, Any] = client.ApiClient().sanitize_for_serialization(built)
    rendered["spec"]["predictor"]["model"].pop("name", None)  # the SDK writes "", KServe forbids a name
    return rendered


def _model(name: str, uri: str, *, drain_s: int) -> Any:
    """Ready means that the model answers: KServe's own probe would ask whether the first port is open."""
    import kserve
    from kubernetes import client

    ports = [
        client.V1ContainerPort(name="http1", container_port=REST_PORT, protocol="TCP"),
        client.V1ContainerPort(name="h2c", container_port=GRPC_PORT, protocol="TCP"),
    ]
    answers = client.V1HTTPGetAction(path=f"/v1/models/{name}/metadata", port=REST_PORT)
    drain = client.V1Lifecycle(pre_stop=client.V1LifecycleHandler(sleep=client.V1SleepAction(seconds=drain_s)))
    return kserve.V1beta1ModelSpec(
        model_format=kserve.V1beta1ModelFormat(name="tensorflow"),
        storage_uri=uri,
        args=_ARGS,
        ports=ports,
        readiness_probe=client.V1Probe(http_get=answers, period_seconds=2, timeout_seconds=5),
        lifecycle=drain if drain_s else None,
        termination_message_policy="FallbackToLogsOnError",
    )
