"""Which runtime serves a TensorFlow model, told from lists or from what KServe chose."""

import copy
from typing import Any

import pytest

from pipeline.cluster_check.api_server import Answer
from pipeline.cluster_check.findings import State
from pipeline.cluster_check.runtimes import Served, runtime_finding
from tests.pipeline.cluster_check.fake_cluster import RUNTIME

NONE, FORBIDDEN = Answer(200, {"items": []}), Answer(403, {}, 'cannot list resource "servingruntimes"')


def runtime(name: str, *, image: str = "i:1", namespace: str = "", priority: int = 1, **changes: Any) -> dict[str, Any]:
    made = copy.deepcopy(RUNTIME)
    made["metadata"] = {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z"}
    made["metadata"] |= {"namespace": namespace} if namespace else {}
    made["spec"]["containers"][0]["image"] = image
    made["spec"]["supportedModelFormats"][0] |= {"priority": priority}
    made["spec"] |= changes
    return made


def listed(*runtimes: dict[str, Any]) -> Answer:
    return Answer(200, {"items": list(runtimes)})


def test_the_namespaces_runtime_goes_before_the_clusters() -> None:
    own = listed(runtime("own", namespace="mlops", image="mine:1"))

    found = runtime_finding(own, listed(runtime("shipped", priority=9)), seen=None)

    assert (found.state, found.found) == (State.OK, "ServingRuntime own with the image mine:1")


def test_the_higher_priority_counts() -> None:
    found = runtime_finding(NONE, listed(runtime("low"), runtime("high", priority=2), runtime("other")), seen=None)

    assert found.found.startswith("ClusterServingRuntime high ")


@pytest.mark.parametrize("image", ["tensorflow/serving:2.6.2", "mirror.example/tensorflow/serving:2.6.2"])
def test_what_kserve_ships_is_warned_of(image: str) -> None:
    found = runtime_finding(NONE, listed(runtime("shipped", image=image)), seen=None)

    assert found.state is State.WARNING
    assert not found.stands_in_the_way
    assert "serving_image_version" in found.do


def test_what_kserve_chose_counts_more_than_the_lists() -> None:
    found = runtime_finding(FORBIDDEN, FORBIDDEN, seen=Served("ServingRuntime x", "tensorflow/serving:2.6.2"))

    assert (found.state, found.found) == (
        State.WARNING,
        "ServingRuntime x with the image tensorflow/serving:2.6.2",
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"supportedModelFormats": [{"name": "tensorflow"}]}, "not chosen by themselves (autoSelect): r"),
        ({"disabled": True}, "disabled: r"),
        ({"protocolVersions": ["v2"]}, "none of 1 runtimes takes TensorFlow models over protocol v1"),
        ({"supportedModelFormats": [{"name": "onnx", "autoSelect": True}]}, "none of 1 runtimes takes TensorFlow"),
    ],
)
def test_without_one_that_fits_the_message_says_why(changes: dict[str, Any], why: str) -> None:
    found = runtime_finding(NONE, listed(runtime("r", **changes)), seen=None)

    assert found.state is State.MISSING
    assert why in found.found
    assert "autoSelect: true" in found.do


def test_lists_that_may_not_be_read_are_not_taken_for_empty_ones() -> None:
    found = runtime_finding(FORBIDDEN, listed(), seen=None)

    assert found.state is State.UNKNOWN
    assert found.stands_in_the_way


def test_the_namespaces_runtime_is_enough_where_the_clusters_may_not_be_read() -> None:
    found = runtime_finding(listed(runtime("own", namespace="mlops")), FORBIDDEN, seen=None)

    assert found.state is State.OK


def test_the_clusters_runtime_is_not_where_the_namespaces_may_not_be_read() -> None:
    assert runtime_finding(FORBIDDEN, listed(runtime("shipped")), seen=None).state is State.UNKNOWN
