"""KServe's flowers sample: the model to deploy, the picture to ask it about, and what an answer must hold.

https://kserve.github.io/website/docs/model-serving/predictive-inference/frameworks/tensorflow: inputs `image_bytes`
(JPEG) and `key` (comes back as it went), outputs `scores` (one probability for each flower), `prediction` (the number
of the highest) and `key`.
"""

import math
from typing import Any

from components.platforms.kubernetes.connection import Object
from components.platforms.kubernetes.inference_service import OUTSIDE_THE_MESH
from pipeline.cluster_check.throwaway import LABELS

URI = "gs://kfserving-examples/models/tensorflow/flowers"
KEY = "check-cluster"
REST_PORT = 8080
#: A daisy, drawn for this: a JPEG of 32 x 32 pixels, in base64.
PICTURE = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6j"
    "q62rZ4C8ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSk"
    "pKSkpKSkpKT/wAARCAAgACADASIAAhEBAxEB/8QAFwABAQEBAAAAAAAAAAAAAAAABQAGBP/EAB4QAAICAQUBAAAAAAAAAAAAAAEC"
    "AAMFBBESITFB/8QAFgEBAQEAAAAAAAAAAAAAAAAAAAID/8QAGREBAAMBAQAAAAAAAAAAAAAAAgABERIh/9oADAMBAAIRAxEAPwDm"
    "iFOIucK1jqgPZHpEsNSLNQzsgZUXon4YpqLyjBU239JMw8NdKSTsLuxFyBmrdXA7A8Jh80lF5duL7b+giF5qnhqFsVQFcdkfTHir"
    "owjksLcE1DVswAcdA/TFL6C7clPe2xBmbiFGXurCrYiuoGxPhMeKuVBWRSigo3JvfABDM1dz1C1qwKoOwPhlfl7nDLWiopGwPpEO"
    "iqo1yYS2f//Z"
)


def question() -> Object:
    return {"instances": [{"key": KEY, "image_bytes": {"b64": PICTURE}}]}


def complaint(answer: Object) -> str:
    """What is wrong with an answer; empty if nothing is. Which flower it sees is the model's own affair."""
    try:
        (row,) = answer["predictions"]
        key, scores, prediction = row["key"], [float(each) for each in row["scores"]], int(row["prediction"])
    except (KeyError, TypeError, ValueError):
        return f"expected one prediction with key, scores and prediction; found {_short(answer)}"
    if key != KEY:
        return f"expected the key {KEY!r} back; found {key!r}"
    if not scores or not math.isclose(sum(scores), 1.0, abs_tol=1e-3):
        return f"expected scores that add up to 1; found {scores}"
    if not 0 <= prediction < len(scores) or scores[prediction] < max(scores):
        return f"expected the number of the highest score; found {prediction} for {scores}"
    return ""


def inference_service(name: str, namespace: str, *, uri: str, service_account: str = "") -> Object:
    """Served as a release is: in Standard mode, ready once the model answers. `service_account`: the pods'."""
    ready = {"httpGet": {"path": f"/v1/models/{name}/metadata", "port": REST_PORT}, "periodSeconds": 2}
    model: dict[str, Any] = {
        "modelFormat": {"name": "tensorflow"},
        "storageUri": uri,
        "args": ["--max_num_load_retries=0"],
        "readinessProbe": {**ready, "timeoutSeconds": 5},
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    annotations = {"serving.kserve.io/deploymentMode": "Standard", "serving.kserve.io/autoscalerClass": "none"}
    predictor: dict[str, Any] = {
        "labels": OUTSIDE_THE_MESH,
        "minReplicas": 1,
        "terminationGracePeriodSeconds": 1,
        "model": model,
    }
    predictor |= {"serviceAccountName": service_account} if service_account else {}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "namespace": namespace, "labels": LABELS, "annotations": annotations},
        "spec": {"predictor": predictor},
    }


def _short(answer: Object) -> str:
    text = str(answer)
    return text if len(text) < 300 else f"{text[:300]}…"
