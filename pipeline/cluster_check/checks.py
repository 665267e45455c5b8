"""All checks, in the order in which one depends on another."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import yaml

from components.platforms.kubernetes.connection import Connection
from model.errors import InvalidValue, ReleaseError
from pipeline.cluster_check import bucket, in_namespace, installation, kserve, sample, spark
from pipeline.cluster_check.api_server import ApiServer, Unreachable
from pipeline.cluster_check.findings import Finding, Report, State
from pipeline.cluster_check.rights import Account, asking_user

#: For the sample pods have to be started, and images fetched.
SAMPLE_FACTOR = 10
NO_PROBE = "only what is created shows it, and --no-probe was given"
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

Check = Callable[[], list[Finding]]


@dataclass(frozen=True)
class Request:
    """What the command line asks for.

    namespace: empty for the environment's. models_root, sample_uri: empty where they are not to be tried.
    service_account: whose rights to ask about; empty for whoever asks. serving_account: what the sample's pods run as;
    empty for the namespace's default. timeout_s: for each controller to look at what was made for it.
    """

    namespace: str = ""
    models_root: str = ""
    service_account: str = ""
    probe: bool = True
    sample_uri: str = ""
    serving_account: str = ""
    timeout_s: float = 30.0

    def checked(self) -> "Request":
        """
        Raises:
            InvalidValue: one of them cannot be.
        """
        if self.namespace and not _LABEL.fullmatch(self.namespace):
            rule, do = "small letters, digits and dashes, at most 63", "`kubectl get namespaces` lists them."
            raise InvalidValue(expected=rule, found=repr(self.namespace), where="--namespace", do=do)
        if self.service_account:
            Account.parse(self.service_account, namespace="default")
        return replace(self, models_root=bucket.models_root_of(self.models_root)) if self.models_root else self


def run_checks(request: Request, *, say: Callable[[str], None]) -> Report:
    """`say` is told what is asked about next."""
    try:
        connection = Connection.from_environment()
    except (InvalidValue, yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        # The client's reader of kubeconfigs falls over what is none.
        found = error.found if isinstance(error, InvalidValue) else f"not a kubeconfig: {' '.join(str(error).split())}"
        return Report(request.namespace or "default", (installation.no_way_finding(found),))
    server = ApiServer.of(replace(connection, namespace=request.namespace or connection.namespace))
    return Report(server.namespace, tuple(_findings(server, request, say=say)))


def _findings(server: ApiServer, request: Request, *, say: Callable[[str], None]) -> Iterator[Finding]:
    """Without an API server there is nothing more to find."""
    say(server.url)
    try:
        user = asking_user(server)
        first = installation.api_server_finding(server.ask("GET", "/version"), url=server.url, user=user)
    except Unreachable as error:
        found = f"{server.url}, {installation.way_there()}: {error.found}"
        first = Finding(installation.API_SERVER, State.MISSING, found, error.do)
    yield first
    if first.state is not State.OK:
        return
    namespace = installation.namespace_finding(server, user=user)
    yield namespace
    has_namespace = namespace.state is not State.MISSING
    for title, check in _checks(server, request, user=user, has_namespace=has_namespace):
        say(title)
        yield from _explained(title, check)


def _checks(server: ApiServer, request: Request, *, user: str, has_namespace: bool) -> Iterator[tuple[str, Check]]:
    timeout_s, account = request.timeout_s, request.service_account
    given = Account.parse(account, namespace=server.namespace) if account else None
    skip = "" if request.probe else NO_PROBE
    skip = skip if has_namespace else f"there is no namespace {server.namespace}"
    yield "KServe", lambda: kserve.findings(server, skip=skip, timeout_s=timeout_s)
    yield "the Spark operator", lambda: spark.findings(server, skip=skip, timeout_s=timeout_s)
    yield "accounts and rights", lambda: in_namespace.account_findings(server, given=given, user=user)
    yield "the web application", lambda: in_namespace.webapp_findings(server)
    yield "the bucket", lambda: bucket.findings(request.models_root, timeout_s=timeout_s)
    if request.sample_uri and has_namespace:
        wanted = sample.Sample(request.sample_uri.rstrip("/"), request.models_root, request.serving_account)
        yield "the sample", lambda: sample.findings(server, wanted, timeout_s=SAMPLE_FACTOR * timeout_s)


def _explained(title: str, check: Check) -> list[Finding]:
    try:
        return check()
    except ReleaseError as error:
        return [Finding(title, State.UNKNOWN, error.found, error.do)]
