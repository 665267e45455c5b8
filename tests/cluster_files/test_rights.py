"""What no manifest may grant, whoever adds one."""

from typing import Any

import pytest

from tests.cluster_files.manifests import CLUSTER, Object, objects, values_of

ROLES = [each for each in objects(CLUSTER) if each.get("kind") in ("Role", "ClusterRole")]
BINDINGS = [each for each in objects(CLUSTER) if each.get("kind") in ("RoleBinding", "ClusterRoleBinding")]
#: Each lets its holder become more than it is.
_CLIMBING = {"escalate", "bind", "impersonate"}
#: The accounts that Kubeflow Pipelines runs steps as: by itself, and in a profile's namespace.
KUBEFLOWS = {"pipeline-runner", "default-editor"}


def _name(node: Any) -> str:
    return f"{node['kind']} {node['metadata']['name']}"


def test_there_are_roles_and_bindings_to_look_at() -> None:
    assert {"Role savedmodel-release", "Role savedmodel-release-spark"} <= {_name(each) for each in ROLES}
    assert len(BINDINGS) >= len(ROLES)


@pytest.mark.parametrize("role", ROLES, ids=_name)
def test_a_role_names_each_verb_resource_and_group(role: Object) -> None:
    for rule in role["rules"]:
        assert "*" not in [*rule["verbs"], *rule.get("resources", []), *rule.get("apiGroups", [])], rule
        assert not _CLIMBING & set(rule["verbs"]), rule
        assert "nonResourceURLs" not in rule


@pytest.mark.parametrize("role", ROLES, ids=_name)
def test_no_role_reads_secrets_or_enters_pods(role: Object) -> None:
    resources = {resource for rule in role["rules"] for resource in rule["resources"]}

    assert resources & {"secrets", "pods/exec", "pods/attach", "serviceaccounts/token"} == set()


@pytest.mark.parametrize("binding", BINDINGS, ids=_name)
def test_a_binding_gives_a_role_of_ours_to_one_service_account_of_ours_or_kubeflows(binding: Object) -> None:
    ours = {(each["kind"], each["metadata"]["name"]) for each in ROLES}
    accounts = {each["metadata"]["name"] for each in objects(CLUSTER) if each.get("kind") == "ServiceAccount"}

    (subject,) = binding["subjects"]

    assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) in ours
    assert subject["kind"] == "ServiceAccount"
    assert subject["name"] in accounts | KUBEFLOWS


def test_kubeflows_accounts_get_the_pipelines_role_and_no_other() -> None:
    given = {each["subjects"][0]["name"]: each["roleRef"]["name"] for each in BINDINGS}

    assert {name: given.get(name) for name in KUBEFLOWS} == dict.fromkeys(KUBEFLOWS, "savedmodel-release")


def test_nothing_is_granted_in_the_whole_cluster() -> None:
    kinds = {each.get("kind") for each in objects(CLUSTER)}

    assert kinds & {"ClusterRole", "ClusterRoleBinding"} == set()


def test_no_pod_is_privileged_or_on_the_hosts_network() -> None:
    found = list(objects(CLUSTER))

    for key in ("privileged", "hostNetwork", "hostPID", "hostIPC", "allowPrivilegeEscalation"):
        assert not any(values_of(key, found)), key
    assert not list(values_of("hostPath", found))
