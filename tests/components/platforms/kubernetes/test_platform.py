"""What is written on the live service and beside it, and which candidate is deployed anew."""

import json

import pytest

from components.contracts import Expectations
from components.platforms import PROMOTED, PROMOTING, LiveService
from components.platforms.kubernetes import platform as module
from components.platforms.kubernetes.inference_service import FORMER_ANNOTATION, candidate_service, storage_uri
from components.platforms.kubernetes.platform import KubernetesPlatform
from components.platforms.serving import ServingSettings
from components.promote_release.promotion import promote
from model.errors import PromotionFailed, ServingFailed
from model.release_layout import Release
from model.signature import Signature
from tests.components.platforms.kubernetes.api_server import NAMESPACE, ApiServer

FIRST, SECOND, THIRD = (
    Release("rpm", number, f"sha256:{number}", f"gs://models/rpm/releases/{number}") for number in (1, 2, 3)
)
LIVE, CANDIDATE = "inferenceservices/rpm", "inferenceservices/rpm-candidate"
SECOND_BEGUN = LiveService(SECOND, run_id="run-2", phase=PROMOTING, former=FIRST)
SECOND_LIVE = LiveService(SECOND, run_id="run-2", phase=PROMOTED, former=FIRST)


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def platform(server: ApiServer, pauses: list[float]) -> KubernetesPlatform:
    """With FIRST live."""
    opened = KubernetesPlatform(server.connection(), sleep=pauses.append)
    for phase in (PROMOTING, PROMOTED):
        opened.write_live_service(LiveService(FIRST, run_id="run-1", phase=phase))
    server.changes = 0
    return opened


def test_a_promotion_is_confirmed_without_a_change_to_the_service(
    platform: KubernetesPlatform, server: ApiServer
) -> None:
    platform.write_live_service(SECOND_BEGUN)
    begun, before = platform.live_service("rpm"), server.objects[LIVE]
    platform.write_live_service(SECOND_LIVE)

    assert (begun, platform.live_service("rpm")) == (SECOND_BEGUN, SECOND_LIVE)
    assert server.objects[LIVE] == before


def test_only_what_a_candidate_has_tried_is_promoted(platform: KubernetesPlatform, server: ApiServer) -> None:
    before = server.objects[LIVE]
    nothing_expected = Expectations(Signature("serving_default", "", (), ()), rows=0, inputs={}, outputs={})

    def promoted() -> str:
        return promote(SECOND, expectations=nothing_expected, platform=platform, run_id="run-2", timeout_s=0)[0]

    with pytest.raises(PromotionFailed, match=r"found none.*Start a new run"):
        promoted()
    server.objects[CANDIDATE] = candidate_service(
        THIRD, run_id="run-3", namespace=NAMESPACE, settings=ServingSettings()
    )
    with pytest.raises(PromotionFailed, match="found none"):
        promoted()

    assert server.objects[LIVE] == before
    assert not platform.has_candidate(SECOND)
    assert platform.has_candidate(THIRD)


def test_an_attempt_that_begins_the_same_promotion_again_does_not_confirm_it(
    platform: KubernetesPlatform, server: ApiServer
) -> None:
    platform.write_live_service(SECOND_BEGUN)
    platform.write_live_service(SECOND_BEGUN)

    assert platform.live_service("rpm") == SECOND_BEGUN
    assert server.changes == 1


def test_a_change_whose_answer_is_lost_is_not_taken_for_a_confirmation(
    platform: KubernetesPlatform, server: ApiServer
) -> None:
    server.lost = 1

    platform.write_live_service(SECOND_BEGUN)

    assert platform.live_service("rpm") == SECOND_BEGUN
    assert server.changes == 1


def test_a_rollback_whose_answer_is_lost_still_knows_what_it_replaced(
    platform: KubernetesPlatform, server: ApiServer
) -> None:
    for phase in (PROMOTING, PROMOTED):
        platform.write_live_service(LiveService(SECOND, "run-2", phase, former=FIRST))
    for phase in (PROMOTING, PROMOTED):
        platform.write_live_service(LiveService(THIRD, "run-3", phase, former=SECOND))
    server.lost = 1

    platform.write_live_service(LiveService(FIRST, "run-4", PROMOTED))

    former = json.loads(server.objects[LIVE]["metadata"]["annotations"][FORMER_ANNOTATION])
    assert storage_uri(server.objects[LIVE]) == FIRST.uri
    assert former["predictor"]["model"]["storageUri"] == THIRD.uri


def test_a_service_that_somebody_changes_meanwhile_is_looked_at_again_after_a_pause(
    platform: KubernetesPlatform, server: ApiServer, pauses: list[float]
) -> None:
    server.busy = 3

    platform.write_live_service(SECOND_BEGUN)

    assert platform.live_service("rpm") == SECOND_BEGUN
    assert pauses == [module.BETWEEN_TRIES_S] * 3


def test_a_service_that_somebody_changes_all_the_time_is_named_in_the_end(
    platform: KubernetesPlatform, server: ApiServer
) -> None:
    server.busy = 1000

    with pytest.raises(ServingFailed, match=rf"InferenceService {NAMESPACE}/rpm: .* \d+ changes by others"):
        platform.write_live_service(SECOND_BEGUN)

    assert storage_uri(server.objects[LIVE]) == FIRST.uri


def test_the_settings_of_the_candidate_that_was_tried_go_live(platform: KubernetesPlatform, server: ApiServer) -> None:
    settings = ServingSettings(node_selector="disk=ssd", cpu="2")
    server.keep(CANDIDATE, **candidate_service(SECOND, run_id="run-2", namespace=NAMESPACE, settings=settings))

    platform.write_live_service(SECOND_BEGUN)

    predictor = server.objects[LIVE]["spec"]["predictor"]
    assert predictor["nodeSelector"] == {"disk": "ssd"}
    assert predictor["model"]["resources"]["requests"] == {"cpu": "2"}


@pytest.mark.parametrize(
    ("run_id", "release", "settings", "stays"),
    [
        pytest.param("run-2", SECOND, ServingSettings(), True, id="the very same"),
        pytest.param("run-1", SECOND, ServingSettings(), False, id="of another run"),
        pytest.param("run-2", THIRD, ServingSettings(), False, id="of another release"),
        pytest.param("run-2", SECOND, ServingSettings(cpu="2"), False, id="with other settings"),
    ],
)
def test_only_a_candidate_of_this_very_run_is_gone_on_with(
    platform: KubernetesPlatform,
    server: ApiServer,
    run_id: str,
    release: Release,
    settings: ServingSettings,
    stays: bool,
) -> None:
    server.keep(CANDIDATE, **candidate_service(release, run_id=run_id, namespace=NAMESPACE, settings=settings))
    uid = server.objects[CANDIDATE]["metadata"]["uid"]

    with pytest.raises(ServingFailed):  # no KServe makes pods of it
        platform.deploy_candidate(SECOND, run_id="run-2", timeout_s=0)

    assert storage_uri(server.objects[CANDIDATE]) == SECOND.uri
    assert (server.objects[CANDIDATE]["metadata"]["uid"] == uid) is stays
