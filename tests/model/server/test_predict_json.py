from typing import Any

import numpy as np
import pytest

from model.errors import InvalidValue
from model.server.predict_json import inputs_from_request, response
from model.signature import TensorSpec

X = (TensorSpec("x", "float32", (-1,)),)
WORD = (TensorSpec("word", "string", (-1,)),)
TWO = (TensorSpec("a", "float32", (-1,)), TensorSpec("b", "int64", (-1, 1)))


@pytest.mark.parametrize(
    ("body", "specs", "expected"),
    [
        ({"instances": [1, 2]}, X, {"x": [1.0, 2.0]}),
        ({"instances": [{"x": 1}, {"x": 2}]}, X, {"x": [1.0, 2.0]}),
        ({"instances": [[1], [2]]}, X, {"x": [[1.0], [2.0]]}),
        ({"instances": [{"a": 1, "b": [3]}, {"b": [4], "a": 2}]}, TWO, {"a": [1.0, 2.0], "b": [[3], [4]]}),
        ({"instances": ["a", {"b64": "/w=="}]}, WORD, {"word": [b"a", b"\xff"]}),
        ({"instances": [{"word": "a"}, {"word": {"b64": "/w=="}}]}, WORD, {"word": [b"a", b"\xff"]}),
        ({"instances": [{"b64": "/w=="}]}, WORD, {"word": [b"\xff"]}),
        ({"inputs": [1, 2]}, X, {"x": [1.0, 2.0]}),
        ({"inputs": 1}, X, {"x": 1.0}),
        ({"inputs": {"x": [1]}}, X, {"x": [1.0]}),
        ({"inputs": {"a": [1, 2], "b": [[3]]}}, TWO, {"a": [1.0, 2.0], "b": [[3]]}),
        ({"signature_name": "s", "inputs": {"b64": "/w=="}}, WORD, {"word": b"\xff"}),
    ],
)
def test_both_formats_are_read(body: Any, specs: Any, expected: dict[str, Any]) -> None:
    arrays, rows = inputs_from_request(body, specs)

    assert {name: array.tolist() for name, array in arrays.items()} == expected
    assert rows is ("instances" in body)


@pytest.mark.parametrize(
    ("body", "specs", "where", "found"),
    [
        ([], X, "request body", "a list"),
        ({}, X, "request body", "keys []"),
        ({"instances": [1], "inputs": [1]}, X, "request body", "instances and inputs"),
        ({"instances": []}, X, "instances", "a list"),
        ({"instances": {"x": 1}}, X, "instances", "an object"),
        ({"instances": None}, X, "instances", "null"),
        ({"instances": [{"a": 1, "b": [1]}, {"a": 1}]}, TWO, "instances, row 1", "['a']"),
        ({"instances": [{"a": 1, "b": [1], "c": 1}]}, TWO, "instances, row 0", "['a', 'b', 'c']"),
        ({"instances": [1]}, TWO, "instances, row 0", "an integer"),
        ({"instances": [{"x": 1}, 2]}, X, "instances, row 1", "an integer"),
        ({"instances": [[1], 2]}, X, "instances, input x", "lists beside values"),
        ({"inputs": {"a": [1]}}, TWO, "inputs", "['a']"),
        ({"inputs": [1]}, TWO, "inputs", "a list"),
        ({"inputs": {"a": [1], "b": [1.5]}}, TWO, "inputs, input b", "1.5"),
    ],
)
def test_what_is_no_request_for_these_inputs_is_named(body: Any, specs: Any, where: str, found: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        inputs_from_request(body, specs)

    assert caught.value.where == where
    assert found in caught.value.found


def test_one_output_is_answered_bare() -> None:
    outputs = {"y": np.array([2.5, 3.0], np.float32)}

    assert response(outputs, rows=True) == {"predictions": [2.5, 3.0]}
    assert response(outputs, rows=False) == {"outputs": [2.5, 3.0]}


def test_several_outputs_are_answered_by_name() -> None:
    outputs = {"p": np.array([[0.5], [1.0]]), "image_bytes": np.array([b"a", b"b"], object)}

    assert response(outputs, rows=True) == {
        "predictions": [{"p": [0.5], "image_bytes": {"b64": "YQ=="}}, {"p": [1.0], "image_bytes": {"b64": "Yg=="}}]
    }
    assert response(outputs, rows=False) == {
        "outputs": {"p": [[0.5], [1.0]], "image_bytes": [{"b64": "YQ=="}, {"b64": "Yg=="}]}
    }


@pytest.mark.parametrize("other", [np.float32(1), np.zeros(3)])
def test_row_format_needs_one_row_per_instance_in_each_output(other: Any) -> None:
    outputs = {"y": np.zeros(2), "z": np.asarray(other)}

    with pytest.raises(InvalidValue, match="column format"):
        response(outputs, rows=True)
    assert set(response(outputs, rows=False)["outputs"]) == {"y", "z"}
