"""In which mode KServe deploys what names none."""

import json

from pipeline.cluster_check.api_server import Answer
from pipeline.cluster_check.findings import Finding, State

MODE = "KServe's mode"
STANDARD, KNATIVE = "Standard", "Knative"
_FORMER_NAMES = {"RawDeployment": STANDARD, "Serverless": KNATIVE}


def mode_named(text: str) -> str:
    """As KServe calls it today."""
    return _FORMER_NAMES.get(text, text)


def mode_finding(config: Answer, *, seen: str, has_knative: bool) -> Finding:
    """config: the ConfigMap inferenceservice-config. seen: the mode of an InferenceService that named none; empty where
    none was made. The pipeline names its own mode, so this is not needed."""
    configured = _configured(config)
    mode = seen or configured
    if not mode:
        where = "the ConfigMap inferenceservice-config in namespace kserve"
        why = "it names no defaultDeploymentMode" if config.ok else "there is none" if config.absent else config.refusal
        found = f"{where} could not be read: {why}. The pipeline names its mode itself (deployment_mode)"
        return Finding(MODE, State.UNKNOWN, found, needed=False)
    source = (
        "as an InferenceService that names none was deployed" if seen else "by the ConfigMap inferenceservice-config"
    )
    if mode == KNATIVE and not has_knative:
        found = f"Knative by default ({source}), but Knative is not installed: what names no mode is rejected"
        do = "The pipeline names Standard, and is not concerned; for others make defaultDeploymentMode Standard."
        command = "kubectl -n kserve edit configmap inferenceservice-config"
        return Finding(MODE, State.WARNING, found, do, command, needed=False)
    return Finding(MODE, State.OK, f"{mode} by default ({source})", needed=False)


def _configured(config: Answer) -> str:
    """Empty where it cannot be read."""
    try:
        found = str(json.loads(config.body.get("data", {}).get("deploy", ""))["defaultDeploymentMode"])
    except (ValueError, KeyError, TypeError):
        return ""
    return mode_named(found)
