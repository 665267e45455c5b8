"""The mode in which KServe deploys what names none."""

import json

import pytest

from pipeline.cluster_check.api_server import Answer
from pipeline.cluster_check.findings import State
from pipeline.cluster_check.modes import mode_finding

ABSENT = Answer(404, {}, "not found")


def config(deploy: str) -> Answer:
    return Answer(200, {"data": {"deploy": deploy}})


@pytest.mark.parametrize(("written", "mode"), [("Standard", "Standard"), ("RawDeployment", "Standard")])
def test_the_config_map_names_it_in_old_words_or_new(written: str, mode: str) -> None:
    found = mode_finding(config(json.dumps({"defaultDeploymentMode": written})), seen="", has_knative=False)

    assert (found.state, found.found) == (State.OK, f"{mode} by default (by the ConfigMap inferenceservice-config)")


def test_knative_that_is_not_installed_is_warned_of_and_stands_in_nobodys_way() -> None:
    found = mode_finding(config('{"defaultDeploymentMode": "Serverless"}'), seen="", has_knative=False)

    assert found.state is State.WARNING
    assert not found.stands_in_the_way
    assert "Knative is not installed" in found.found
    assert found.command == "kubectl -n kserve edit configmap inferenceservice-config"


def test_knative_that_is_installed_is_fine() -> None:
    assert mode_finding(ABSENT, seen="Knative", has_knative=True).state is State.OK


def test_what_was_seen_counts_more_than_what_is_written() -> None:
    found = mode_finding(config('{"defaultDeploymentMode": "Knative"}'), seen="Standard", has_knative=False)

    assert found.state is State.OK
    assert found.found.startswith("Standard by default (as an InferenceService")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(403, {}, 'User "u" cannot get resource "configmaps"'), "whoever asks may not get configmaps"),
        (ABSENT, "there is none"),
        (config("{}"), "it names no defaultDeploymentMode"),
        (config("no json"), "it names no defaultDeploymentMode"),
        (Answer(200, {}), "it names no defaultDeploymentMode"),
    ],
)
def test_one_that_cannot_be_read_is_unknown_and_not_needed(answer: Answer, why: str) -> None:
    found = mode_finding(answer, seen="", has_knative=False)

    assert found.state is State.UNKNOWN
    assert not found.stands_in_the_way
    assert why in found.found
