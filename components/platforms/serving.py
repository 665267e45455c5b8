"""How the pods of a model server are to be, as a run's parameters say."""

import re
from dataclasses import dataclass

from model import json_codec
from model.errors import InvalidValue

STANDARD, KNATIVE = "Standard", "Knative"
_QUANTITY = re.compile(r"(\d+(\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_SELECTOR = re.compile(r"([\w./-]+)=([\w.-]*)")
_TOLERATION = re.compile(r"([\w./-]+)(?:=([\w.-]*))?(?::(NoSchedule|PreferNoSchedule|NoExecute))?")


@dataclass(frozen=True)
class ServingSettings:
    """Empty ones leave what the cluster's runtime has, and what somebody set on the live service by hand.

    deployment_mode: Standard or Knative, KServe's words. image_version: tag of the runtime's image. cpu, memory:
    Kubernetes quantities for each replica, requested and at the same time the limit. node_selector: `key=value`;
    tolerations: `key=value:Effect`, as `kubectl taint` spells them; both comma-separated. gateway_url: through which
    the steps call the model, with the service's own name as Host header; empty to call the Service inside the cluster.
    """

    deployment_mode: str = STANDARD
    image_version: str = ""
    replicas: int = 0
    cpu: str = ""
    memory: str = ""
    node_selector: str = ""
    tolerations: str = ""
    service_account: str = ""
    gateway_url: str = ""

    def check(self) -> "ServingSettings":
        """
        Raises:
            InvalidValue: naming the parameter that breaks its rule.
        """
        if self.deployment_mode not in (STANDARD, KNATIVE):
            raise _refused("deployment_mode", self.deployment_mode, rule=f"{STANDARD} or {KNATIVE}")
        if self.replicas < 0 or self.replicas % 1:
            raise _refused("serving_replicas", self.replicas, rule="0, for as it is, or a number of replicas")
        for name, text in (("serving_cpu", self.cpu), ("serving_memory", self.memory)):
            check_quantity(text, parameter=name)
        node_selector(self.node_selector, parameter="serving_node_selector")
        tolerations(self.tolerations, parameter="serving_tolerations")
        return self

    def to_json(self) -> str:
        return json_codec.to_json(self)


def check_quantity(text: str, *, parameter: str) -> None:
    """
    Raises:
        InvalidValue: it is neither empty nor a Kubernetes quantity.
    """
    if text and not _QUANTITY.fullmatch(text):
        raise _refused(parameter, text, rule="a Kubernetes quantity such as 500m, 2 or 2Gi")


def node_selector(text: str, *, parameter: str) -> dict[str, str]:
    """`pool=a,disk=ssd` as the labels that a node must have.

    Raises:
        InvalidValue: it is spelled otherwise.
    """
    found = [_SELECTOR.fullmatch(part) for part in _parts(text)]
    if not all(found):
        raise _refused(parameter, text, rule="key=value, comma-separated")
    return {match[1]: match[2] for match in found if match}


def tolerations(text: str, *, parameter: str) -> list[dict[str, str]]:
    """`dedicated=kserve:NoSchedule` as a pod's tolerations; without a value any value of the key is tolerated.

    Raises:
        InvalidValue: it is spelled otherwise.
    """
    found = [_TOLERATION.fullmatch(part) for part in _parts(text)]
    if not all(found):
        raise _refused(parameter, text, rule="key=value:Effect, as kubectl taint spells it, comma-separated")
    return [_toleration(*match.groups()) for match in found if match]


def _toleration(key: str, value: str | None, effect: str | None) -> dict[str, str]:
    wanted = {"operator": "Exists"} if value is None else {"operator": "Equal", "value": value}
    return {"key": key, **wanted, **({"effect": effect} if effect else {})}


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _refused(parameter: str, value: object, *, rule: str) -> InvalidValue:
    return InvalidValue(
        expected=rule, found=repr(value), where=f"parameter {parameter}", do="Correct it, or leave it empty."
    )
