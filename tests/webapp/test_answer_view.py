"""What a reader sees of a prediction."""

from typing import Any

import pytest

from model.signature import Signature, TensorSpec
from tests.webapp.servers import RETAIL
from webapp.answer_view import Number, number, view

ONE = Signature("s", "", (), (TensorSpec("y", "float32", (-1,)),))


def test_probabilities_stand_by_the_label_that_they_belong_to() -> None:
    prediction = {
        "predicted_will_buy_on_return_visit": ["0"],
        "will_buy_on_return_visit_probs": [0.25, 0.75],
        "will_buy_on_return_visit_values": ["1", "0"],
    }

    scores = view(prediction, RETAIL).scores[0]

    assert [(each.label, each.number.text) for each in scores.probabilities] == [("1", "0.250"), ("0", "0.750")]
    assert scores.best == scores.probabilities[1]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.7752109068235462, Number("0.775", "0.7752109068235462")),
        (0.775, Number("0.775")),
        (1e-9, Number("1e-09", "1e-09")),
        (0.0, Number("0.000", "0.0")),
        (float("nan"), Number("nan", "NaN")),
        (float("-inf"), Number("-inf", "-Infinity")),
        (3, Number("3")),
        (True, Number("true")),
        ("<b>", Number("<b>")),
        ({"b64": "/w=="}, Number('{"b64": "/w=="}')),
    ],
)
def test_a_float_is_shown_short_and_exact(value: Any, shown: Number) -> None:
    assert number(value) == shown


def test_a_bare_answer_belongs_to_the_one_output() -> None:
    output = view(3.5, ONE).outputs[0]

    assert (output.name, output.kind, output.values) == ("y", "float32 (-1)", (Number("3.500", "3.5"),))


def test_a_long_vector_is_cut_and_says_so() -> None:
    output = view([[1.0] * 50, [2.0] * 50], ONE).outputs[0]

    assert (len(output.values), output.more) == (64, 36)


@pytest.mark.parametrize(
    "prediction",
    [
        {"a_probs": [0.1], "a_values": ["1", "2"]},
        {"a_probs": ["x"], "a_values": ["1"]},
        {"a_probs": [], "a_values": []},
        {"a_probs": [0.1]},
    ],
)
def test_outputs_that_only_look_like_probabilities_are_not_shown_as_such(prediction: Any) -> None:
    assert view(prediction, RETAIL).scores == ()


def test_a_probability_that_is_not_a_number_has_an_empty_bar() -> None:
    scores = view({"a_probs": [float("nan")], "a_values": ["1"]}, RETAIL).scores[0]

    assert (scores.probabilities[0].fraction, scores.probabilities[0].number.exact) == (0.0, "NaN")
