"""The KFP shell of deploy_candidate."""

from typing import NamedTuple


def deploy_candidate(
    release: str,
    inspection: str,
    run_id: str,
    platform: str = "kubernetes",
    allow_signature_change: bool = False,
    timeout_s: int = 300,
    deployment_mode: str = "Standard",
    serving_image_version: str = "2.19.0",
    serving_replicas: int = 0,
    serving_cpu: str = "",
    serving_memory: str = "",
    serving_node_selector: str = "",
    serving_tolerations: str = "",
    serving_service_account: str = "",
    serving_gateway_url: str = "",
) -> NamedTuple("Outputs", [("endpoint", str)]):  # type: ignore[valid-type]
    """Puts right what an earlier run left, and serves the release as a candidate beside the live model.

    Args:
        release: Release JSON from stage_release.
        inspection: Inspection JSON from inspect_signature.
        platform: kubernetes or local.
        run_id: The run that the candidate belongs to.
        allow_signature_change: Deploy although the live service's callers would break.
        timeout_s: Seconds that the server has to become ready.
        deployment_mode: Standard or Knative, KServe's deployment modes.
        serving_image_version: Tag of TensorFlow Serving's image; empty for the cluster's own.
        serving_replicas: Replicas of the live service; 0 for as it is, at first 1.
        serving_cpu: CPU of each replica, such as 500m or 2; empty for the runtime's.
        serving_memory: Memory of each replica, such as 2Gi; empty for the runtime's.
        serving_node_selector: Labels of the nodes for replicas, key=value, comma-separated.
        serving_tolerations: Taints that replicas tolerate, key=value:Effect, comma-separated.
        serving_service_account: The replicas' service account, which reads the bucket; empty for the default one.
        serving_gateway_url: Gateway through which the steps call the model; empty for its Service in the cluster.
    """
    from components.contracts import Inspection
    from components.deploy_candidate.deployment import deploy
    from components.platforms.opening import open_platform
    from components.platforms.serving import ServingSettings
    from components.reporting import reporting
    from model.release_layout import Release

    with reporting("deploy_candidate"):
        endpoint = deploy(
            Release.from_json(release),
            signature=Inspection.from_json(inspection).signature,
            platform=open_platform(platform),
            run_id=run_id,
            allow_signature_change=allow_signature_change,
            timeout_s=timeout_s,
            settings=ServingSettings(
                deployment_mode=deployment_mode,
                image_version=serving_image_version,
                replicas=serving_replicas,
                cpu=serving_cpu,
                memory=serving_memory,
                node_selector=serving_node_selector,
                tolerations=serving_tolerations,
                service_account=serving_service_account,
                gateway_url=serving_gateway_url,
            ),
        )
    return (endpoint.to_json(),)
