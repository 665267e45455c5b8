"""Runs that are cut off, and runs that meet: the end is the same as if nothing had happened."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.platforms.kubernetes.inference_service import CANDIDATE_ANNOTATION
from tests.cluster.conftest import kubectl
from tests.cluster.release_jobs import Run
from tests.cluster.release_place import QUICK, STEPS, Place, Released, Train

pytest_plugins = ["tests.cluster.pipeline_runs"]
pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]

CANDIDATE = "inferenceservice.serving.kserve.io/rpm-candidate"


def until(condition: Callable[[], object], *, timeout_s: float = 120.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def in_the_middle(place: Place, run: Run, *, step: str, version: int) -> None:
    """Until the step is at work on the cluster, or has begun where that does not show. version: what is live."""
    run.wait_for(f"… {step}")
    if step == "deploy_candidate":
        until(lambda: CANDIDATE in place.objects())
    if step == "score_batch":
        until(lambda: any(each.startswith("pod/score-") for each in place.objects()))
    if step == "promote_release":
        until(lambda: place.live().version != version)


def end_of(place: Place) -> dict[str, Any]:
    """What a release over another one leaves, but for what tells it from the next."""
    live, note = place.live(), json.loads(place.read("configmap", "rpm-promoted")["data"]["live"])
    version, former = str(live.version), str(live.written["former"]["version"])
    predictor = json.dumps(live.predictor).replace(f"/releases/{version}", "/releases/VERSION")
    return {
        "predictor": json.loads(predictor),
        "annotations": sorted(live.annotations),
        "phase": note["phase"],
        "came after": int(version) - int(former),
        "files": [file.replace(f"{version}/", "") for file in place.releases("rpm")[version]],
        "objects": place.objects(),
    }


def test_a_run_that_is_killed_in_each_step_and_started_again_ends_like_one_that_is_not(
    place: Place, replaced: Released, trained: Train
) -> None:
    version, undisturbed, export = replaced.live.version, end_of(place), trained(0.2)
    with place.asked_throughout() as answers:
        for step in STEPS:
            run = place.start(export, **QUICK)
            in_the_middle(place, run, step=step, version=version)
            run.kill()
        last = place.release(export, **QUICK)

    assert last.status == 0, last.log
    assert last.result["state"] in ("promoted", "already_live")
    assert place.settled(undisturbed["objects"]) == undisturbed["objects"]
    assert end_of(place) == undisturbed
    assert sorted(place.releases("rpm")) == ["1", "2", "3"]
    assert place.probability() == 0.806
    assert set(answers) == {0.781, 0.806}


def test_of_two_releases_of_a_model_at_once_one_wins_and_none_disturbs_another_models(
    place: Place, replaced: Released, trained: Train, retail_propensity: Path
) -> None:
    objects = place.objects()
    runs = [place.start(trained(intercept), **QUICK) for intercept in (0.3, 0.4)]
    other = place.start(retail_propensity, model_name="tip", invoke_endpoint="no", **QUICK)
    until(lambda: any(run.over for run in runs), timeout_s=300.0)
    loser, winner = sorted(runs, key=lambda run: run.over, reverse=True)
    candidate, lease = place.read("inferenceservice", "rpm-candidate"), place.read("lease", "rpm-release")

    lost, won, uncalled = loser.outcome(), winner.outcome(), other.outcome()

    run_id = won.result["run_id"]
    assert (won.status, won.result["state"]) == (0, "promoted"), won.log
    assert place.live().written["run_id"] == run_id
    assert (lost.status, lost.result["error_details"]["kind"]) == (1, "ReleaseInProgress"), lost.log
    assert f"run {run_id}" in lost.result["error"]
    assert candidate["metadata"]["annotations"][CANDIDATE_ANNOTATION] == run_id
    assert "deletionTimestamp" not in candidate["metadata"]
    assert lease["spec"]["holderIdentity"] == run_id

    assert (uncalled.status, uncalled.result["state"]) == (0, "promoted"), uncalled.log
    assert place.probability("tip") == 0.775
    assert (uncalled.result["scores"]["rows"], uncalled.result["scores"]["auc"]) == (200, None), "no answers to judge"
    assert "2 checks of" in uncalled.log, "the page is served, and a skip skips"
    kubectl("delete", "inferenceservice", "tip", "--namespace", place.namespace, "--cascade=foreground")
    assert place.settled(objects) == objects


def test_a_run_that_is_told_to_end_puts_everything_back_in_time(
    place: Place, replaced: Released, trained: Train
) -> None:
    objects, live = place.objects(), place.live()
    run = place.start(trained(0.5), **QUICK)
    in_the_middle(place, run, step="score_batch", version=live.version)
    grace_s = place.read("pod", run.pod)["spec"]["terminationGracePeriodSeconds"]
    began = time.monotonic()

    kubectl("delete", "pod", run.pod, "--namespace", place.namespace)  # and waits until it has gone

    assert time.monotonic() - began < grace_s / 2
    told = run.outcome()
    assert "interrupted: putting everything back" in told.log
    assert told.result["error_details"]["kind"] == "Interrupted"
    assert f"Release {live.version} of rpm is live." in told.log
    assert place.settled(objects, timeout_s=20.0) == objects
    assert place.live() == live
