"""Whether an account may do what the pipeline does, by the API server's own word."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from components.platforms.kubernetes.connection import Kind
from model.errors import InvalidValue
from pipeline.cluster_check.api_server import Answer, ApiServer
from pipeline.cluster_check.findings import Finding, State

BASE = Path(__file__).resolve().parents[2] / "cluster" / "base"
PIPELINE_ACCOUNT, SPARK_ACCOUNT = "savedmodel-release", "savedmodel-release-spark"
_AUTHORIZATION = "/apis/authorization.k8s.io/v1"
_AT_ONCE = 8

#: Resource and group -> verbs. For installations without the sources; a test holds them equal to cluster/base.
PIPELINE_RIGHTS = {
    "leases.coordination.k8s.io": ("get", "create", "patch", "delete"),
    "inferenceservices.serving.kserve.io": ("get", "create", "update", "delete"),
    "deployments.apps": ("get",),
    "pods": ("list",),
    "events": ("list",),
    "services": ("get",),
    "sparkapplications.sparkoperator.k8s.io": ("get", "list", "create", "delete"),
    "pods/log": ("get",),
    "configmaps": ("get", "create", "patch"),
}
_ALL_VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
SPARK_RIGHTS = {
    "pods": _ALL_VERBS,
    "configmaps": _ALL_VERBS,
    "services": _ALL_VERBS,
    "persistentvolumeclaims": _ALL_VERBS,
}


@dataclass(frozen=True)
class Right:
    """One verb on one resource; `resource` may name a subresource, as in `pods/log`."""

    verb: str
    group: str
    resource: str

    @property
    def on(self) -> str:
        return f"{self.resource}.{self.group}" if self.group else self.resource

    def attributes(self, namespace: str) -> dict[str, str]:
        resource, _, subresource = self.resource.partition("/")
        where = {"namespace": namespace, "group": self.group, "resource": resource}
        return {"verb": self.verb, **where, **({"subresource": subresource} if subresource else {})}


@dataclass(frozen=True)
class Account:
    """A service account."""

    namespace: str
    name: str

    @classmethod
    def parse(cls, text: str, *, namespace: str) -> "Account":
        """`NAME`, `NAMESPACE:NAME`, or as the API server spells it, `system:serviceaccount:NAMESPACE:NAME`.

        Raises:
            InvalidValue: something else.
        """
        parts = [namespace, *text.removeprefix("system:serviceaccount:").split(":")][-2:]
        if text.removeprefix("system:serviceaccount:").count(":") > 1 or not all(_is_name(each) for each in parts):
            raise InvalidValue(
                expected="NAME or NAMESPACE:NAME of a service account",
                found=repr(text),
                where="--service-account",
                do="`kubectl get serviceaccounts` lists them.",
            )
        return cls(*parts)

    @property
    def user(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    @property
    def groups(self) -> list[str]:
        return ["system:serviceaccounts", f"system:serviceaccounts:{self.namespace}", "system:authenticated"]


def spelled(user: str) -> str:
    """A user as people would say."""
    parts = user.split(":")
    return f"service account {parts[2]}/{parts[3]}" if user.startswith("system:serviceaccount:") else user


def _is_name(text: str) -> bool:
    return bool(text) and all(c.isascii() and (c.islower() or c.isdigit() or c in "-.") for c in text)


def asking_user(server: ApiServer) -> str:
    """Who asks, as the API server knows them; empty where it cannot be told (before Kubernetes 1.28)."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = server.ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=body)
    return str(answer.body.get("status", {}).get("userInfo", {}).get("username", "")) if answer.ok else ""


def rights_of(role: str) -> dict[str, tuple[str, ...]]:
    """Resource and group -> verbs, from the manifest of a Role."""
    rules = [rule for each in yaml.safe_load_all(role) if each["kind"] == "Role" for rule in each["rules"]]
    found: dict[str, tuple[str, ...]] = {}
    for rule in rules:
        for on in [Right("", group, name).on for group in rule["apiGroups"] for name in rule["resources"]]:
            found[on] = (*found.get(on, ()), *rule["verbs"])
    return found


def needed_rights(manifest: str, *, otherwise: Mapping[str, Sequence[str]]) -> list[Right]:
    """Those that a manifest of cluster/base gives; `otherwise`, where the sources are not at hand."""
    path = BASE / manifest
    found = rights_of(path.read_text(encoding="utf-8")) if path.is_file() else otherwise
    split = [(on.partition(".")[0], on.partition(".")[2], verbs) for on, verbs in found.items()]
    return [Right(verb, group, resource) for resource, group, verbs in split for verb in verbs]


def may(server: ApiServer, verb: str, kind: Kind) -> bool:
    """Whether whoever asks has this right in the namespace."""
    return is_allowed(review(server, Right(verb, kind.group, kind.plural), account=None))


def review(server: ApiServer, right: Right, *, account: Account | None) -> Answer:
    """The API server's verdict on a right in the namespace: of `account`, else of whoever asks."""
    spec: dict[str, Any] = {"resourceAttributes": right.attributes(server.namespace)}
    if account is None:
        return server.ask("POST", f"{_AUTHORIZATION}/selfsubjectaccessreviews", body={"spec": spec})
    spec |= {"user": account.user, "groups": account.groups}
    body = {"metadata": {"namespace": server.namespace}, "spec": spec}
    place = f"{_AUTHORIZATION}/namespaces/{server.namespace}/localsubjectaccessreviews"
    answer = server.ask("POST", place, body=body)
    # An administrator of the namespace may ask there; a service that checks for others, cluster-wide only.
    return (
        server.ask("POST", f"{_AUTHORIZATION}/subjectaccessreviews", body={"spec": spec}) if not answer.ok else answer
    )


def is_allowed(answer: Answer) -> bool:
    return bool(answer.body.get("status", {}).get("allowed"))


def reviews(server: ApiServer, rights: Sequence[Right], *, account: Account | None) -> dict[Right, Answer]:
    with ThreadPoolExecutor(_AT_ONCE) as askers:
        answers = askers.map(lambda right: review(server, right, account=account), rights)
        return dict(zip(rights, answers, strict=True))


def rights_finding(check: str, answers: Mapping[Right, Answer], *, who: str, command: str) -> Finding:
    """`who`: the user whose rights these are; `command`: what gives them."""
    who = spelled(who)
    unasked = next((each for each in answers.values() if not each.ok), None)
    if unasked is not None:
        do = f"Run this as {who}, or as somebody who may create localsubjectaccessreviews in this namespace."
        return Finding(check, State.UNKNOWN, f"the API server does not tell about {who}: {unasked.refusal}", do)
    lacking = [right for right, answer in answers.items() if not is_allowed(answer)]
    if not lacking:
        return Finding(check, State.OK, f"{who} has all {len(answers)}")
    found = f"{who} lacks {len(lacking)} of {len(answers)}: {_grouped(lacking)}"
    return Finding(check, State.MISSING, found, "Give them, by the Role of cluster/base.", command)


def _grouped(rights: Sequence[Right]) -> str:
    """Resources of which the same is wanted stand together."""
    wanted: dict[tuple[str, ...], list[str]] = {}
    for on in dict.fromkeys(right.on for right in rights):
        wanted.setdefault(tuple(right.verb for right in rights if right.on == on), []).append(on)
    return "; ".join(f"{', '.join(verbs)} {' and '.join(resources)}" for verbs, resources in wanted.items())
