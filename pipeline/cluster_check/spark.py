"""The Spark operator: its kind, and whether it and its webhook look at the namespace."""

from components.platforms.kubernetes.connection import SPARK_APPLICATIONS, Kind, Object
from pipeline.cluster_check.api_server import Answer, ApiServer, poll
from pipeline.cluster_check.findings import Finding, State
from pipeline.cluster_check.installation import is_served, kinds_finding
from pipeline.cluster_check.throwaway import LABELS, lacking_right, no_creation, throwaway, unique_name

KINDS, OPERATOR, WEBHOOK = "Spark's kinds", "Spark operator", "Spark's webhook"
WEBHOOKS = Kind("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations")
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
    webhook = webhook_finding(server.get(WEBHOOKS, namespace=""), namespace=server.namespace)
    if skip:
        return [kinds, Finding(OPERATOR, State.SKIPPED, skip), webhook]
    refused = lacking_right(server, SPARK_APPLICATIONS, OPERATOR)
    return [kinds, refused or _probed(server, timeout_s=timeout_s), webhook]


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


def webhook_finding(configurations: Answer, *, namespace: str) -> Finding:
    """Without that webhook no driver finds its job. A warning only: what else may change pods is not known here."""
    if not configurations.ok:
        return Finding(WEBHOOK, State.SKIPPED, f"it was not checked: {configurations.refusal}", needed=False)
    found = [
        (each["metadata"]["name"], hook)
        for each in configurations.items
        for hook in each.get("webhooks") or []
        if _is_operators(each["metadata"]["name"] + hook["name"], hook)
    ]
    seeing = [name for name, hook in found if _sees(hook, namespace)]
    if seeing:
        return Finding(WEBHOOK, State.OK, f"{seeing[0]} changes pods in {namespace}")
    missing = f"that of {found[0][0]} does not see {namespace}" if found else "the Spark operator has none on pods"
    do = "Enable it, and let it see this namespace: it mounts the job into the driver."
    watched = f"--set webhook.enable=true --set 'spark.jobNamespaces={{default,{namespace}}}'"
    command = f"helm upgrade spark-operator {_CHART} --reuse-values {watched}"
    return Finding(WEBHOOK, State.WARNING, missing, do, command, needed=False)


def _is_operators(names: str, hook: Object) -> bool:
    return "spark" in names and any("pods" in rule.get("resources", []) for rule in hook.get("rules") or [])


def _sees(hook: Object, namespace: str) -> bool:
    """Going by the namespace's name, as the operator's chart does."""
    wanted = (hook.get("namespaceSelector") or {}).get("matchExpressions") or []
    named = [each for each in wanted if (each["key"], each["operator"]) == ("kubernetes.io/metadata.name", "In")]
    return all(namespace in each["values"] for each in named)
