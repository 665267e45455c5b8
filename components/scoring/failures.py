"""Why a Spark job failed: the error of the worker or of the store, out of what Spark wraps around it."""

import contextlib
import itertools
import json
import logging
import re
from collections.abc import Iterator

from model import errors
from model.errors import PredictionFailed, ReleaseError, ScoringFailed

log = logging.getLogger(__name__)

_MARK = "savedmodel-release-error:"
_CARRIED = re.compile(re.escape(_MARK) + r"(\{.*\})")
#: A task that reads and writes fails in one exception; this tells that reading did, and which file.
_UNREADABLE = re.compile(r"error while reading file (\S+)\. ")


class CarriedError(Exception):
    """A ReleaseError on its way from a worker to the driver, who sees nothing of it but its words."""


@contextlib.contextmanager
def carried() -> Iterator[None]:
    """In a worker: lets ReleaseErrors pass in a form that `explained` finds again."""
    try:
        yield
    except ReleaseError as error:
        code = {"code": error.code} if isinstance(error, PredictionFailed) else {}
        raise CarriedError(_MARK + json.dumps({"kind": type(error).__name__, **error.fields(), **code})) from error


@contextlib.contextmanager
def explained(where: str) -> Iterator[None]:
    """In the driver: turns what Spark raises into the ReleaseError of the worker, or into ScoringFailed with the cause.

    Raises:
        ReleaseError: Spark failed.
    """
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError, OSError) as error:
        explanation = explain(str(error), where=where)
        if type(explanation) is ScoringFailed:
            log.error("Spark's own words: %s", error)
        raise explanation from error


def explain(text: str, *, where: str) -> ReleaseError:
    """The error that Spark's words tell of."""
    match = _CARRIED.search(text)
    if match:
        with contextlib.suppress(ValueError, TypeError):
            fields = json.loads(match.group(1))
            error: ReleaseError = getattr(errors, fields.pop("kind"))(**fields)
            return error
    do = "The step's log holds Spark's own words."
    unreadable = _UNREADABLE.search(text)
    where = unreadable[1] if unreadable else where
    return ScoringFailed(expected="Spark to score the rows", found=_cause(text), where=where, do=do)


def _cause(text: str) -> str:
    """The last line of a Python traceback; else the innermost Java exception; else the first line. Of a lost executor,
    with the line after it, which tells how it ended."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    if any(line.lstrip().startswith("Traceback (most recent call last)") for line in lines):
        last = max(i for i, line in enumerate(lines) if re.match(r"\s+(File \"|\^|~)", line) or "Traceback" in line)
        named = [
            line.strip() for line in lines[last + 1 :] if re.match(r"[\w.]+(Error|Exception|Interrupt|Exit)?:", line)
        ]
        if named:
            return named[0][:500]
    java = [line.removeprefix("Caused by: ").strip() for line in lines if line.startswith("Caused by: ")]
    exceptions = [line for line in lines if re.match(r":? ?[\w.$]+(Exception|Error): ", line)]
    best = (java[-1:] or exceptions[:1] or lines[:1] or ["no reason given"])[0]
    if best.endswith("Reason:"):
        best += next((f" {after}" for line, after in itertools.pairwise(lines) if line.endswith(best)), "")
    return best.lstrip(": ")[:500]
