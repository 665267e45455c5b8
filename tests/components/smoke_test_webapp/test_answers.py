"""When an answer counts as the expected one."""

from typing import Any

import pytest

from components.answers import same
from components.contracts import Expectations
from components.smoke_test_webapp.answers import differences, page_differences
from model.signature import Signature, TensorSpec

NAN = float("nan")
SIGNATURE = Signature("s", "", (), (TensorSpec("p", "float64", (-1, 2)), TensorSpec("label", "string", (-1,))))
EXPECTED = Expectations(SIGNATURE, 1, {}, {"p": [[0.25, 0.75]], "label": ["a"]})


@pytest.mark.parametrize(
    ("dtype", "want", "got"),
    [
        ("float64", 1.0, 1.000005),
        ("float32", 1.0, 1.00005),
        ("float16", 1.0, 1.005),
        ("float64", 2.0, 2),
        ("float64", NAN, NAN),
        ("float64", float("inf"), float("inf")),
        ("float64", [[1.0], [2.0]], [[1.0], [2.0]]),
        ("int64", 2**63 - 1, 2**63 - 1),
        ("bool", True, True),
        ("string", "ab", {"b64": "YWI="}),
        ("string", {"b64": "/w=="}, {"b64": "/w=="}),
    ],
)
def test_values_that_are_the_same(dtype: str, want: Any, got: Any) -> None:
    assert same(want, got, dtype=dtype)


@pytest.mark.parametrize(
    ("dtype", "want", "got"),
    [
        ("float64", 1.0, 1.0001),
        ("float32", 1.0, 1.001),
        ("float16", 1.0, 1.1),
        ("float64", 1.0, NAN),
        ("float64", 1.0, "1.0"),
        ("float64", 1.0, None),
        ("float64", 1.0, True),
        ("float64", [1.0], 1.0),
        ("float64", [1.0], [1.0, 1.0]),
        ("float64", [[1.0]], [1.0]),
        ("int64", 2**63 - 1, 2**63 - 2),
        ("int64", 1, 1.0),
        ("int64", 1, True),
        ("bool", True, 1),
        ("string", "a", "b"),
        ("string", "1", 1),
        ("string", "a", None),
    ],
)
def test_values_that_differ(dtype: str, want: Any, got: Any) -> None:
    assert not same(want, got, dtype=dtype)


def test_an_answer_is_compared_output_by_output() -> None:
    assert differences({"p": [0.25, 0.75], "label": "a"}, EXPECTED, row=0) == []
    assert differences({"p": [0.25, 0.75]}, EXPECTED, row=0) == ["output label is missing"]
    assert "output p: expected [0.25, 0.75], found [0.5, 0.5]" in differences(
        {"p": [0.5, 0.5], "label": "a"}, EXPECTED, row=0
    )
    assert "expected an object" in differences([1], EXPECTED, row=0)[0]


def test_a_page_is_compared_with_the_values_that_it_shows() -> None:
    assert page_differences({"p": ["0.25", "0.7500001"], "label": ["a"]}, EXPECTED, row=0) == []
    assert page_differences({"p": ["0.25"], "label": ["a"]}, EXPECTED, row=0) == []
    assert len(page_differences({"p": ["x", "0.75"]}, EXPECTED, row=0)) == 2
