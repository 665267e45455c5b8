"""From what a visitor typed to a row."""

import contextlib
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.dtypes import INTEGERS
from model.signature import Signature, TensorSpec
from webapp.failures import BadField
from webapp.fields import instance, typed


def spec(dtype: str, *dims: int) -> TensorSpec:
    return TensorSpec("x", dtype, (-1, *dims))


@pytest.mark.parametrize(
    ("dtype", "text", "value"),
    [
        ("float32", "7363", 7363),
        ("float32", " 0.5 ", 0.5),
        ("float32", "-1e-3", -0.001),
        ("float32", "3.4028235677973362e38", 3.4028235677973362e38),
        ("float16", "65504", 65504),
        ("float64", "1.7976931348623157e308", 1.7976931348623157e308),
        ("float64", "-inf", -math.inf),
        ("float64", ".5", 0.5),
        ("int64", "-9223372036854775808", -(2**63)),
        ("uint64", "18446744073709551615", 2**64 - 1),
        ("int8", "+7", 7),
        ("bool", "TRUE", True),
        ("bool", "no", False),
        ("string", "", ""),
        ("string", "[1, 2]", "[1, 2]"),
        ("string", "  ümlaut ", "  ümlaut "),
        ("float32", "[0]", [0]),
    ],
)
def test_a_scalar_field_is_typed_by_the_signature(dtype: str, text: str, value: Any) -> None:
    found = typed(spec(dtype), text)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("dtype", "text", "sent"),
    [
        ("float32", "16777215", "16777215"),
        ("float32", "16777216", "16777216.0"),
        ("float32", "1700000000", "1700000000.0"),
        ("float64", "1700000000", "1700000000"),
    ],
)
def test_a_whole_number_that_may_lose_digits_is_sent_with_a_point(dtype: str, text: str, sent: str) -> None:
    assert json.dumps(typed(spec(dtype), text)) == sent
    assert json.dumps(typed(spec(dtype), int(text))) == sent


def test_not_a_number_is_a_number() -> None:
    assert math.isnan(typed(spec("float32"), "NaN"))


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("float32", ""),
        ("float32", "zero"),
        ("float32", "1_000"),
        ("float32", "0x10"),
        ("float32", "１２"),
        ("float32", "1e39"),
        ("float16", "65520"),
        ("float64", "1e999"),
        ("float64", 10**400),
        ("float32", True),
        ("float32", None),
        ("float32", {}),
        ("float32", [0, 1]),
        ("float32", []),
        ("int32", "1.0"),
        ("int32", 1.0),
        ("int32", True),
        ("int32", "2147483648"),
        ("uint8", "-1"),
        ("int64", "9" * 5000),
        ("bool", "2"),
        ("bool", 1),
        ("string", 5),
        ("string", {"b64": "not base64!"}),
        ("string", {"b64": "YQ==", "more": 1}),
        ("complex64", "1"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_rule(dtype: str, value: Any) -> None:
    with pytest.raises(BadField) as refused:
        typed(spec(dtype), value)

    assert refused.value.field == "x"
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    ("dims", "text", "value"),
    [
        ((3,), "[1, 2.5, -3]", [1, 2.5, -3]),
        ((3,), "1, 2, 3", [1, 2, 3]),
        ((-1,), "[]", []),
        ((2, 2), "[[1, 2], [3, 4]]", [[1, 2], [3, 4]]),
        ((1,), "5", [5]),
    ],
)
def test_a_vector_is_typed_as_a_list(dims: tuple[int, ...], text: str, value: Any) -> None:
    assert typed(spec("float32", *dims), text) == value


@pytest.mark.parametrize(
    ("dims", "value"),
    [
        ((3,), "[1, 2]"),
        ((3,), "[1, 2, 3, 4]"),
        ((3,), "[1, 2, [3]]"),
        ((3,), "[1, 2,"),
        ((3,), "[1, 2, null]"),
        ((2, 2), "[1, 2]"),
        ((2, 2), "[[1, 2], [3]]"),
        ((3,), 5),
        ((3,), "[" * 100_000),
    ],
)
def test_a_list_of_another_shape_is_refused(dims: tuple[int, ...], value: Any) -> None:
    with pytest.raises(BadField, match="JSON list"):
        typed(spec("float32", *dims), value)


def test_an_unknown_rank_takes_a_number_or_nested_lists() -> None:
    anything = TensorSpec("x", "int32", None)

    assert typed(anything, "4") == 4
    assert typed(anything, "[[1], [2]]") == [[1], [2]]


@settings(deadline=None)
@given(st.sampled_from(INTEGERS), st.integers(-(2**70), 2**70))
def test_an_integer_is_taken_exactly_if_its_dtype_can_hold_it(dtype: str, value: int) -> None:
    limits = np.iinfo(dtype)

    if limits.min <= value <= limits.max:
        assert typed(spec(dtype), str(value)) == value
    else:
        with pytest.raises(BadField):
            typed(spec(dtype), str(value))


@settings(deadline=None)
@given(st.one_of(st.text(), st.floats(), st.booleans(), st.recursive(st.none(), st.lists)))
def test_nothing_but_a_row_or_a_bad_field_comes_of_any_value(value: Any) -> None:
    for dtype in ("float16", "int16", "bool", "string"):
        for dims in ((), (2,)):
            with contextlib.suppress(BadField):
                json.dumps(typed(spec(dtype, *dims), value))


TWO = Signature(
    "serving_default", "", (TensorSpec("a", "int32", (-1,)), TensorSpec("signature_name", "string", (-1,))), ()
)


def test_an_input_named_like_a_field_of_ours_has_a_prefix_in_the_form() -> None:
    row = instance(TWO, {"a": "1", "input.signature_name": "x"})

    assert row == {"a": 1, "signature_name": "x"}


@pytest.mark.parametrize(("values", "named"), [({"a": "1"}, "input.signature_name"), ({"a": "1", "b": "2"}, "b")])
def test_a_missing_or_unknown_field_is_named(values: dict[str, str], named: str) -> None:
    with pytest.raises(BadField, match=r"no such field|another field") as refused:
        instance(TWO, values)

    assert refused.value.field == named
