"""In which mode KServe deploys what names none."""

import json

from pipeline.cluster_check.api_server import Answer
from pipeline.cluster_check.findings import Finding, State

MODE = "KServe's mode"
STANDARD, KNATIVE = "Standard", "Knative"
_NAMES = {"RawDeployment": STANDARD, "Serverless": KNATIVE}


def mode_finding(config: Answer, *, seen: str, has_knative: bool) -> Finding:
    """config: the ConfigMap inferenceservice-config. seen: the mode of an InferenceService that named none; empty where
    none was made. The pipeline names its own mode, so this is not needed."""
    configured = _configured(config)
    mode = _NAMES.get(seen, seen) or configured
    if not mode:
        why = config.refusal if not config.ok else "it names no defaultDeploymentMode"
        found = f"the ConfigMap inferenceservice-config in namespace kserve could not be read: {why}"
        do = "Nothing: the pipeline names its mode itself (parameter deployment_mode)."
        return Finding(MODE, State.UNKNOWN, found, do, needed=False)
    source = (
        "as an InferenceService that names none was deployed" if seen else "by the ConfigMap inferenceservice-config"
    )
    if mode == KNATIVE and not has_knative:
        found = f"Knative by default ({source}), but Knative is not installed: what names no mode is rejected"
        do = "Nothing for the pipeline, which names Standard; for others make defaultDeploymentMode Standard."
        command = "kubectl -n kserve edit configmap inferenceservice-config"
        return Finding(MODE, State.WARNING, found, do, command, needed=False)
    return Finding(MODE, State.OK, f"{mode} by default ({source})", needed=False)


def _configured(config: Answer) -> str:
    """Empty where it cannot be read."""
    try:
        found = str(json.loads(config.body.get("data", {}).get("deploy", ""))["defaultDeploymentMode"])
    except (ValueError, KeyError, TypeError):
        return ""
    return _NAMES.get(found, found)
