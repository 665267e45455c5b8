"""Settings of a model server's pods, as they are typed into a form."""

import pytest

from components.platforms.serving import ServingSettings, node_selector, tolerations
from model.errors import InvalidValue


def test_labels_and_taints_are_read_as_kubectl_spells_them() -> None:
    assert node_selector("pool=a, disk=ssd", parameter="p") == {"pool": "a", "disk": "ssd"}
    assert tolerations("dedicated=kserve:NoSchedule,gpu:NoExecute,spot=true,any", parameter="p") == [
        {"key": "dedicated", "operator": "Equal", "value": "kserve", "effect": "NoSchedule"},
        {"key": "gpu", "operator": "Exists", "effect": "NoExecute"},
        {"key": "spot", "operator": "Equal", "value": "true"},
        {"key": "any", "operator": "Exists"},
    ]
    assert node_selector("", parameter="p") == {}
    assert tolerations(" ", parameter="p") == []


@pytest.mark.parametrize(
    ("settings", "parameter"),
    [
        (ServingSettings(deployment_mode="RawDeployment"), "deployment_mode"),
        (ServingSettings(replicas=-1), "serving_replicas"),
        (ServingSettings(cpu="two"), "serving_cpu"),
        (ServingSettings(memory="2 GB"), "serving_memory"),
        (ServingSettings(node_selector="pool"), "serving_node_selector"),
        (ServingSettings(tolerations="a=b:Sometimes"), "serving_tolerations"),
    ],
)
def test_a_setting_that_breaks_its_rule_is_named(settings: ServingSettings, parameter: str) -> None:
    with pytest.raises(InvalidValue, match=f"parameter {parameter}"):
        settings.check()


def test_settings_within_the_rules_pass() -> None:
    settings = ServingSettings("Knative", "2.19.0", 2, "500m", "2Gi", "a=b", "a:NoSchedule", "reader", "https://g")

    assert settings.check() is settings
