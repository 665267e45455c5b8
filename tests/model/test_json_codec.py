import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from model import json_codec


@dataclass(frozen=True)
class Inner:
    name: str
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Outer:
    inner: Inner
    several: tuple[Inner, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    score: float | None = None


def test_nested_dataclasses_survive() -> None:
    before = Outer(Inner("a", (1, -1)), (Inner("b"),), {'reason, with "quotes"': 3}, 0.5)

    assert json_codec.from_json(Outer, json_codec.to_json(before)) == before


def test_nan_survives() -> None:
    after = json_codec.from_json(Outer, json_codec.to_json(Outer(Inner("a"), score=math.nan)))

    assert after.score is not None
    assert math.isnan(after.score)


def test_an_older_reader_ignores_fields_that_a_newer_writer_added() -> None:
    assert json_codec.from_json(Inner, '{"name": "a", "shape": null, "added_later": 1}') == Inner("a")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"shape": [1]}'])
def test_what_is_no_such_object_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        json_codec.from_json(Inner, text)
