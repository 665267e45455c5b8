"""From the log of a step to why it failed."""

import datetime
from collections.abc import Mapping

import pytest
import requests

from pipeline.kubeflow.failures import cause
from tests.kfp_standin.answers import Refusal, plain
from tests.kfp_standin.script import Clock, Script
from tests.kfp_standin.server import Standin
from tests.kfp_standin.store import Store
from tests.pipeline.kubeflow.commands import REFUSED, RELEASE, submit

SERVER_LOG = """\
INFO components.deploy_candidate: waiting
ERROR components.reporting: deploy_candidate failed. ServingFailed: rpm-candidate: expected a server that is ready; \
found CrashLoopBackOff. Its log ends with:
E0801 no such op: FooOp
  at node bar
INFO components.reporting: the last word
"""
TRACEBACK = """\
[KFP Executor 2026-08-01 10:00:00,000 INFO]: --component_module_path is not specified.
Traceback (most recent call last):
  File "/tmp/tmp.x/ephemeral_component.py", line 12, in promote_release
    raise KeyError("x")
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main
kubernetes.client.exceptions.ApiException: (403)
Reason: Forbidden
I0801 10:00:00.000000      18 launcher_v2.go:705] ExecutorOutput: {}
"""


def test_what_a_step_refuses_is_its_own_paragraph() -> None:
    teller, kind, message = cause(REFUSED)

    assert (teller, kind) == ("score_batch", "ScoringFailed")
    assert message.startswith("gs://b/models/rpm/predictions: expected AUC")
    assert message.endswith("Train again.")


def test_a_message_of_several_lines_is_whole() -> None:
    _, kind, message = cause(SERVER_LOG)

    assert kind == "ServingFailed"
    assert message.endswith("Its log ends with:\nE0801 no such op: FooOp\n  at node bar")


def test_of_a_traceback_the_last_exception_counts() -> None:
    assert cause(TRACEBACK) == ("", "ApiException", "(403)\nReason: Forbidden")


def test_an_exception_without_words_is_named() -> None:
    assert cause("Traceback (most recent call last):\n  File x\nMemoryError\n") == ("", "MemoryError", "MemoryError")


def test_else_the_log_ends_with_its_last_lines() -> None:
    _, kind, message = cause("\n".join(f"line {number}" for number in range(100)))

    assert kind == "StepFailed"
    assert message.splitlines()[0] == "Its log ends with:"
    assert (message.splitlines()[1], message.splitlines()[-1]) == ("line 85", "line 99")


def failing(
    standin: Standin, *arguments: str, environment: Mapping[str, str] | None = None, **script: object
) -> dict[str, object]:
    standin.store.script = Script(**script)  # type: ignore[arg-type]
    done = submit(standin, *RELEASE, *arguments, "--json", environment=environment)
    assert done.status == 1
    assert "Traceback" not in done.err
    return done.json


@pytest.mark.parametrize("attempts", [True, False])
def test_the_pod_is_found_whether_or_not_the_engine_retries(standin: Standin, attempts: bool) -> None:
    logs = {"score-batch": REFUSED}

    told = failing(standin, failing=frozenset({"score-batch"}), logs=logs, attempts=attempts)

    assert told["error_details"]["kind"] == "ScoringFailed"  # type: ignore[index]


def test_of_two_that_fail_the_first_is_the_cause(standin: Standin) -> None:
    logs = {
        "score-batch": REFUSED,
        "finish-release": "ERROR components.reporting: finish_release failed. ServingFailed: rpm: later. Wait.\n",
    }

    told = failing(standin, failing=frozenset({"score-batch", "finish-release"}), logs=logs)

    assert (told["failed_step"], told["error_details"]["kind"]) == ("score_batch", "ScoringFailed")  # type: ignore[index]


def test_a_step_that_never_ran_is_told_by_its_drivers_log(standin: Standin) -> None:
    log = "F0801 10:00:00.000000 1 main.go:80] KFP driver: resolved input parameter is null\n"

    told = failing(standin, failing_drivers=frozenset({"stage-release"}), logs={"stage-release": log})

    assert told["failed_step"] == "stage_release"
    assert "resolved input parameter is null" in str(told["error"])


@pytest.mark.parametrize(("newest", "behind_ui"), [(False, True), (True, False), (True, True)])
def test_the_reason_is_found_wherever_the_log_is_served(standin: Standin, newest: bool, behind_ui: bool) -> None:
    standin.newest, standin.behind_ui = newest, behind_ui

    told = failing(standin, failing=frozenset({"score-batch"}), logs={"score-batch": REFUSED})

    assert told["error_details"]["kind"] == "ScoringFailed"  # type: ignore[index]
    link = str(told["log_url"])
    assert link.startswith(f"{standin.url}/apis/v2beta1/runs/" if newest else f"{standin.url}/k8s/pod/logs?podname=")
    assert requests.get(link, timeout=10).text == REFUSED


def test_through_the_ui_a_pod_is_looked_for_in_the_users_namespace() -> None:
    with Standin(Store(Clock(500.0), multi_user=True), behind_ui=True).running() as standin:
        told = failing(standin, "-n", "mlops", failing=frozenset({"score-batch"}), logs={"score-batch": REFUSED})

    assert told["error_details"]["kind"] == "ScoringFailed"  # type: ignore[index]
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    assert f"&podnamespace=mlops&createdat={day[:4]}" in str(told["log_url"])


def test_the_way_that_was_served_is_the_first_to_be_tried_again(standin: Standin) -> None:
    standin.behind_ui = True

    failing(standin, failing_drivers=frozenset({"stage-release"}), logs={"stage-release": "F0801 resolved is null\n"})

    paths = [path for path in standin.calls("GET") if "/log" in path]
    assert [path for path in paths if "/apis/" in path] == paths[:2]
    assert len(paths) > 3


def test_a_ui_that_is_elsewhere_than_the_api_is_linked_to_by_its_own_way(standin: Standin) -> None:
    elsewhere = {"KF_PIPELINES_UI_ENDPOINT": "https://ui.example.com"}

    told = failing(standin, failing=frozenset({"score-batch"}), environment=elsewhere)

    assert str(told["log_url"]).startswith("https://ui.example.com/k8s/pod/logs?podname=")


def test_where_nobody_serves_logs_that_is_the_reason(standin: Standin) -> None:
    standin.store.log = _nowhere  # type: ignore[method-assign,assignment]

    told = failing(standin, failing=frozenset({"score-batch"}))

    assert (told["error_details"]["kind"], told["log_url"]) == ("NoLog", None)  # type: ignore[index]
    assert f"Its log could not be read: {standin.url} serves none." in str(told["error"])
    assert str(told["run_url"]) in str(told["error"])
    assert len([path for path in standin.calls("GET") if "/log" in path]) == 3


def test_a_pod_that_the_ui_does_not_know_has_left_no_log(standin: Standin) -> None:
    standin.behind_ui = True

    told = failing(standin, failing=frozenset({"score-batch"}), silent=frozenset({"score-batch"}))

    assert "its pod may not have come to start" in str(told["error"])


def _nowhere(run_id: str, pod: str) -> None:
    raise Refusal(404, "404 page not found")


def test_an_api_that_is_away_when_the_log_is_asked_for_is_the_reason(standin: Standin) -> None:
    def away(run_id: str, pod: str) -> None:
        raise Refusal(429, "too many of you")

    standin.store.log = away  # type: ignore[method-assign,assignment]

    told = failing(standin, failing=frozenset({"score-batch"}))

    assert "Its log could not be read. " in str(told["error"])
    assert "HTTP 429: too many of you" in str(told["error"])


def test_a_log_that_may_not_be_read_is_told(standin: Standin) -> None:
    def forbidden(run_id: str, pod: str) -> None:
        raise plain(403, f"Failed to authorize reading the log of {pod}")

    standin.store.log = forbidden  # type: ignore[method-assign,assignment]

    told = failing(standin, failing=frozenset({"score-batch"}))

    assert told["failed_step"] == "score_batch"
    assert "Its log could not be read" in str(told["error"])
    assert "HTTP 403: Failed to authorize" in str(told["error"])


def test_a_pod_without_a_log_is_told_with_the_page_that_knows_more(standin: Standin) -> None:
    told = failing(standin, failing=frozenset({"score-batch"}), silent=frozenset({"score-batch"}))

    assert (told["failed_step"], told["log_url"]) == ("score_batch", None)
    assert str(told["run_url"]) in str(told["error"])
