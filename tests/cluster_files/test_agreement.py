"""Terraform, the overlay for GKE and the pipeline speak of the same accounts, pools, taints and places."""

from typing import Any

import pytest
import yaml

from components.platforms.kubernetes.webapp import WEBAPP_SERVICE
from components.platforms.serving import node_selector, tolerations
from pipeline.environments import COMPILED
from tests.cluster_files.manifests import CLUSTER, GKE, WORKLOADS, Object, kustomization, of_kind, values_of
from tests.cluster_files.terraform_files import configuration

IDENTITY = "iam.gke.io/gcp-service-account"
POOL = "cloud.google.com/gke-nodepool"
EFFECTS = {"NO_SCHEDULE": "NoSchedule", "PREFER_NO_SCHEDULE": "PreferNoSchedule", "NO_EXECUTE": "NoExecute"}


def taint_of(pool: str) -> Object:
    """The taint, as the toleration that fits it."""
    taint = configuration().local("taints")[pool]
    return {"key": taint["key"], "operator": "Equal", "value": taint["value"], "effect": EFFECTS[taint["effect"]]}


def parameters() -> dict[str, str]:
    """Terraform's values for the pipeline's parameters; what Terraform has yet to compute, as it stands there."""
    values: dict[str, str] = configuration().blocks["output.pipeline_parameters"]["value"]
    return values


def webapp_pods() -> Object:
    spec: Object = of_kind("Deployment", WORKLOADS)[WEBAPP_SERVICE]["spec"]["template"]["spec"]
    return spec


def test_each_identity_is_of_one_service_account_and_the_other_way_round() -> None:
    accounts = of_kind("ServiceAccount", WORKLOADS)
    identities = {name: each["metadata"]["annotations"][IDENTITY] for name, each in accounts.items()}

    assert identities == {name: f"{name}@PROJECT" for name in configuration().local("identities")}


def test_every_other_service_account_is_left_out_by_name() -> None:
    (replacement,) = kustomization(WORKLOADS)["replacements"]
    (target,) = replacement["targets"]
    accounts = of_kind("ServiceAccount", CLUSTER / "base").keys() | of_kind("ServiceAccount", WORKLOADS).keys()

    assert {each["name"] for each in target["reject"]} == accounts - configuration().local("identities").keys()


@pytest.mark.parametrize("name", ["savedmodel-release-spark", "savedmodel-release-serving"])
def test_names_of_google_service_accounts_fit_into_thirty_characters(name: str) -> None:
    assert name in configuration().local("identities")
    assert 6 <= len(name) <= 30


def test_the_web_application_selects_its_pool_and_tolerates_exactly_its_taint() -> None:
    pool = webapp_pods()["nodeSelector"][POOL]

    assert pool in configuration().default("pools")
    assert webapp_pods()["tolerations"] == [taint_of(pool)]


def test_taints_are_of_pools_that_exist_and_keep_the_two_apart() -> None:
    taints = configuration().local("taints")

    assert taints.keys() < configuration().default("pools").keys()
    assert len({(each["key"], each["value"]) for each in taints.values()}) == len(taints) == 2


def test_budget_and_spread_are_of_the_web_applications_pods() -> None:
    labels = of_kind("Deployment", CLUSTER / "base")[WEBAPP_SERVICE]["spec"]["template"]["metadata"]["labels"]
    budget = of_kind("PodDisruptionBudget", WORKLOADS)[WEBAPP_SERVICE]["spec"]["selector"]["matchLabels"]
    spread = [each["labelSelector"]["matchLabels"] for each in webapp_pods()["topologySpreadConstraints"]]

    assert len(spread) == 2
    assert all(selector.items() <= labels.items() for selector in (budget, *spread))


def test_the_pool_has_a_node_for_each_domain_that_the_spread_asks_for() -> None:
    pool = configuration().default("pools")[webapp_pods()["nodeSelector"][POOL]]
    domains = [each.get("minDomains", 1) for each in webapp_pods()["topologySpreadConstraints"]]

    assert max(domains) <= pool["min_nodes"]


def test_terraforms_parameters_are_parameters_of_the_pipeline() -> None:
    compiled: dict[str, Any] = next(iter(yaml.safe_load_all(COMPILED.read_text(encoding="utf-8"))))

    assert parameters().keys() <= compiled["root"]["inputDefinitions"]["parameters"].keys()


@pytest.mark.parametrize("of", ["serving", "spark"])
def test_terraforms_parameters_select_a_pool_and_tolerate_exactly_its_taint(of: str) -> None:
    selector = node_selector(parameters()[f"{of}_node_selector"], parameter="serving_node_selector")
    tolerated = tolerations(_computed(parameters()[f"{of}_tolerations"]), parameter="serving_tolerations")
    pool = selector[POOL]

    assert pool in configuration().default("pools")
    assert tolerated == ([taint_of(pool)] if pool in configuration().local("taints") else [])


def _computed(text: str) -> str:
    """`local.tolerations["POOL"]`, as Terraform computes it."""
    for pool in configuration().local("taints"):
        taint = taint_of(pool)
        spelled = f"{taint['key']}={taint['value']}:{taint['effect']}"
        text = text.replace(f'${{local.tolerations["{pool}"]}}', spelled)
    return text


def test_the_model_servers_account_is_one_that_may_only_read() -> None:
    account = parameters()["serving_service_account"]

    assert account in of_kind("ServiceAccount", WORKLOADS)
    assert configuration().local("identities")[account]["role"] == "roles/storage.objectViewer"


def test_the_namespace_is_the_one_that_identities_are_bound_in() -> None:
    assert kustomization(WORKLOADS)["namespace"] == configuration().default("namespace")


def test_the_settings_are_of_the_form_that_terraform_writes() -> None:
    (settings,) = of_kind("ConfigMap", WORKLOADS).values()
    written = configuration().blocks["output.overlay_settings"]["value"]
    repository = configuration().blocks["google_artifact_registry_repository.images"]["repository_id"]
    read = {
        each["source"]["fieldPath"] for folder in (GKE, WORKLOADS) for each in kustomization(folder)["replacements"]
    }

    assert read == {f"data.{key}" for key in settings["data"]}
    assert all(f"{key} = " in written for key in settings["data"])
    assert f'name = "{settings["metadata"]["name"]}"' in written
    assert settings["data"]["registry"].endswith(f"/{repository}")
    assert settings["metadata"]["annotations"] == {"config.kubernetes.io/local-config": "true"}


def test_logs_on_gke_are_json() -> None:
    environment = [
        each for values in values_of("env", list(of_kind("Deployment", CLUSTER / "base").values())) for each in values
    ]

    assert {"name": "WEBAPP_LOG_FORMAT", "value": "json"} in environment
    assert not list(values_of("env", webapp_pods()))
