"""Rights that suffice and go no further: what an account of cluster/base may do, by the API server's own word, verb by
verb and resource by resource, is what the code calls."""

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kubernetes import client

import components.platforms.kubernetes
import pipeline
from components.platforms.kubernetes import connection as module
from components.platforms.kubernetes.connection import INFERENCE_SERVICES, Connection, Kind
from model.errors import ServingFailed
from tests.cluster.conftest import attributes, kubectl, may
from tests.cluster_files.manifests import CLUSTER

pytestmark = pytest.mark.cluster

CORE = ""
PIPELINE, SPARK, WEBAPP = "savedmodel-release", "savedmodel-release-spark", "savedmodel-release-webapp"
RUNNER_BINDINGS = CLUSTER / "components" / "kubeflow" / "runner-bindings.yaml"
ALL_VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
#: Verbs that the API server checks beside those of a request, on the kinds that know them.
SPECIAL = {
    ("", "users"): ("impersonate",),
    ("", "groups"): ("impersonate",),
    ("", "serviceaccounts"): ("impersonate",),
    ("rbac.authorization.k8s.io", "roles"): ("bind", "escalate"),
    ("rbac.authorization.k8s.io", "clusterroles"): ("bind", "escalate"),
}
Objects = list[dict[str, Any]]


class Right(NamedTuple):
    """`resource` may name a subresource, as in `pods/log`."""

    verb: str
    group: str
    resource: str


#: Methods of Connection that are given a kind, with the verbs that they need on it.
ON_A_KIND = {
    "get": ("get",),
    "labelled": ("list",),
    "create": ("create",),
    "patch": ("patch",),
    "replace": ("update",),
    "delete": ("delete",),
}
#: And those that know theirs.
ON_CORE = {
    "pods": {Right("list", CORE, "pods")},
    "events": {Right("list", CORE, "events")},
    "service": {Right("get", CORE, "services")},
    "config_map": {Right("get", CORE, "configmaps")},
    "log": {Right("get", CORE, "pods/log")},
    "write_config_map": {Right("create", CORE, "configmaps"), Right("patch", CORE, "configmaps")},
}


def called() -> set[Right]:
    """What the platform's sources, and the commands that run as the pipeline's account, call on any Connection."""
    packages = [*components.platforms.kubernetes.__path__, *pipeline.__path__]
    sources = [path for package in packages for path in Path(package).glob("*.py")]
    found = [_rights(call) for path in sources for call in _calls(ast.parse(path.read_text(encoding="utf-8")))]
    return set().union(*found)


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls of a method of something that is named `connection`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if "connection" in (getattr(owner, "attr", ""), getattr(owner, "id", "")):
                yield node


def _rights(call: ast.Call) -> set[Right]:
    assert isinstance(call.func, ast.Attribute)
    method = call.func.attr
    if method in ON_CORE:
        return ON_CORE[method]
    assert isinstance(call.args[0], ast.Name), f"{ast.unparse(call)}: of which kind?"
    kind = getattr(module, call.args[0].id)
    return {Right(verb, kind.group, kind.plural) for verb in ON_A_KIND[method]}


def granted(base: Objects, account: str) -> set[Right]:
    """What the Roles give that cluster/base binds to the account."""
    bindings = [each for each in base if each["kind"] == "RoleBinding"]
    bound = {each["roleRef"]["name"] for each in bindings if account in [one["name"] for one in each["subjects"]]}
    rules = [
        rule for each in base if each["kind"] == "Role" and each["metadata"]["name"] in bound for rule in each["rules"]
    ]
    assert all("resourceNames" not in rule for rule in rules)
    return {
        Right(verb, group, resource)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.fixture(scope="session")
def everything(admin: Any) -> list[Right]:
    """Every verb on every resource and subresource that the API server knows."""
    groups = client.ApisApi(admin).get_api_versions().groups
    lists = [(CORE, client.CoreV1Api(admin).get_api_resources().resources)]
    custom = client.CustomObjectsApi(admin)
    for group in groups:
        versions = [version.version for version in group.versions]
        lists += [(group.name, custom.get_api_resources(group.name, version).resources) for version in versions]
    known = {(group, each.name) for group, resources in lists for each in resources} | SPECIAL.keys()
    return [Right(verb, *on) for on in sorted(known) for verb in (*ALL_VERBS, *SPECIAL.get(on, ()))]


#: Which of the rights an account has in the namespace; in all of them, if that is empty.
Allowed = Callable[[str, Iterable[Right], str], set[Right]]


@pytest.fixture(scope="session")
def allowed(admin: Any, accounts_namespace: str) -> Allowed:
    authorization, of_all = client.AuthorizationV1Api(admin), "system:serviceaccounts"

    def ask(account: str, right: Right, namespace: str) -> bool:
        groups = [of_all, f"{of_all}:{accounts_namespace}", "system:authenticated"]
        who = {"user": f"system:serviceaccount:{accounts_namespace}:{account}", "groups": groups}
        spec = {**who, "resourceAttributes": attributes(*right, namespace=namespace)}
        return bool(authorization.create_subject_access_review({"spec": spec}).status.allowed)

    def ask_all(account: str, rights: Iterable[Right], namespace: str) -> set[Right]:
        asked = list(rights)
        with ThreadPoolExecutor(8) as threads:
            answers = threads.map(lambda right: ask(account, right, namespace), asked)
            return {right for right, answer in zip(asked, answers, strict=True) if answer}

    return ask_all


@pytest.fixture(scope="session")
def everyones(allowed: Allowed, everything: list[Right], accounts_namespace: str) -> set[Right]:
    """What any account may do, such as ask for its own rights."""
    return allowed("nobody-in-particular", everything, accounts_namespace)


def test_every_call_of_the_sources_is_one_whose_rights_are_known() -> None:
    methods = {name for name, _ in inspect.getmembers(Connection, inspect.isfunction) if name[0] != "_"}
    kinds = {value for value in vars(module).values() if isinstance(value, Kind)}

    assert methods == ON_A_KIND.keys() | ON_CORE.keys()
    assert {(right.group, right.resource) for right in called()} >= {(kind.group, kind.plural) for kind in kinds}


def test_the_role_of_the_pipeline_gives_what_the_sources_call_and_nothing_else(base: Objects) -> None:
    assert sorted(granted(base, PIPELINE)) == sorted(called())


@pytest.mark.parametrize("account", [PIPELINE, SPARK, WEBAPP])
def test_an_account_may_do_what_its_role_gives_and_nothing_else(
    base: Objects,
    allowed: Allowed,
    everything: list[Right],
    everyones: set[Right],
    accounts_namespace: str,
    account: str,
) -> None:
    found = allowed(account, everything, accounts_namespace)

    assert sorted(found - everyones) == sorted(granted(base, account))


def test_kubeflows_own_accounts_get_what_they_lack(base: Objects, allowed: Allowed, accounts_namespace: str) -> None:
    wanted, runners = granted(base, PIPELINE), ("pipeline-runner", "default-editor")
    before = [allowed(runner, wanted, accounts_namespace) for runner in runners]

    kubectl("apply", "--namespace", accounts_namespace, "--filename", str(RUNNER_BINDINGS))

    assert before == [set(), set()]
    assert [allowed(runner, wanted, accounts_namespace) for runner in runners] == [wanted, wanted]


@pytest.mark.parametrize("namespace", ["default", "kube-system", ""], ids=lambda name: name or "all")
@pytest.mark.parametrize("account", [PIPELINE, SPARK, WEBAPP])
def test_and_nothing_elsewhere(base: Objects, allowed: Allowed, account: str, namespace: str) -> None:
    asked = {*granted(base, account), *DANGEROUS}

    assert allowed(account, asked, namespace) == set()


def test_what_any_account_may_do_changes_nothing(everyones: set[Right]) -> None:
    assert {right for right in everyones if right.verb != "create"} == set()
    assert {right.group for right in everyones} <= {"authorization.k8s.io", "authentication.k8s.io"}


def test_every_account_has_been_looked_at_and_no_role_is_wider_than_its_namespace(base: Objects) -> None:
    accounts = {each["metadata"]["name"] for each in base if each["kind"] == "ServiceAccount"}

    assert accounts == {PIPELINE, SPARK, WEBAPP}
    assert not [each["kind"] for each in base if each["kind"].startswith("ClusterRole")]
    assert not [each for each in base if each["kind"] == "Role" for rule in each["rules"] if "*" in str(rule)]


#: Whoever has one of these can come to have more, or do harm to what is not a release's.
DANGEROUS = [
    *[Right(verb, CORE, "secrets") for verb in ("get", "list", "watch", "create", "update", "patch", "delete")],
    *[Right(verb, CORE, "pods") for verb in ("create", "update", "patch", "delete", "deletecollection")],
    *[
        Right("create", CORE, resource)
        for resource in ("pods/exec", "pods/attach", "pods/portforward", "pods/eviction")
    ],
    *[
        Right("create", CORE, resource)
        for resource in ("serviceaccounts", "serviceaccounts/token", "nodes", "namespaces")
    ],
    *[Right("impersonate", CORE, resource) for resource in ("users", "groups", "serviceaccounts")],
    *[Right(verb, CORE, "configmaps") for verb in ("list", "watch", "update", "delete", "deletecollection")],
    *[Right(verb, CORE, "services") for verb in ("create", "update", "patch", "delete")],
    *[Right(verb, "apps", "deployments") for verb in ("create", "update", "patch", "delete")],
    *[Right(verb, "batch", "jobs") for verb in ("create", "patch")],
    *[Right(verb, "rbac.authorization.k8s.io", "roles") for verb in ("create", "update", "patch", "bind", "escalate")],
    *[Right(verb, "rbac.authorization.k8s.io", "rolebindings") for verb in ("create", "update", "patch", "delete")],
    *[Right(verb, "serving.kserve.io", "servingruntimes") for verb in ("create", "update", "patch", "delete")],
    *[Right(verb, "serving.kserve.io", "inferenceservices") for verb in ("list", "deletecollection")],
    *[Right("update", "serving.kserve.io", f"inferenceservices/{sub}") for sub in ("status", "finalizers")],
    *[Right(verb, "coordination.k8s.io", "leases") for verb in ("list", "deletecollection")],
    Right("create", "networking.k8s.io", "networkpolicies"),
]


@pytest.mark.parametrize("right", DANGEROUS, ids=lambda right: f"{right.verb} {right.resource}")
def test_what_would_do_harm_is_denied_to_the_pipeline_itself(connection: Connection, right: Right) -> None:
    """Asked as the account, with its own token."""
    assert not may(connection, right.verb, group=right.group, resource=right.resource)


def test_a_missing_right_is_named_with_what_mends_it(connection: Connection) -> None:
    elsewhere = Connection(connection.api, "default")

    with pytest.raises(ServingFailed, match=r"403 Forbidden.*inferenceservices.*apply cluster/base"):
        elsewhere.get(INFERENCE_SERVICES, "rpm")
