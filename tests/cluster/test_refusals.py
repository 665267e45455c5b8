"""A model or an input that is refused at each step, on the cluster: red, explained, and everything as it was."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import apply, kubectl
from tests.cluster.release_jobs import Outcome
from tests.cluster.release_place import QUICK, Live, Place, Released, Train

pytest_plugins = ["tests.cluster.pipeline_runs"]
pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]

#: Of a model that would be released but for what a test does.
WEIGHT = 0.1


@pytest.fixture
def untouched(place: Place, first: Released) -> Iterator[Live]:
    """Asks the live service while the test runs; afterwards it is the very same, and nothing else has been left."""
    live, before, answer = place.live(), place.objects(), place.probability()
    with place.asked_throughout() as answers:
        yield live
    assert set(answers) == {answer}
    assert place.settled(before) == before
    assert place.live() == live


def refusal(outcome: Outcome, *, step: str, model_name: str = "rpm") -> str:
    """The paragraph in which a run says why it was refused, at that step."""
    assert outcome.status == 1, outcome.log
    result = outcome.result
    assert (result["state"], result["failed_step"]) == ("failed", step), outcome.log
    told = "\n".join(line for line in outcome.log.splitlines() if not line.startswith("{"))
    assert told.count(str(result["error"])) == 1, told
    assert f"✗ {step}" in told
    assert f"{model_name}: {step} failed" in told
    assert "Traceback" not in told
    return str(result["error"])


def test_what_is_refused_before_the_cluster_is_touched(
    place: Place, untouched: Live, writes_file_in_cond: Path, trained: Train, nan_always: Path
) -> None:
    """Three runs at once: none of them comes so far that it would be in the others' way."""
    changing = place.start(export := trained(0.9))
    unsafe, nan = place.start(writes_file_in_cond, rows="x.csv"), place.start(nan_always)

    changing.wait_for("✓ inspect_signature")
    place.bucket.blob(f"exports/{export.parent.name}/export/saved_model.pb").delete()

    assert "WriteFile" in refusal(unsafe.outcome(), step="inspect_signature")
    assert "The export changed, or is still being written" in refusal(changing.outcome(), step="stage_release")
    assert "finite numbers in the output will_buy_on" in refusal(nan.outcome(), step="validate_release")


def test_what_is_refused_when_it_is_deployed(
    place: Place, untouched: Live, retail_with_more_inputs: Path, trained: Train
) -> None:
    """A signature that the callers of what is live cannot use; and, of another model, a version of the server that does
    not exist."""
    rows = "fullVisitorId,bounces,time_on_site,pageviews\n01,0,7363,3\n"
    place.bucket.blob("rows/pageviews.csv").upload_from_string(rows)

    breaking = place.start(retail_with_more_inputs, rows="pageviews.csv")
    unpulled = place.start(trained(WEIGHT), model_name="tip", serving_image_version="0.0.0")

    paragraph = refusal(breaking.outcome(), step="deploy_candidate")
    assert f"a signature that callers of the live release {untouched.version} can go on using" in paragraph
    assert "pageviews" in paragraph
    paragraph = refusal(unpulled.outcome(), step="deploy_candidate", model_name="tip")
    assert "tensorflow/serving:0.0.0 cannot be pulled" in paragraph


def test_what_is_refused_when_the_batch_is_scored(place: Place, untouched: Live, trained: Train) -> None:
    """A metric below its threshold; and, of another model, rows without the column of the labels."""
    low = place.start(trained(WEIGHT), min_auc="0.999", **QUICK)
    unlabelled = place.start(trained(WEIGHT), model_name="tip", label_column="bought", **QUICK)

    assert "AUC of at least 0.999 (min_auc)" in refusal(low.outcome(), step="score_batch")
    paragraph = refusal(unlabelled.outcome(), step="score_batch", model_name="tip")
    assert "bought" in paragraph
    assert "will_buy_on_return_visit" in paragraph, "the columns that there are"


def test_a_model_that_never_answers_twice_the_same_is_refused_by_the_smoke_test(
    place: Place, untouched: Live, retail_random: Path
) -> None:
    outcome = place.release(retail_random, min_auc="0", **QUICK)

    assert "will_buy_on_return_visit_probs" in refusal(outcome, step="smoke_test_webapp")
    assert f"Release {untouched.version} of rpm is live." in outcome.log


@pytest.fixture
def no_more_pods(place: Place) -> Iterator[Callable[[], None]]:
    """Lets the namespace have no pod more than it has, until the test is over."""
    quota: dict[str, Any] = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "no-more-pods"}}
    yield lambda: apply({**quota, "spec": {"hard": {"pods": "1"}}}, namespace=place.namespace)
    kubectl("delete", "resourcequota", "no-more-pods", "--namespace", place.namespace, "--ignore-not-found")


def test_a_live_service_that_does_not_come_to_serve_it_is_put_back(
    place: Place, first: Released, no_more_pods: Callable[[], None], trained: Train
) -> None:
    before, live, answer = place.objects(), place.live(), place.probability()
    with place.asked_throughout() as answers:
        run = place.start(trained(WEIGHT), **QUICK)
        run.wait_for("… promote_release")
        no_more_pods()

        paragraph = refusal(run.outcome(), step="promote_release")

        assert "no pod can be made" in paragraph
        assert "exceeded quota" in paragraph
        assert paragraph.endswith(f"Put back: release {live.version} is live again.")
        assert place.live().predictor == live.predictor
        kubectl("delete", "resourcequota", "no-more-pods", "--namespace", place.namespace)
        kubectl("rollout", "status", "deployment/rpm-predictor", "--namespace", place.namespace, "--timeout=60s")
    assert set(answers) == {answer}
    assert place.settled(before) == before
