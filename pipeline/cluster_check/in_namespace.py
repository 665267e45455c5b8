"""What cluster/base puts into the namespace: service accounts and the web application."""

from collections.abc import Sequence
from dataclasses import replace

from components.platforms.kubernetes.connection import Object
from components.platforms.kubernetes.webapp import WEBAPP_SERVICE
from pipeline.cluster_check.api_server import ENDPOINT_SLICES, PODS, SERVICE_ACCOUNTS, SERVICES, Answer, ApiServer
from pipeline.cluster_check.findings import Finding, State
from pipeline.cluster_check.rights import (
    PIPELINE_ACCOUNT,
    PIPELINE_RIGHTS,
    SPARK_ACCOUNT,
    SPARK_RIGHTS,
    Account,
    needed_rights,
    reviews,
    rights_finding,
)

PIPELINE_ACCOUNT_CHECK, SPARK_ACCOUNT_CHECK = "pipeline's account", "Spark's account"
PIPELINE_RIGHTS_CHECK, SPARK_RIGHTS_CHECK = "pipeline's rights", "Spark's rights"
WEBAPP = "web application"


def base_command(namespace: str) -> str:
    return f"kubectl apply -n {namespace} -k cluster/base"


def account_findings(server: ApiServer, *, given: Account | None, user: str) -> list[Finding]:
    """The pipeline's account and Spark's, and what they may do. `given`: --service-account; `user`: whoever asks."""
    own, spark = Account(server.namespace, PIPELINE_ACCOUNT), Account(server.namespace, SPARK_ACCOUNT)
    return [
        _account_finding(server, PIPELINE_ACCOUNT_CHECK, given or own, user=user),
        _pipeline_rights(server, given=given, user=user),
        _account_finding(server, SPARK_ACCOUNT_CHECK, spark, user=user),
        _spark_rights(server, spark),
    ]


def _pipeline_rights(server: ApiServer, *, given: Account | None, user: str) -> Finding:
    needed = needed_rights("pipeline-account.yaml", otherwise=PIPELINE_RIGHTS)
    other = given if given and given.user != user else None
    who = given.user if given else user or "whoever asks"
    command = binding_command(server.namespace, who)
    found = rights_finding(PIPELINE_RIGHTS_CHECK, reviews(server, needed, account=other), who=who, command=command)
    if given is None and found.state is State.OK and not user.startswith("system:serviceaccount:"):
        return replace(found, found=f"{found.found}; the pipeline's account was not asked about (--service-account)")
    return found


def _spark_rights(server: ApiServer, spark: Account) -> Finding:
    needed = needed_rights("spark-account.yaml", otherwise=SPARK_RIGHTS)
    command = base_command(server.namespace)
    answers = reviews(server, needed, account=spark)
    found = rights_finding(SPARK_RIGHTS_CHECK, answers, who=spark.user, command=command)
    # Few may ask about others, and it is no right of the pipeline's.
    return replace(found, needed=found.state is not State.UNKNOWN)


def _account_finding(server: ApiServer, check: str, account: Account, *, user: str) -> Finding:
    answer = server.get(SERVICE_ACCOUNTS, account.name, namespace=account.namespace)
    return account_finding(check, answer, account, user=user, namespace=server.namespace)


def account_finding(check: str, answer: Answer, account: Account, *, user: str, namespace: str) -> Finding:
    where = f"{account.name} in {account.namespace}"
    if answer.ok or user == account.user:
        return Finding(check, State.OK, where)
    if not answer.absent:
        do = "Run this as somebody who may get serviceaccounts there."
        return Finding(check, State.UNKNOWN, f"whether there is {where}: {answer.refusal}", do)
    own = (account.namespace, account.name) in ((namespace, PIPELINE_ACCOUNT), (namespace, SPARK_ACCOUNT))
    create = f"kubectl -n {account.namespace} create serviceaccount {account.name}"
    return Finding(
        check, State.MISSING, f"there is no {where}", "Create it.", base_command(namespace) if own else create
    )


def binding_command(namespace: str, who: str) -> str:
    """One line that gives `who` the Role of cluster/base: an account of its own gets it with that."""
    base, parts = base_command(namespace), who.split(":")
    if who == Account(namespace, PIPELINE_ACCOUNT).user:
        return base
    is_account = who.startswith("system:serviceaccount:")
    subject = f"--serviceaccount={parts[2]}:{parts[3]}" if is_account else f"--user='{who}'"
    name = f"{PIPELINE_ACCOUNT}-{parts[3]}" if is_account else f"{PIPELINE_ACCOUNT}-user"
    return f"{base} && kubectl -n {namespace} create rolebinding {name} --role={PIPELINE_ACCOUNT} {subject}"


def webapp_findings(server: ApiServer) -> list[Finding]:
    service = server.get(SERVICES, WEBAPP_SERVICE)
    slices = server.get(ENDPOINT_SLICES, labelSelector=f"kubernetes.io/service-name={WEBAPP_SERVICE}")
    selector = ",".join(f"{key}={text}" for key, text in (service.body.get("spec", {}).get("selector") or {}).items())
    # Whoever may not see endpoints may see the pods behind them.
    pods = server.get(PODS, labelSelector=selector) if service.ok and not slices.ok and selector else Answer(404, {})
    return [webapp_finding(service, slices, pods, namespace=server.namespace)]


def webapp_finding(service: Answer, slices: Answer, pods: Answer, *, namespace: str) -> Finding:
    elsewhere = "Install it, or set the pipeline's parameter webapp_url to where it is."
    if service.absent:
        found = f"there is no Service {WEBAPP_SERVICE} in {namespace}"
        return Finding(WEBAPP, State.MISSING, found, elsewhere, base_command(namespace))
    if not service.ok:
        return Finding(WEBAPP, State.UNKNOWN, service.refusal, "Run this as somebody who may get services.")
    if not slices.ok and not pods.ok:
        do = "Run this as somebody who may list endpointslices or pods."
        return Finding(WEBAPP, State.UNKNOWN, f"whether anything answers behind it: {slices.refusal}", do)
    ready = _ready_endpoints(slices.items) if slices.ok else _ready_pods(pods.items)
    if ready:
        return Finding(WEBAPP, State.OK, f"Service {WEBAPP_SERVICE}, {ready} ready")
    found = f"the Service {WEBAPP_SERVICE} has nothing ready behind it"
    command = f"kubectl -n {namespace} describe deployment,pods -l app.kubernetes.io/name={WEBAPP_SERVICE}"
    return Finding(WEBAPP, State.MISSING, found, "See why its pods do not come up.", command)


def _ready_endpoints(slices: Sequence[Object]) -> int:
    """Not said means ready, says the API."""
    endpoints = [each for part in slices for each in part.get("endpoints") or []]
    return sum(each.get("conditions", {}).get("ready", True) is not False for each in endpoints)


def _ready_pods(pods: Sequence[Object]) -> int:
    conditions = [each for pod in pods for each in pod.get("status", {}).get("conditions", [])]
    return sum(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
