import json
from typing import Any

import numpy as np
import pytest

from model import dtypes
from model.errors import InvalidValue
from model.signature import TensorSpec
from model.tensor_json import array_from_json, array_to_json, outputs_from_response, request_in_columns

FLOAT_Y = (TensorSpec("y", "float32", (-1,)),)


@pytest.mark.parametrize(
    ("value", "dtype", "shape"),
    [
        (3, "int32", ()),
        ([], "float32", (0,)),
        ([[], []], "float32", (2, 0)),
        ([1, 2.5], "float64", (2,)),
        ([[1], [2]], "uint8", (2, 1)),
        ([True, False], "bool", (2,)),
        ([-(2**63), 2**63 - 1], "int64", (2,)),
        ([2**64 - 1], "uint64", (1,)),
    ],
)
def test_numbers_survive_json(value: Any, dtype: str, shape: tuple[int, ...]) -> None:
    array = array_from_json(value, dtype)

    assert array.dtype == dtype
    assert array.shape == shape
    assert array_to_json(array) == value


def test_nan_and_infinity_stand_bare() -> None:
    array = array_from_json(json.loads("[NaN, Infinity, -Infinity]"), "float32")

    assert json.dumps(array_to_json(array)) == "[NaN, Infinity, -Infinity]"


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_short_floats_are_written_in_their_shortest_form(dtype: str) -> None:
    array = np.array([0.1, 2.5, 1e-7], dtype)

    written = array_to_json(array)

    assert json.dumps(written[:2]) == "[0.1, 2.5]"
    np.testing.assert_array_equal(array_from_json(written, dtype), array)


def test_strings_that_are_no_utf8_travel_as_base64() -> None:
    array = array_from_json(["grün", {"b64": "/wA="}], "string")

    assert array.tolist() == ["grün".encode(), b"\xff\x00"]
    assert array_to_json(array) == ["grün", {"b64": "/wA="}]
    assert array_to_json(array[:1], as_b64=True) == [{"b64": "Z3LDvG4="}]


@pytest.mark.parametrize(
    ("value", "dtype", "found"),
    [
        ([1.0], "int64", "a decimal number, 1.0"),
        ([True], "int64", "a boolean, True"),
        ([1], "bool", "an integer, 1"),
        ([1, True], "float32", "a boolean, True"),
        (["1"], "float32", "a string, '1'"),
        ([None], "float32", "null"),
        ([1], "string", "an integer, 1"),
        ([{"b64": "/wA="}], "float32", "an object"),
        ([{"b64": "!"}], "string", "b64"),
        ([{"b64": 3}], "string", "b64"),
        ([{"b46": "/wA="}], "string", "b46"),
        ([300], "uint8", "out of its range"),
        ([-1], "uint64", "out of its range"),
        ([2**63], "int64", "out of its range"),
        ([1e39], "float32", "out of its range"),
        ([[1], [1, 2]], "int32", "lists of 1 and of 2"),
        ([[1], 2], "int32", "lists beside values"),
        ([1, [2]], "int32", "values beside lists"),
        ([[1, [2]], [3, 4]], "int32", "values beside lists"),
        ([1], "bfloat16", "bfloat16"),
    ],
)
def test_what_is_no_value_of_the_dtype_is_named(value: Any, dtype: str, found: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        array_from_json(value, dtype, where="input x")

    assert caught.value.where == "input x"
    assert found in caught.value.found


def test_every_dtype_of_a_column_has_its_json() -> None:
    for dtype in dtypes.COLUMN_DTYPES:
        value: Any = {"bool": [True], "string": ["a"]}.get(dtype, [1])

        assert array_to_json(array_from_json(value, dtype)) == value


def test_a_request_in_columns_names_each_input() -> None:
    inputs = {"a": np.array([1.5], np.float32), "b": np.array([[b"x"]], object)}

    assert request_in_columns(inputs, signature_name="s") == {
        "signature_name": "s",
        "inputs": {"a": [1.5], "b": [["x"]]},
    }


def test_an_answer_with_one_output_leaves_its_name_out() -> None:
    assert outputs_from_response({"outputs": [2.5]}, FLOAT_Y)["y"].tolist() == [2.5]


def test_an_answer_with_several_outputs_names_them() -> None:
    specs = (*FLOAT_Y, TensorSpec("z", "string", (-1,)))

    found = outputs_from_response({"outputs": {"y": [1], "z": ["a"]}}, specs)

    assert {name: array.tolist() for name, array in found.items()} == {"y": [1.0], "z": [b"a"]}


@pytest.mark.parametrize("body", [{}, [], {"error": "x"}, {"outputs": {"y": [1]}}, {"outputs": None}])
def test_an_answer_without_the_outputs_is_refused(body: Any) -> None:
    with pytest.raises(InvalidValue):
        outputs_from_response(body, (*FLOAT_Y, TensorSpec("z", "string", (-1,))))
