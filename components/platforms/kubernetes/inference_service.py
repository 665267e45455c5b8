"""How a release stands on the cluster: an InferenceService, and what is written on it."""

import json
from dataclasses import replace
from typing import Any

from components.platforms import PROMOTED, LiveService
from components.platforms.kubernetes.connection import Object
from components.platforms.names import candidate_name
from components.platforms.serving import KNATIVE, STANDARD, ServingSettings, node_selector, tolerations
from model import json_codec
from model.errors import InvalidValue
from model.release_layout import Release

LIVE_ANNOTATION = "savedmodel-release/live"
CANDIDATE_ANNOTATION = "savedmodel-release/candidate-of-run"
#: The settings that a candidate was deployed with, and that its promotion takes over.
SETTINGS_ANNOTATION = "savedmodel-release/serving"
#: The predictor that a promotion replaced, as it was, and what the annotations said that it changed; null for nothing.
FORMER_ANNOTATION = "savedmodel-release/former-predictor"
MODE_ANNOTATION = "serving.kserve.io/deploymentMode"
REST_PORT, GRPC_PORT = 8080, 9000
#: The runtime's own arguments come first. A load that failed once fails again; without this, TensorFlow Serving tries
#: five times, a minute apart, before it opens a port or ends. It does not mind SIGTERM, so gRPC channels, kept for good
#: otherwise, are renewed often enough for a pod that goes to be without any in time.
_ARGS = ["--max_num_load_retries=0", "--grpc_channel_arguments=grpc.max_connection_age_ms=5000"]
#: Kubeflow's namespaces give each pod a sidecar of Istio, which lets no step in: Kubeflow Pipelines gives those none.
OUTSIDE_THE_MESH = {"sidecar.istio.io/inject": "false"}
#: A pod goes on answering for so long after it is told to end, until everyone has forgotten its address.
_DRAIN_S, _GRACE_S = 10, 30


def candidate_service(release: Release, *, run_id: str, namespace: str, settings: ServingSettings) -> Object:
    """One replica, which goes away at once when it is told to: nobody but the run calls it."""
    name = candidate_name(release.model_name)
    annotations = {CANDIDATE_ANNOTATION: run_id, SETTINGS_ANNOTATION: settings.to_json()}
    body = _render(name, release, namespace=namespace, settings=settings, annotations=annotations)
    predictor = body["spec"]["predictor"]
    predictor["minReplicas"] = 1
    if settings.deployment_mode != KNATIVE:
        predictor["terminationGracePeriodSeconds"] = 1
        predictor["model"].pop("lifecycle")
    return body


def live_service(service: LiveService, *, namespace: str, settings: ServingSettings) -> Object:
    """The live InferenceService, with `service` written on it: both change in one write, so no crash parts them."""
    annotations = {LIVE_ANNOTATION: json_codec.to_json(service), SETTINGS_ANNOTATION: settings.to_json()}
    name = service.release.model_name
    return _render(name, service.release, namespace=namespace, settings=settings, annotations=annotations)


def promoted_into(found: Object, body: Object, *, keep_former: bool) -> Object:
    """The live InferenceService `found`, changed to be as `body` says. The predictor that it had is written on it, so
    that a rollback brings back the very same one; `keep_former`: the one that is written there already stays, since
    `found` is itself an unfinished promotion."""
    kept = found["metadata"].get("annotations", {})
    ours = {name: body["metadata"]["annotations"][name] for name in (LIVE_ANNOTATION, SETTINGS_ANNOTATION)}
    former = kept.get(FORMER_ANNOTATION, _written(found)) if keep_former else _written(found)
    annotations = {**kept, **ours, FORMER_ANNOTATION: former}
    return _changed(found, annotations, predictor=_laid_over(found, body["spec"]["predictor"]))


def _written(found: Object) -> str:
    """What brings the predictor of `found` back: for FORMER_ANNOTATION."""
    kept = found["metadata"].get("annotations", {})
    annotations = {name: kept.get(name) for name in (LIVE_ANNOTATION, SETTINGS_ANNOTATION)}
    return json.dumps({"predictor": found["spec"]["predictor"], "annotations": annotations})


def _laid_over(found: Object, wanted: Object) -> Object:
    """The predictor of `found` with each field that `wanted` speaks of replaced whole: of two kinds of probe Kubernetes
    takes none, and nobody has tried the labels of two settings at once. What the settings of `found` have set goes with
    them, but for the number of replicas; all else stays."""
    set_by = replace(settings_of(found), replicas=0)
    was_set = live_service(written_on(found), namespace="", settings=set_by)["spec"]["predictor"]
    had = found["spec"]["predictor"]
    laid = {**_over(had, wanted, was_set), "model": _over(had["model"], wanted["model"], was_set["model"])}
    if "labels" in wanted:  # somebody's own stay, and may say otherwise
        laid["labels"] = {**wanted["labels"], **had.get("labels", {})}
    if 0 < laid.get("maxReplicas", 0) < wanted.get("minReplicas", 0):
        laid["maxReplicas"] = wanted["minReplicas"]
    return laid


def _over(had: Object, wanted: Object, was_set: Object) -> Object:
    return {**{name: value for name, value in had.items() if name not in was_set}, **wanted}


def put_back(found: Object, service: LiveService) -> Object | None:
    """The live InferenceService `found` with the predictor that a promotion replaced; None if that one served another
    release than `service` names. What it replaces itself is written on it, for a rollback that does not succeed."""
    kept = found["metadata"].get("annotations", {})
    former = json.loads(kept.get(FORMER_ANNOTATION, "{}"))
    if storage_uri({"spec": former}) != service.release.uri:
        return None
    annotations = {**kept, **former["annotations"], LIVE_ANNOTATION: json_codec.to_json(service)}
    annotations[FORMER_ANNOTATION] = _written(found)
    annotations = {name: text for name, text in annotations.items() if text is not None}
    return _changed(found, annotations, predictor=former["predictor"])


def _changed(found: Object, annotations: dict[str, str], *, predictor: Object) -> Object:
    meta, spec = {**found["metadata"], "annotations": annotations}, {**found["spec"], "predictor": predictor}
    return {**found, "metadata": meta, "spec": spec}


def settings_of(found: Object) -> ServingSettings:
    """The settings that are written on an InferenceService, in the mode that it is in: that one never changes."""
    annotations = found["metadata"].get("annotations", {})
    mode = found.get("status", {}).get("deploymentMode") or annotations.get(MODE_ANNOTATION, "")
    written = json_codec.from_json(ServingSettings, annotations.get(SETTINGS_ANNOTATION) or "{}")
    return replace(written, deployment_mode=KNATIVE if mode in (KNATIVE, "Serverless") else STANDARD)


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
    name: str, release: Release, *, namespace: str, settings: ServingSettings, annotations: dict[str, str]
) -> dict[str, Any]:
    """Resources, image and node come from the ServingRuntime (a namespaced one goes before the cluster's) where
    `settings` does not say otherwise."""
    import kserve
    from kubernetes import client

    mode = {MODE_ANNOTATION: settings.deployment_mode}
    if settings.deployment_mode != KNATIVE:
        mode["serving.kserve.io/autoscalerClass"] = "none"
    metadata = client.V1ObjectMeta(
        name=name,
        namespace=namespace,
        labels={"app.kubernetes.io/managed-by": "savedmodel-release"},
        annotations={**mode, **annotations},
    )
    built = kserve.V1beta1InferenceService(
        api_version="serving.kserve.io/v1beta1",
        kind="InferenceService",
        metadata=metadata,
        spec=kserve.V1beta1InferenceServiceSpec(predictor=_predictor(name, release, settings)),
    )
    rendered: dict[str, Any] = client.ApiClient().sanitize_for_serialization(built)
    rendered["spec"]["predictor"]["model"].pop("name", None)  # the SDK writes "", KServe forbids a name
    return rendered


def _predictor(name: str, release: Release, settings: ServingSettings) -> Any:
    """Knative has its own way to roll out and to drain, and refuses the fields for it."""
    import kserve
    from kubernetes import client

    rolling = client.V1RollingUpdateDeployment(max_surge=1, max_unavailable=0)
    standard = (
        {}
        if settings.deployment_mode == KNATIVE
        else {
            "deployment_strategy": client.V1DeploymentStrategy(type="RollingUpdate", rolling_update=rolling),
            "termination_grace_period_seconds": _GRACE_S,
            "labels": OUTSIDE_THE_MESH,
        }
    )
    return kserve.V1beta1PredictorSpec(
        model=_model(name, release.uri, settings),
        min_replicas=settings.replicas or None,
        service_account_name=settings.service_account or None,
        node_selector=node_selector(settings.node_selector, parameter="serving_node_selector") or None,
        tolerations=tolerations(settings.tolerations, parameter="serving_tolerations") or None,
        **standard,
    )


def _model(name: str, uri: str, settings: ServingSettings) -> Any:
    """Ready means that the model answers: KServe's own probe would ask whether the first port is open."""
    import kserve
    from kubernetes import client

    rest = client.V1ContainerPort(name="http1", container_port=REST_PORT, protocol="TCP")
    grpc = client.V1ContainerPort(name="h2c", container_port=GRPC_PORT, protocol="TCP")
    answers = client.V1HTTPGetAction(path=f"/v1/models/{name}/metadata", port=REST_PORT)
    drain = client.V1Lifecycle(pre_stop=client.V1LifecycleHandler(sleep=client.V1SleepAction(seconds=_DRAIN_S)))
    one_port = settings.deployment_mode == KNATIVE
    wanted = {key: text for key, text in (("cpu", settings.cpu), ("memory", settings.memory)) if text}
    return kserve.V1beta1ModelSpec(
        model_format=kserve.V1beta1ModelFormat(name="tensorflow"),
        storage_uri=uri,
        runtime_version=settings.image_version or None,
        args=_ARGS,
        ports=[rest] if one_port else [rest, grpc],
        readiness_probe=client.V1Probe(http_get=answers, period_seconds=2, timeout_seconds=5),
        lifecycle=None if one_port else drain,
        resources=client.V1ResourceRequirements(requests=wanted, limits=wanted) if wanted else None,
        termination_message_policy="FallbackToLogsOnError",
    )
