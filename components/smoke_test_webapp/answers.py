"""Whether an answer, in JSON or read from the page, is the expected one."""

import base64
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from components.contracts import Expectations
from model.signature import TensorSpec

#: Relative and absolute tolerance by dtype; exact for all others. One row alone may take another path through the CPU's
#: kernels than it took among many.
TOLERANCES = {"float64": 1e-5, "float32": 1e-4, "bfloat16": 1e-2, "float16": 1e-2}


def differences(prediction: Any, expectations: Expectations, *, row: int) -> list[str]:
    """One sentence for each output that differs. prediction: one of `predictions`, bare if there is one output."""
    outputs = expectations.signature.outputs
    bare = len(outputs) == 1 and not (isinstance(prediction, dict) and outputs[0].name in prediction)
    named = {outputs[0].name: prediction} if bare else prediction
    if not isinstance(named, dict):
        return [f"expected an object with the outputs, found {_shorten(prediction)}"]
    return [sentence for spec in outputs if (sentence := _difference(spec, expectations, named=named, row=row))]


def page_differences(shown: Mapping[str, list[str]], expectations: Expectations, *, row: int) -> list[str]:
    """shown: output name -> the values' texts in the page, which may leave out all but the first."""
    sentences = []
    for spec in expectations.signature.outputs:
        want, texts = list(_leaves(expectations.outputs[spec.name][row])), shown.get(spec.name, [])
        got = [_read(text, spec.dtype) for text in texts]
        if bool(want) != bool(got) or not same(want[: len(got)], got, dtype=spec.dtype):
            sentences.append(f"output {spec.name}: expected {_shorten(want)}, found {_shorten(texts)} in the page")
    return sentences


def same(want: Any, got: Any, *, dtype: str) -> bool:
    """Whether nested lists are alike in shape and values."""
    if isinstance(want, list) or isinstance(got, list):
        if not isinstance(want, list) or not isinstance(got, list) or len(want) != len(got):
            return False
        return all(same(one, other, dtype=dtype) for one, other in zip(want, got, strict=True))
    if dtype in TOLERANCES:
        return _close(want, got, tolerance=TOLERANCES[dtype])
    if dtype == "string":
        return _bytes(want) == _bytes(got)
    return type(want) is type(got) and bool(want == got)


def _difference(spec: TensorSpec, expectations: Expectations, *, named: Mapping[str, Any], row: int) -> str:
    if spec.name not in named:
        return f"output {spec.name} is missing"
    want, got = expectations.outputs[spec.name][row], named[spec.name]
    if same(want, got, dtype=spec.dtype):
        return ""
    return f"output {spec.name}: expected {_shorten(want)}, found {_shorten(got)}"


def _close(want: Any, got: Any, *, tolerance: float) -> bool:
    if isinstance(want, bool) or isinstance(got, bool):
        return False
    if not isinstance(want, int | float) or not isinstance(got, int | float):
        return False
    return (math.isnan(want) and math.isnan(got)) or math.isclose(want, got, rel_tol=tolerance, abs_tol=tolerance)


def _bytes(value: Any) -> bytes | None:
    """Bytes come as {"b64": …} where an output's name ends in `_bytes`, or where they are not UTF-8."""
    if isinstance(value, dict) and isinstance(value.get("b64"), str):
        return base64.b64decode(value["b64"])
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else None


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


def _shorten(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}…"
