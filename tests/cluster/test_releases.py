"""Releases on a real cluster: promoted, put back, and gone. tests/cluster/test_traffic.py replaces them under load."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from components.platforms import PROMOTED, PROMOTING, LiveService
from components.platforms.kubernetes.connection import INFERENCE_SERVICES, NAMESPACE_VARIABLE
from components.platforms.kubernetes.inference_service import settings_of
from components.platforms.serving import ServingSettings
from components.recovery import undo_unfinished_promotion
from model.endpoint import Endpoint
from model.errors import PromotionFailed, ServingFailed
from model.release_layout import Release
from model.sample import export
from tests.cluster.conftest import (
    RETRAINED,
    WAIT_S,
    Publish,
    ReachablePlatform,
    expectations_of,
    kubectl,
    names,
    run_to_its_end,
    until_nothing_is_left,
)
from tests.pipeline.runs import CLI

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

LEFT_BEHIND = "inferenceservices,deployments,replicasets,pods,services,configmaps,leases.coordination.k8s.io"


def probability(endpoint: Endpoint) -> float:
    body = {"signature_name": "serving_default", "instances": [{"bounces": [0], "time_on_site": [7363]}]}
    answer = requests.post(endpoint.predict_url, json=body, timeout=10)
    answer.raise_for_status()
    return float(answer.json()["predictions"][0]["will_buy_on_return_visit_probs"][0])


def test_a_release_goes_live_stays_live_and_goes_without_a_trace(
    platform: ReachablePlatform, publish: Publish, retail_propensity: Path, retail_retrained: Path
) -> None:
    first = publish(retail_propensity, model_name="rpm", version=1)
    second = publish(retail_retrained, model_name="rpm", version=2)
    wanted = expectations_of(retail_propensity, weights=export.VARIABLES)

    assert platform.live_service("rpm") is None
    state, endpoint = run_to_its_end(first, expectations=wanted, platform=platform, run_id="run-1")
    assert (state, endpoint.version) == ("promoted", 1)
    assert probability(endpoint) == pytest.approx(0.775, abs=5e-4)
    of_live = (platform.connection.namespace, "pods", "--selector=serving.kserve.io/inferenceservice=rpm")
    pods = names(*of_live)
    again, _ = run_to_its_end(first, expectations=wanted, platform=platform, run_id="run-2")
    assert again == "already_live"
    assert names(*of_live) == pods, "nothing was rolled out anew"

    platform.write_live_service(LiveService(second, run_id="killed", phase=PROMOTING, former=first))
    assert undo_unfinished_promotion("rpm", platform=platform) == first
    assert probability(platform.wait_until_live(first, timeout_s=WAIT_S)) == pytest.approx(0.775, abs=5e-4)

    platform.remove_live_service("rpm")
    assert platform.live_service("rpm") is None
    clusters_own = "--field-selector=metadata.name!=kube-root-ca.crt"
    assert until_nothing_is_left(platform.connection.namespace, LEFT_BEHIND, clusters_own) == []


def test_the_former_release_is_served_again_by_a_command_typed_outside_the_cluster(
    platform: ReachablePlatform, publish: Publish, retail_propensity: Path, retail_retrained: Path
) -> None:
    first = publish(retail_propensity, model_name="back", version=1)
    second = publish(retail_retrained, model_name="back", version=2)
    run_to_its_end(first, expectations=expectations_of(retail_propensity, weights=export.VARIABLES), **of(platform, 1))
    run_to_its_end(second, expectations=expectations_of(retail_retrained, weights=RETRAINED), **of(platform, 2))
    command = [CLI, "rollback", "--platform", "kubernetes", "--model-name", "back", "--json"]
    environment = {**os.environ, NAMESPACE_VARIABLE: platform.connection.namespace}

    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"before": 2, "now": 1}
    assert "from here it cannot be asked itself" in done.stderr
    assert probability(platform.wait_until_live(first, timeout_s=WAIT_S)) == pytest.approx(0.775, abs=5e-4)


def of(platform: ReachablePlatform, number: int) -> dict[str, Any]:
    return {"platform": platform, "run_id": f"run-{number}"}


def test_a_candidate_is_served_beside_the_live_model_and_goes_without_a_trace(
    platform: ReachablePlatform, publish: Publish, retail_propensity: Path
) -> None:
    release = publish(retail_propensity, model_name="beside", version=1)

    endpoint = platform.deploy_candidate(release, run_id="run-1", timeout_s=WAIT_S)
    assert endpoint.model_name == "beside-candidate"
    assert probability(endpoint) == pytest.approx(0.775, abs=5e-4)
    adopted = platform.deploy_candidate(release, run_id="run-1", timeout_s=WAIT_S)
    assert adopted == endpoint
    platform.remove_candidate("beside")
    platform.remove_candidate("beside")

    assert until_nothing_is_left(platform.connection.namespace, "inferenceservices,deployments,pods") == []


#: What an operator has set on the live service by hand.
BY_HAND: dict[str, Any] = {
    "metadata": {"annotations": {"team": "growth"}},
    "spec": {
        "predictor": {
            "minReplicas": 2,
            "annotations": {"sidecar.istio.io/inject": "false"},
            "model": {"resources": {"requests": {"cpu": "60m", "memory": "300Mi"}, "limits": {"cpu": "1"}}},
        }
    },
}


def test_a_promotion_whose_server_dies_puts_back_the_very_same_service(
    platform: ReachablePlatform, publish: Publish, retail_propensity: Path, aborts_on_load: Path
) -> None:
    first = publish(retail_propensity, model_name="brave", version=1)
    second = publish(aborts_on_load, model_name="brave", version=2)
    wanted = expectations_of(retail_propensity, weights=export.VARIABLES)
    platform.write_live_service(LiveService(first, run_id="run-1", phase=PROMOTING))
    change = ("--type=merge", "--patch", json.dumps(BY_HAND))
    kubectl("patch", "inferenceservice", "brave", *change, "--namespace", platform.connection.namespace)
    platform.wait_until_live(first, timeout_s=WAIT_S)
    platform.write_live_service(LiveService(first, run_id="run-1", phase=PROMOTED))
    before = platform.connection.get(INFERENCE_SERVICES, "brave")
    tried = ServingSettings(replicas=1, memory="1Gi", tolerations="dedicated=kserve:NoSchedule")
    deploy_in_vain(platform, second, settings=tried)

    with pytest.raises(PromotionFailed, match=r"kserve-container of pod .* ended with exit code") as caught:
        run_to_its_end(second, expectations=wanted, platform=platform, run_id="run-2")

    assert str(caught.value).endswith("Put back: release 1 is live again.")
    assert probability(platform.wait_until_live(first, timeout_s=WAIT_S)) == pytest.approx(0.775, abs=5e-4)
    live, after = platform.live_service("brave"), platform.connection.get(INFERENCE_SERVICES, "brave")
    assert live is not None
    assert (live.release, live.phase) == (first, PROMOTED)
    assert before is not None
    assert after is not None
    assert after["spec"] == before["spec"]
    assert after["spec"]["predictor"]["minReplicas"] == 2
    assert after["metadata"]["annotations"]["team"] == "growth"
    assert settings_of(after) == settings_of(before) != tried


def deploy_in_vain(platform: ReachablePlatform, release: Release, *, settings: ServingSettings) -> None:
    """A candidate that does not come up stands there all the same, and promotion takes its settings over."""
    with pytest.raises(ServingFailed):
        platform.deploy_candidate(release, run_id="run-2", timeout_s=WAIT_S, settings=settings)
