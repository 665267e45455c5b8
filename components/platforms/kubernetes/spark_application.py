"""The SparkApplication that scores a batch, and the ConfigMap that it reads."""

import base64
import hashlib
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import yaml

import components
import model
from components import job_digest
from components.contracts import ScoringJob, SparkSettings
from components.platforms.kubernetes import spark_driver
from components.platforms.kubernetes.connection import Object
from components.platforms.names import ACCESS_SECRET, DATA, MODEL_LABEL
from components.platforms.serving import node_selector, tolerations
from model.endpoint_access import DIRECTORY
from model.errors import InvalidValue

#: Where the driver finds the ConfigMap.
MOUNT = "/opt/savedmodel-release"
#: A ConfigMap of this name changes what is asked for: a part of a SparkApplication's spec under the key `spec.yaml`.
SETTINGS = "savedmodel-release-spark"

#: Without a sidecar, as a namespace of Kubeflow adds it: that never ends, and stands between driver and executors.
_DEFAULTS = """
image: savedmodel-release/spark:4.1.2
sparkVersion: 4.1.2
hadoopConf:
  fs.gs.impl: com.google.cloud.hadoop.fs.gcs.GoogleHadoopFileSystem
  fs.AbstractFileSystem.gs.impl: com.google.cloud.hadoop.fs.gcs.GoogleHadoopFS
  fs.gs.auth.type: APPLICATION_DEFAULT
driver: {cores: 1, memory: 1g, serviceAccount: savedmodel-release-spark, labels: {sidecar.istio.io/inject: "false"}}
executor: {cores: 1, memory: 1g, instances: 2, labels: {sidecar.istio.io/inject: "false"}}
"""


def application_name(run_id: str) -> str:
    """One name for one run's scoring: a DNS label of at most 47 characters, since Spark adds to it."""
    readable = re.sub(r"[^a-z0-9]+", "-", run_id.lower()).strip("-")[:30].strip("-")
    return f"score-{readable}-{hashlib.sha256(run_id.encode()).hexdigest()[:8]}"


def spark_application(
    name: str, *, namespace: str, model_name: str = "", wanted: SparkSettings, settings: str = ""
) -> Object:
    """`settings`: YAML that is laid over the defaults; what the run's parameters ask for is laid over both.

    Raises:
        InvalidValue: the settings are no YAML object, or a parameter breaks its rule.
    """
    volumes: list[Object] = [
        {"name": "endpoint-access", "secret": {"secretName": ACCESS_SECRET, "optional": True}},
    ]
    mounts: list[Object] = [{"name": "endpoint-access", "mountPath": DIRECTORY, "readOnly": True}]
    if wanted.volume_claim:
        volumes.append({"name": "data", "persistentVolumeClaim": {"claimName": wanted.volume_claim}})
        mounts.append({"name": "data", "mountPath": DATA})
    mounted = {"volumeMounts": mounts}
    ours = {
        "type": "Python",
        "mode": "cluster",
        "pythonVersion": "3",
        "mainApplicationFile": f"local://{MOUNT}/main.py",
        "restartPolicy": {"type": "Never"},
        "timeToLiveSeconds": 3600,
        "volumes": volumes,
        "driver": {"configMaps": [{"name": name, "path": MOUNT}], **mounted},
        "executor": mounted,
    }
    spec = yaml.safe_load(_DEFAULTS)
    for layer in (_parsed(settings), _asked_for(wanted), ours):
        spec = _laid_over(spec, layer)
    return {
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {"name": name, "namespace": namespace, "labels": {MODEL_LABEL: model_name}},
        "spec": spec,
    }


def _asked_for(wanted: SparkSettings) -> Object:
    """The part of the spec that the run's parameters name."""
    pods = {
        "nodeSelector": node_selector(wanted.node_selector, parameter="spark_node_selector"),
        "tolerations": tolerations(wanted.tolerations, parameter="spark_tolerations"),
        "memory": _spark_memory(wanted.memory),
    }
    both = {name: value for name, value in pods.items() if value}
    executor = {"instances": wanted.executors, "cores": wanted.executor_cores}
    asked: Object = {"driver": both, "executor": {**both, **{name: n for name, n in executor.items() if n}}}
    return {**asked, "image": wanted.image} if wanted.image else asked


def _spark_memory(text: str) -> str:
    """Java's spelling, which Spark takes; Kubernetes' is made into it.

    Raises:
        InvalidValue: it is neither.
    """
    match = re.fullmatch(r"(\d+)([mgMG])i?", text)
    if text and not match:
        raise InvalidValue(
            expected="an amount of memory such as 512m or 4g",
            found=repr(text),
            where="parameter spark_memory",
            do="Correct it, or leave it empty.",
        )
    return f"{match[1]}{match[2].lower()}" if match else ""


def _parsed(settings: str) -> Object:
    try:
        parsed = yaml.safe_load(settings) or {}
    except yaml.YAMLError as error:
        raise _no_settings(str(error)) from error
    if not isinstance(parsed, dict):
        raise _no_settings(repr(settings)[:200])
    return parsed


def _no_settings(found: str) -> InvalidValue:
    return InvalidValue(
        expected="a part of a SparkApplication's spec, as YAML",
        found=found,
        where=f"ConfigMap {SETTINGS}, spec.yaml",
        do="Correct it.",
    )


def _laid_over(base: Object, over: Object) -> Object:
    """Objects are merged; lists are joined, and all else is replaced."""
    merged: dict[str, Any] = {**base, **over}
    for name in base.keys() & over.keys():
        if isinstance(base[name], dict) and isinstance(over[name], dict):
            merged[name] = _laid_over(base[name], over[name])
        if isinstance(base[name], list) and isinstance(over[name], list):
            merged[name] = [*base[name], *over[name]]
    return merged


def job_files(job: ScoringJob) -> tuple[dict[str, str], dict[str, str]]:
    """The ConfigMap's texts and its binary part (base64): what stands under MOUNT."""
    main = Path(spark_driver.__file__).read_text(encoding="utf-8")
    texts = {"main.py": main, spark_driver.JOB: job.to_json(), spark_driver.DIGEST: job_digest.expected()}
    return texts, {spark_driver.CODE: base64.b64encode(_code()).decode()}


def _code() -> bytes:
    """All modules that stand here: those that a step carries, over the whole packages where they are installed too, as
    in a prebuilt image."""
    files: dict[str, bytes] = {}
    for package in (components, model):
        for root in reversed([Path(each) for each in package.__path__]):
            files |= {str(path.relative_to(root.parent)): path.read_bytes() for path in root.rglob("*.py")}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):  # without the files' times: an image may have none that a ZIP can hold
            archive.writestr(zipfile.ZipInfo(name), files[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
