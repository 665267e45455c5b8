"""Whether an answer, in JSON or read from the page, is the expected one."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from components.answers import same, shorten
from components.contracts import Expectations
from model.signature import TensorSpec


def differences(prediction: Any, expectations: Expectations, *, row: int) -> list[str]:
    """One sentence for each output that differs. prediction: one of `predictions`, bare if there is one output."""
    outputs = expectations.signature.outputs
    bare = len(outputs) == 1 and not (isinstance(prediction, dict) and outputs[0].name in prediction)
    named = {outputs[0].name: prediction} if bare else prediction
    if not isinstance(named, dict):
        return [f"expected an object with the outputs, found {shorten(prediction)}"]
    return [sentence for spec in outputs if (sentence := _difference(spec, expectations, named=named, row=row))]


def page_differences(shown: Mapping[str, list[str]], expectations: Expectations, *, row: int) -> list[str]:
    """shown: output name -> the values' texts in the page, which may leave out all but the first."""
    sentences = []
    for spec in expectations.signature.outputs:
        want, texts = list(_leaves(expectations.outputs[spec.name][row])), shown.get(spec.name, [])
        got = [_read(text, spec.dtype) for text in texts]
        if bool(want) != bool(got) or not same(want[: len(got)], got, dtype=spec.dtype):
            sentences.append(f"output {spec.name}: expected {shorten(want)}, found {shorten(texts)} in the page")
    return sentences


def _difference(spec: TensorSpec, expectations: Expectations, *, named: Mapping[str, Any], row: int) -> str:
    if spec.name not in named:
        return f"output {spec.name} is missing"
    want, got = expectations.outputs[spec.name][row], named[spec.name]
    if same(want, got, dtype=spec.dtype):
        return ""
    return f"output {spec.name}: expected {shorten(want)}, found {shorten(got)}"


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    else:
        yield value


def _read(text: str, dtype: str) -> Any:
    """A value from the page: numbers and booleans stand there as in JSON, strings as they are."""
    try:
        return json.loads(text) if dtype != "string" or text.startswith('{"b64":') else text
    except ValueError:
        return None
