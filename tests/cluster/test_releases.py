"""Releases on a real cluster: promoted, replaced, put back, and gone."""

from pathlib import Path

import pytest
import requests

from components.platforms import PROMOTED, PROMOTING, LiveService
from components.recovery import restore, undo_unfinished_promotion
from model.endpoint import Endpoint
from model.errors import PromotionFailed
from model.sample import export
from tests.cluster.conftest import (
    RETRAINED,
    WAIT_S,
    Publish,
    ReachablePlatform,
    expectations_of,
    names,
    run_to_its_end,
    until_nothing_is_left,
)

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

LEFT_BEHIND = "inferenceservices,deployments,pods,services,configmaps,leases.coordination.k8s.io"


def probability(endpoint: Endpoint) -> float:
    body = {"signature_name": "serving_default", "instances": [{"bounces": [0], "time_on_site": [7363]}]}
    answer = requests.post(endpoint.predict_url, json=body, timeout=10)
    answer.raise_for_status()
    return float(answer.json()["predictions"][0]["will_buy_on_return_visit_probs"][0])


def test_a_release_goes_live_is_replaced_and_restored(
    platform: ReachablePlatform, publish: Publish, retail_propensity: Path, retail_retrained: Path
) -> None:
    first = publish(retail_propensity, model_name="rpm", version=1)
    second = publish(retail_retrained, model_name="rpm", version=2)
    wanted = expectations_of(retail_propensity, weights=export.VARIABLES)

    assert platform.live_service("rpm") is None
    state, endpoint = run_to_its_end(first, expectations=wanted, platform=platform, run_id="run-1")
    assert (state, endpoint.version) == ("promoted", 1)
    assert probability(endpoint) == pytest.approx(0.775, abs=5e-4)
    pods = names(platform.connection.namespace, "pods")
    again, _ = run_to_its_end(first, expectations=wanted, platform=platform, run_id="run-2")
    assert again == "already_live"
    assert names(platform.connection.namespace, "pods") == pods, "nothing was rolled out anew"

    platform.write_live_service(LiveService(second, run_id="killed", phase=PROMOTING, former=first))
    assert undo_unfinished_promotion("rpm", platform=platform) == first
    assert probability(platform.wait_until_live(first, timeout_s=WAIT_S)) == pytest.approx(0.775, abs=5e-4)

    wanted = expectations_of(retail_retrained, weights=RETRAINED)
    _, endpoint = run_to_its_end(second, expectations=wanted, platform=platform, run_id="run-3")
    assert probability(endpoint) == pytest.approx(0.781, abs=5e-4)
    live = platform.live_service("rpm")
    assert live is not None
    assert (live.release, live.former, live.phase, live.run_id) == (second, first, PROMOTED, "run-3")

    restore(first, model_name="rpm", run_id="run-4", platform=platform)
    assert probability(platform.wait_until_live(first, timeout_s=WAIT_S)) == pytest.approx(0.775, abs=5e-4)

    platform.remove_live_service("rpm")
    assert platform.live_service("rpm") is None
    assert [
        each for each in until_nothing_is_left(platform.connection.namespace, LEFT_BEHIND) if "kube-root" not in each
    ] == []


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

    assert names(platform.connection.namespace, "inferenceservices,deployments,pods") == []


def test_a_promotion_whose_server_dies_leaves_the_former_release_live(
    platform: ReachablePlatform, publish: Publish, retail_propensity: Path, aborts_on_load: Path
) -> None:
    first = publish(retail_propensity, model_name="brave", version=1)
    second = publish(aborts_on_load, model_name="brave", version=2)
    wanted = expectations_of(retail_propensity, weights=export.VARIABLES)
    run_to_its_end(first, expectations=wanted, platform=platform, run_id="run-1")

    with pytest.raises(PromotionFailed, match=r"kserve-container of pod .* ended with exit code") as caught:
        run_to_its_end(second, expectations=wanted, platform=platform, run_id="run-2")

    assert str(caught.value).endswith("Put back: release 1 is live again.")
    assert probability(platform.wait_until_live(first, timeout_s=WAIT_S)) == pytest.approx(0.775, abs=5e-4)
    live = platform.live_service("brave")
    assert live is not None
    assert (live.release, live.phase) == (first, PROMOTED)
