"""The process in which a model is tried, as its parent sees it: asked once, and explained when it dies."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from components.validate_release import trial
from model import json_codec
from model.errors import ValidationFailed
from model.signature import Signature

log = logging.getLogger(__name__)

#: How TensorFlow begins the line that it dies with: `F0000 00:00:1795467335.316520   30322 ops.cc:737] the reason`.
_FATAL = re.compile(r"F\d{4} .*?\] (.*)")
#: Longest reason taken from the child's standard error, in characters.
_REASON = 500

_DO = "A model server would do the same, so nothing was deployed. Mend the model, and export it again."
_SIGNALS = {
    signal.SIGKILL: "as the kernel does when memory runs out; give the step more memory, if that is it",
    signal.SIGABRT: "as TensorFlow does when it finds its own state broken",
    signal.SIGSEGV: "an access to memory that is not its own",
}


class Child:
    """Starts at once, so that it imports TensorFlow while its parent prepares the question. It ends with the block, and
    by itself when its parent dies: its standard input then closes.

    where: what is tried, for errors.
    """

    def __init__(self, *, where: str) -> None:
        self._where = where

    def __enter__(self) -> Self:
        # Files rather than pipes: nobody has to read them while the child writes.
        self._stderr = tempfile.TemporaryFile()
        self._answer = tempfile.NamedTemporaryFile(suffix=".json")
        # The step's code stands in a temporary directory that only sys.path names.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", trial.__name__, self._answer.name],
            stdin=subprocess.PIPE,
            stdout=self._stderr,
            stderr=self._stderr,
            env=environment,
        )
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._answer.close()
        self._stderr.close()

    def ask(
        self, model: Path, *, signature: Signature, inputs: Mapping[str, Any], rows: int, timeout_s: float
    ) -> dict[str, Any]:
        """What the model in directory `model` answers, in TensorFlow Serving's column format, checked.

        Raises:
            ValidationFailed: whatever is wrong with the model or its answer.
        """
        question = trial.Question(str(model), signature, inputs, rows)
        self._send(json_codec.to_json(question))
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise self._too_slow(timeout_s) from error
        answer = Path(self._answer.name).read_bytes()
        if status or not answer:
            raise self._died(status)
        decoded: dict[str, Any] = json.loads(answer)
        if "error" in decoded:
            raise ValidationFailed(**{"do": _DO} | decoded["error"], where=self._where)
        outputs: dict[str, Any] = decoded["outputs"]
        return outputs

    def _send(self, question: str) -> None:
        """The pipe stays open: that it closes tells the child that its parent is gone."""
        assert self._process.stdin
        try:
            self._process.stdin.write(question.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            log.debug("the child is dead already; its exit status tells why")

    def _too_slow(self, timeout_s: float) -> ValidationFailed:
        return ValidationFailed(
            expected=f"a model that loads and answers within {timeout_s:g} s",
            found="neither an answer nor an error",
            where=self._where,
            do="Raise the timeout, or find out what the model waits for.",
        )

    def _died(self, status: int) -> ValidationFailed:
        reason = self._last_words()
        return ValidationFailed(
            expected="a model that loads and answers",
            found=f"the process that tried it {_ending(status)}" + (f": {reason}" if reason else ""),
            where=self._where,
            do=_DO,
        )

    def _last_words(self) -> str:
        self._stderr.seek(0)
        text = self._stderr.read().decode(errors="replace")
        fatal = _FATAL.search(text)
        lines = text.split("\n") if fatal is None else [fatal.group(1)]
        return next((line.strip()[:_REASON] for line in reversed(lines) if line.strip()), "")


def _ending(status: int) -> str:
    """In words, what Popen.returncode says in numbers."""
    if status >= 0:
        return f"ended with exit status {status} before it answered"
    number = signal.Signals(-status)
    return f"was killed by {number.name} ({_SIGNALS.get(number, signal.strsignal(number))})"
