"""Whether an answer is what the model itself answered; both as the nested lists of TensorFlow Serving's JSON."""

import base64
import json
import math
from typing import Any

#: Relative and absolute tolerance by dtype; exact for all others. One row alone may take another path through the CPU's
#: kernels than it took among many.
TOLERANCES = {"float64": 1e-5, "float32": 1e-4, "bfloat16": 1e-2, "float16": 1e-2}


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


def shorten(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}…"
