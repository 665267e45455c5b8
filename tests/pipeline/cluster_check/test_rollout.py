"""Waiting for an InferenceService: reached, a final reason, or the time is over."""

from typing import Any

from components.platforms.kubernetes.failures import SOURCE_URI
from pipeline.cluster_check.api_server import Answer
from pipeline.cluster_check.findings import State
from pipeline.cluster_check.rollout import Seen, obstacle
from pipeline.cluster_check.sample import answer_finding

URI = "gs://b/flowers"
SERVICE: dict[str, Any] = {"status": {}}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def deployment(*, ready: int) -> dict[str, Any]:
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), ready)
    meta = {"annotations": {SOURCE_URI: URI}, "generation": 1}
    return {"metadata": meta, "spec": {"replicas": 1}, "status": {"observedGeneration": 1, **counts}}


def pod(name: str = "p", **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "annotations": {SOURCE_URI: URI}}, "status": status}


def waited(*looks: Seen, timeout_s: float = 100.0) -> tuple[str, float]:
    """What was in the way, and after how many seconds that was known; the last look is repeated."""
    clock, coming = Clock(), list(looks)
    found = obstacle(
        lambda: coming.pop(0) if len(coming) > 1 else coming[0],
        reached=lambda now: now.is_rolled_out,
        timeout_s=timeout_s,
        clock=clock,
        sleep=clock.sleep,
    )
    return found, clock.now


def test_it_is_reached_once_every_pod_is_ready() -> None:
    coming = Seen(URI, SERVICE, deployment(ready=0), [pod()])

    assert waited(coming, coming, Seen(URI, SERVICE, deployment(ready=1), [pod()])) == ("", 1.0)


def test_a_container_that_ended_is_told_at_once_with_its_log() -> None:
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "message": "no such bucket"}}
    server = {"name": "kserve-container", "ready": False, "state": ended}
    failed = pod(containerStatuses=[server])

    found, after_s = waited(Seen(URI, SERVICE, deployment(ready=0), [failed]))

    assert "kserve-container of pod p ended with exit code 1" in found
    assert "no such bucket" in found
    assert after_s == 0.0


def test_what_may_pass_is_given_its_time() -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "Insufficient cpu"}
    waiting = Seen(URI, SERVICE, deployment(ready=0), [pod(conditions=[condition])])
    fine = Seen(URI, SERVICE, deployment(ready=1), [pod()])

    assert waited(waiting, waiting, fine) == ("", 1.0)
    assert waited(waiting) == ("pod p cannot be scheduled: Insufficient cpu", 20.0)


def test_a_node_that_the_cluster_adds_is_waited_for() -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "Insufficient cpu"}
    pods, growing = [pod(conditions=[condition])], [{"reason": "TriggeredScaleUp"}]

    found, after_s = waited(Seen(URI, SERVICE, deployment(ready=0), pods, events=lambda name: growing))

    assert (found, after_s) == ("not within 100 s", 100.0)


def test_an_image_that_cannot_be_pulled_counts_under_all_its_names() -> None:
    def refused(reason: str) -> Seen:
        state = {"waiting": {"reason": reason, "message": "not found"}}
        container = {"name": "kserve-container", "image": "i:1", "ready": False, "state": state}
        return Seen(URI, SERVICE, deployment(ready=0), [pod(containerStatuses=[container])])

    found, after_s = waited(*[refused(reason) for _ in range(30) for reason in ("ErrImagePull", "ImagePullBackOff")])

    assert "its image i:1 cannot be pulled" in found
    assert after_s == 6.0


def test_kserves_own_complaint_counts_where_it_makes_no_deployment() -> None:
    found, after_s = waited(Seen(URI, SERVICE, None, [], ("InternalError: no such scheme",)))

    assert (found, after_s) == ("KServe: InternalError: no such scheme", 5.0)


def test_nothing_at_all_is_given_up_after_a_minute() -> None:
    assert waited(Seen(URI, SERVICE, None, [])) == ("KServe has made no Deployment of it", 60.0)


def test_the_time_ends_it_with_what_was_in_the_way() -> None:
    found, _ = waited(Seen(URI, SERVICE, None, []), timeout_s=6.0)

    assert found == "not within 6 s; KServe has made no Deployment of it"


def test_an_initializer_that_ended_well_has_fetched() -> None:
    ended = pod(initContainerStatuses=[{"name": "storage-initializer", "state": {"terminated": {"exitCode": 0}}}])

    assert Seen(URI, SERVICE, deployment(ready=0), [ended]).has_fetched
    assert not Seen(URI, SERVICE, deployment(ready=0), [pod()]).has_fetched


def answered(answer: Answer) -> Any:
    return answer_finding(answer, uri=URI, way="through the API server", seconds=6.4)


def test_answers_and_the_lack_of_them() -> None:
    right = {"predictions": [{"key": "check-cluster", "scores": [1.0], "prediction": 0}]}

    assert answered(Answer(200, right)).found == f"{URI} answered through the API server, 6 s after it was created"
    assert answered(Answer(200, {})).state is State.MISSING
    assert (
        "answers amiss, asked through the API server: 400: no input x" in answered(Answer(400, {}, "no input x")).found
    )


def test_a_proxy_that_may_not_be_used_is_unknown() -> None:
    found = answered(Answer(403, {}, 'cannot create resource "services/proxy"'))

    assert found.state is State.UNKNOWN
    assert "Run this in a pod" in found.do
