"""Reading why a service does not come up, from objects as the API server gives them."""

from typing import Any

import pytest

from components.platforms.kubernetes.failures import (
    SOURCE_URI,
    Outlasted,
    Problem,
    is_rolled_out,
    is_routed,
    problems,
    with_events,
)

URI = "gs://models/rpm/releases/7"
SERVICE: dict[str, Any] = {"metadata": {"name": "rpm"}, "spec": {}, "status": {}}


def pod(*, uri: str = URI, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "rpm-predictor-1", "annotations": {SOURCE_URI: uri}}, "status": status}


def deployment(*, uri: str = URI, generation: int = 2, **status: Any) -> dict[str, Any]:
    meta = {"name": "rpm-predictor", "generation": generation, "annotations": {SOURCE_URI: uri}}
    return {"metadata": meta, "spec": {"replicas": 1}, "status": {"observedGeneration": 2, **status}}


ALL_READY: dict[str, Any] = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}


def found(*pods: dict[str, Any], service: dict[str, Any] | None = SERVICE, rollout: Any = None) -> list[Problem]:
    return list(problems(service, rollout, pods=list(pods), uri=URI))


def test_a_complete_rollout_of_the_uri_counts() -> None:
    assert is_rolled_out(deployment(**ALL_READY), uri=URI)


@pytest.mark.parametrize(
    "stale",
    [
        None,
        deployment(uri="gs://models/rpm/releases/6", **ALL_READY),
        deployment(generation=3, **ALL_READY),
        deployment(**{**ALL_READY, "replicas": 2}),
        deployment(**{**ALL_READY, "updatedReplicas": 0}),
        deployment(**{**ALL_READY, "availableReplicas": 0}),
    ],
)
def test_what_still_shows_the_former_release_does_not_count(stale: dict[str, Any] | None) -> None:
    assert not is_rolled_out(stale, uri=URI)


def test_an_initializer_that_failed_is_told_with_its_log() -> None:
    ended = {"exitCode": 1, "reason": "Error", "message": "GCS resource 'models' not found.\n"}
    initializer = {"name": "storage-initializer", "ready": False, "restartCount": 1, "state": {"terminated": ended}}

    (problem,) = found(pod(initContainerStatuses=[initializer]))

    assert problem.grace_s == 0
    assert "storage-initializer of pod rpm-predictor-1 ended with exit code 1" in problem.found
    assert problem.found.endswith("GCS resource 'models' not found.")


@pytest.mark.parametrize(
    ("restarts", "state", "counts"),
    [
        (0, "terminated", False),
        (1, "running", False),
        (1, "waiting", True),
        (1, "terminated", True),
        (2, "running", True),
    ],
)
def test_an_initializer_may_fail_once(restarts: int, state: str, counts: bool) -> None:
    ended = {"exitCode": 1, "reason": "Error", "message": "Anonymous caller does not have storage.objects.list access"}
    states = {"terminated": {"state": {"terminated": ended}}, "running": {"state": {"running": {}}}}
    shown = states.get(state, {"state": {"waiting": {"reason": "CrashLoopBackOff"}}})
    last = {"lastState": {"terminated": ended}} if restarts else {}
    initializer = {"name": "storage-initializer", "ready": False, "restartCount": restarts, **shown, **last}

    assert bool(found(pod(initContainerStatuses=[initializer]))) is counts


def test_a_pod_that_kserve_gave_no_initializer_is_told_with_the_likely_cause() -> None:
    without, given = pod(), pod()
    without["spec"] = {"containers": [{"name": "kserve-container"}]}
    given["spec"] = {**without["spec"], "initContainers": [{"name": "storage-initializer"}]}

    (problem,) = found(without)

    assert "label control-plane" in problem.found
    assert found(given) == []


def test_a_server_that_is_started_again_has_failed() -> None:
    ended = {"terminated": {"exitCode": 139, "reason": "Error", "message": "Segmentation fault"}}
    server = {"name": "kserve-container", "ready": False, "state": {"running": {}}, "lastState": ended}
    server["restartCount"] = 1

    (problem,) = found(pod(containerStatuses=[server]))

    assert "exit code 139" in problem.found


def test_a_server_that_recovered_long_ago_is_no_problem() -> None:
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    server = {"name": "kserve-container", "ready": True, "state": {"running": {}}, "lastState": ended}

    assert found(pod(containerStatuses=[server])) == []


def test_an_image_that_cannot_be_pulled_has_one_reason_under_both_its_names() -> None:
    def waiting(reason: str) -> dict[str, Any]:
        state = {"waiting": {"reason": reason, "message": "no such host"}}
        return {"name": "kserve-container", "image": "tensorflow/serving:2.6.2", "ready": False, "state": state}

    (first,), (second,) = (found(pod(containerStatuses=[waiting(r)])) for r in ("ErrImagePull", "ImagePullBackOff"))

    assert (first.reason, first.pod) == (second.reason, second.pod)
    assert first.reason
    assert first.pod == "rpm-predictor-1"
    assert first.found != second.found
    assert "tensorflow/serving:2.6.2" in first.found


@pytest.mark.parametrize(
    ("message", "grace_s"),
    [
        ('failed to resolve reference "docker.io/a:b": docker.io/a:b: not found', 6.0),
        ("pull access denied, repository does not exist or may require authorization", 6.0),
        ("failed to do request: dial tcp 10.0.0.1:443: connect: connection refused", 6.0),
        ("unexpected status: 503 Service Unavailable", 60.0),
        ('failed to pull "a:b403-denied": 503 Service Unavailable, request 74031', 60.0),
        ("toomanyrequests: You have reached your pull rate limit", 60.0),
    ],
)
def test_only_a_refusal_for_good_of_an_image_counts_soon(message: str, grace_s: float) -> None:
    state = {"waiting": {"reason": "ErrImagePull", "message": message}}
    image = "a:b403-denied" if "a:b403" in message else "a:b"
    server = {"name": "kserve-container", "image": image, "ready": False, "state": state}

    assert [each.grace_s for each in found(pod(containerStatuses=[server]))] == [grace_s]


def test_a_pod_that_does_not_start_is_told_by_its_events_unless_it_pulls_an_image() -> None:
    creating = {"name": "kserve-container", "ready": False, "state": {"waiting": {"reason": "ContainerCreating"}}}
    waiting = found(pod(containerStatuses=[creating]))
    mount = {"reason": "FailedMount", "message": 'secret "endpoint" not found'}

    (problem,) = with_events(waiting, lambda name: [{"reason": "Scheduled"}, mount])

    assert problem.found.endswith('does not start: FailedMount: secret "endpoint" not found')
    assert problem.grace_s > 0
    assert with_events(waiting, lambda name: [mount, {"reason": "Pulling"}]) == []
    assert with_events(waiting, lambda name: [{"reason": "Scheduled"}]) == []


def test_a_pod_without_a_node_has_some_time_to_get_one() -> None:
    unscheduled = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: 1 Insufficient cpu."}

    (problem,) = found(pod(conditions=[unscheduled]))

    assert problem.grace_s > 0
    assert "Insufficient cpu" in problem.found


def test_a_pod_that_the_cluster_adds_a_node_for_is_left_out_and_no_other() -> None:
    told = {
        "grows": ["FailedScheduling", "TriggeredScaleUp"],
        "karpenter": ["Nominated"],
        "stays": ["FailedScheduling", "NotTriggerScaleUp"],
    }
    unscheduled = {"type": "PodScheduled", "status": "False"}
    pods = [pod(conditions=[unscheduled]) for _ in told]
    for each, name in zip(pods, told, strict=True):
        each["metadata"]["name"] = name

    seen = with_events([*found(*pods), Problem("another")], lambda name: [{"reason": each} for each in told[name]])

    assert [each.found for each in seen] == ["pod stays cannot be scheduled: ", "another"]


@pytest.mark.parametrize(
    ("looks", "counts_at"),
    [
        ([[Problem("x")]], 0),
        ([[Problem("x", 3.0)]] * 9, 3),
        ([[Problem("x", 3.0)], [Problem("x", 3.0)], [], *[[Problem("x", 3.0)]] * 9], 6),
        ([[Problem("x", 3.0)], [Problem("y", 3.0)]] * 9, None),
        ([[Problem("x", 3.0, "r", "p")], [Problem("y", 3.0, "r", "p")]] * 9, 3),
        ([[Problem("x", 3.0, "r", "p")], [Problem("x", 3.0, "r", "q")]] * 9, None),
        ([[Problem("x", 3.0, "r", "p")], [Problem("x", 3.0, "s", "p")]] * 9, None),
    ],
)
def test_a_problem_counts_once_it_was_there_for_its_time_without_a_break(
    looks: list[list[Problem]], counts_at: int | None
) -> None:
    seconds = iter(range(len(looks)))
    outlasted = Outlasted(lambda: next(seconds))

    counted = [at for at, look in enumerate(looks) if outlasted.first(look)]

    assert next(iter(counted), None) == counts_at


def test_of_problems_that_count_the_first_is_told() -> None:
    seconds = iter([0.0, 5.0])
    outlasted = Outlasted(lambda: next(seconds))
    look = [Problem("passes", 9.0), Problem("telling", 5.0), Problem("other", 1.0)]

    assert [outlasted.first(look), outlasted.first(look)] == [None, look[1]]


@pytest.mark.parametrize("change", [{"uri": "gs://models/rpm/releases/6"}, {"deleted": True}])
def test_pods_of_another_release_and_pods_that_go_are_not_asked(change: dict[str, Any]) -> None:
    ended = {"name": "kserve-container", "ready": False, "state": {"terminated": {"exitCode": 1}}}
    other = pod(uri=change.get("uri", URI), containerStatuses=[ended])
    if change.get("deleted"):
        other["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z"

    assert found(other) == []


def test_a_failure_that_is_written_on_the_service_counts_only_while_it_blocks() -> None:
    failure = {"reason": "NoSupportingRuntime", "message": "No runtime found"}
    blocked = {**SERVICE, "status": {"modelStatus": {"transitionStatus": "InvalidSpec", "lastFailureInfo": failure}}}
    stale = {**SERVICE, "status": {"modelStatus": {"transitionStatus": "UpToDate", "lastFailureInfo": failure}}}

    assert [each.found for each in found(service=blocked)] == ["KServe: No runtime found"]
    assert found(service=stale) == []


def test_a_deployment_that_cannot_make_pods_says_why() -> None:
    refused = {"type": "ReplicaFailure", "status": "True", "message": "serviceaccount nobody not found"}

    (problem,) = found(rollout=deployment(conditions=[refused]))

    assert "serviceaccount nobody not found" in problem.found


def test_what_a_deployment_said_before_it_saw_the_change_is_no_problem() -> None:
    gave_up = {"type": "Progressing", "status": "False", "message": "has timed out progressing"}

    assert found(rollout=deployment(generation=3, conditions=[gave_up])) == []
    assert len(found(rollout=deployment(conditions=[gave_up]))) == 1


def test_a_deleted_service_is_a_problem() -> None:
    assert "gone" in found(service=None)[0].found


def revisions(*, created: str, ready: str, state: str = "True") -> dict[str, Any]:
    predictor = {"latestCreatedRevision": created, "latestReadyRevision": ready}
    conditions = [{"type": "Ready", "status": state}]
    return {"metadata": {"name": "rpm"}, "status": {"components": {"predictor": predictor}, "conditions": conditions}}


def test_knatives_newest_revision_has_to_be_the_ready_one() -> None:
    assert is_routed(revisions(created="rpm-00002", ready="rpm-00002"))
    assert not is_routed(revisions(created="rpm-00002", ready="rpm-00001"))
    assert not is_routed(revisions(created="rpm-00001", ready="rpm-00001", state="Unknown"))
    assert not is_routed(SERVICE)
