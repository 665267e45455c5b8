"""A prediction as a reader sees it: labels with their probabilities, then every output with its exact values."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from model.signature import Signature, format_shape

_MAX_VALUES = 64
#: How BigQuery ML names the outputs of a classifier with the label L: predicted_L, L_probs and L_values.
_PROBS, _VALUES, _PREDICTED = "_probs", "_values", "predicted_"


@dataclass(frozen=True)
class Number:
    """One value. text: short; exact: as the model server wrote it, empty where `text` says all."""

    text: str
    exact: str = ""


@dataclass(frozen=True)
class Probability:
    """fraction: 0 to 1, for the bar; 0 where it is none, such as NaN."""

    label: str
    number: Number
    fraction: float


@dataclass(frozen=True)
class Scores:
    """The probabilities of one label's values. predicted: the value that the model chose, empty if it does not say."""

    name: str
    predicted: str
    probabilities: tuple[Probability, ...]

    @property
    def best(self) -> Probability | None:
        return next((each for each in self.probabilities if each.label == self.predicted), None)


@dataclass(frozen=True)
class Output:
    """kind: dtype and shape, empty for an output that the signature does not have. more: values that are not shown."""

    name: str
    kind: str
    values: tuple[Number, ...]
    more: int = 0


@dataclass(frozen=True)
class AnswerView:
    scores: tuple[Scores, ...]
    outputs: tuple[Output, ...]


def view(prediction: Any, signature: Signature) -> AnswerView:
    """prediction: one element of `predictions`; bare where the signature has one output."""
    named = by_output(prediction, signature)
    return AnswerView(tuple(_scores(named)), tuple(_output(name, named[name], signature) for name in named))


def by_output(prediction: Any, signature: Signature) -> Mapping[str, Any]:
    names = [spec.name for spec in signature.outputs]
    if isinstance(prediction, dict) and (len(names) != 1 or names[0] in prediction):
        return prediction
    return {names[0] if len(names) == 1 else "prediction": prediction}


def number(value: Any) -> Number:
    if isinstance(value, float):
        short, exact = f"{value:.3f}", json.dumps(value)
        return Number(short if float(short) or not value else f"{value:.3g}", "" if exact == short else exact)
    return Number(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _output(name: str, value: Any, signature: Signature) -> Output:
    spec = signature.output(name)
    leaves = list(_leaves(value))
    shown = tuple(number(leaf) for leaf in leaves[:_MAX_VALUES])
    kind = f"{spec.dtype} {format_shape(spec.shape)}" if spec else ""
    return Output(name, kind, shown, max(0, len(leaves) - _MAX_VALUES))


def _scores(named: Mapping[str, Any]) -> Iterator[Scores]:
    for name, value in named.items():
        label = name.removesuffix(_PROBS)
        probs, values = list(_leaves(value)), list(_leaves(named.get(f"{label}{_VALUES}", [])))
        if label == name or not values or len(probs) != len(values) or not all(map(_is_number, probs)):
            continue
        predicted = [number(leaf).text for leaf in _leaves(named.get(f"{_PREDICTED}{label}", []))]
        pairs = zip(values, probs, strict=True)
        probabilities = tuple(Probability(number(each).text, number(prob), _fraction(prob)) for each, prob in pairs)
        yield Scores(label, predicted[0] if len(predicted) == 1 else "", probabilities)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fraction(value: float) -> float:
    return round(value, 4) if 0 <= value <= 1 else 0.0


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    else:
        yield value
