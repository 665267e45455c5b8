"""How a step tells what it does, and why it failed."""

import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from model.errors import ReleaseError

#: A directory in which a failing step leaves `failure.json`; set by whoever runs the pipeline on one machine.
RUN_DIRECTORY_VARIABLE = "SAVEDMODEL_RELEASE_RUN_DIRECTORY"

log = logging.getLogger(__name__)


@contextlib.contextmanager
def reporting(step: str) -> Iterator[None]:
    """Runs a step's body: logs to standard error, and turns a ReleaseError into one paragraph and exit status 1.

    Any other exception passes with its traceback: it is a bug of ours, and its place is wanted.
    """
    # KFP's executor has installed a handler of its own, whose lines do not tell who speaks.
    layout = "%(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format=layout, force=True)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # that it tries again is nobody's business
    try:
        yield
    except ReleaseError as error:
        _leave_failure(step, json.loads(error.to_json()))
        log.error("%s failed. %s: %s", step, type(error).__name__, error)
        sys.exit(1)
    except Exception as error:
        _leave_failure(step, {"kind": type(error).__name__, "message": f"{step}: {type(error).__name__}: {error}"})
        raise


def leave(name: str, text: str) -> None:
    """Leaves `<name>.json` for whoever runs the pipeline on one machine: a step that fails has no outputs."""
    if directory := os.environ.get(RUN_DIRECTORY_VARIABLE):
        Path(directory, f"{name}.json").write_text(text, encoding="utf-8")


def _leave_failure(step: str, error: dict[str, object]) -> None:
    directory = os.environ.get(RUN_DIRECTORY_VARIABLE)
    # The first failure is the cause; one of the exit task must not cover it.
    if directory and not (left := Path(directory, "failure.json")).exists():
        left.write_text(json.dumps({"failed_step": step, "error": error}), encoding="utf-8")
