"""The Spark operator: its kind, and whether it looks at the namespace."""

from components.platforms.kubernetes.connection import SPARK_APPLICATIONS, Object
from pipeline.cluster_check.api_server import Answer, ApiServer, poll
from pipeline.cluster_check.findings import Finding, State
from pipeline.cluster_check.installation import is_served, kinds_finding
from pipeline.cluster_check.throwaway import LABELS, lacking_right, no_creation, throwaway, unique_name

KINDS, OPERATOR = "Spark's kinds", "Spark operator"
_CHART = "spark-operator --repo https://kubeflow.github.io/spark-operator -n spark-operator"
_LOOK = "See whether it runs, and what it logs."
_LOOK_COMMAND = "kubectl -n spark-operator get pods"


def findings(server: ApiServer, *, skip: str, timeout_s: float) -> list[Finding]:
    """`skip`: why nothing may be created; empty if something may."""
    served = {SPARK_APPLICATIONS: is_served(server, SPARK_APPLICATIONS)}
    watched = f"--set 'spark.jobNamespaces={{default,{server.namespace}}}'"
    install = f"helm install spark-operator {_CHART} --create-namespace {watched}"
    kinds = kinds_finding(
        KINDS, served, do="Install the Spark operator, and let it watch this namespace.", command=install
    )
    if kinds.state is not State.OK:
        return [kinds]
    if skip:
        return [kinds, Finding(OPERATOR, State.SKIPPED, skip)]
    refused = lacking_right(server, SPARK_APPLICATIONS, OPERATOR)
    return [kinds, refused or _probed(server, timeout_s=timeout_s)]


def _probed(server: ApiServer, *, timeout_s: float) -> Finding:
    body = spark_application(unique_name("check-cluster", server.namespace), server.namespace)
    path = server.path(SPARK_APPLICATIONS, body["metadata"]["name"])
    with throwaway(server, SPARK_APPLICATIONS, body) as created:
        seen = poll(lambda: _state(server.ask("GET", path).body) or None, timeout_s=timeout_s) if created.ok else None
    return operator_finding(created, seen or "", namespace=server.namespace, timeout_s=timeout_s)


def spark_application(name: str, namespace: str) -> Object:
    """One that the operator submits in vain: spark-submit cannot upload a main file that stands nowhere, and ends
    before it makes a pod. Nothing is pulled, nothing runs, and nothing is left when it is deleted in between."""
    small = {"cores": 1, "memory": "512m"}
    spec = {
        "type": "Python",
        "mode": "cluster",
        "sparkVersion": "4.1.2",
        "image": "nothing-is-pulled",
        "mainApplicationFile": "check-cluster.py",
        "restartPolicy": {"type": "Never"},
        "driver": small,
        "executor": {**small, "instances": 1},
    }
    return {
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {"name": name, "namespace": namespace, "labels": LABELS},
        "spec": spec,
    }


def _state(application: Object) -> str:
    return str(application.get("status", {}).get("applicationState", {}).get("state", ""))


def operator_finding(created: Answer, state: str, *, namespace: str, timeout_s: float) -> Finding:
    """`state`: the first that the operator wrote; empty if it wrote none."""
    if not created.ok:
        return no_creation(created, OPERATOR, webhook="its webhook", do=_LOOK, command=_LOOK_COMMAND)
    if state:
        found = f"it looks at {namespace}: a trial SparkApplication went to spark-submit ({state}, as it should)"
        return Finding(OPERATOR, State.OK, found)
    found = f"nobody has looked at a trial SparkApplication in {namespace} within {timeout_s:.0f} s: it got no status"
    do = f"Start it, or let it watch {namespace}, beside what it watches now; as installed that is `default` alone."
    command = f"helm upgrade spark-operator {_CHART} --reuse-values --set 'spark.jobNamespaces={{default,{namespace}}}'"
    return Finding(OPERATOR, State.MISSING, found, do, command)
