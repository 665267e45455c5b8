"""The process in which a model is tried: `python -m components.validate_release.trial ANSWER_FILE`.

It reads one Question, a line of JSON, from standard input, and writes {"outputs": {…}} or {"error": {…}} to the file.
"""

import json
import os
import queue
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model import json_codec
from model.signature import Signature


@dataclass(frozen=True)
class Question:
    """model: a local directory. inputs: in TensorFlow Serving's column format, `rows` long."""

    model: str
    signature: Signature
    inputs: Mapping[str, Any]
    rows: int


def answer(question: Question) -> dict[str, Any]:
    """{"outputs": name -> nested lists}, or {"error": the fields of what was wrong with the model}."""
    from components.validate_release.answers import check
    from model.errors import ReleaseError
    from model.server.servable import Servable
    from model.tensor_json import array_from_json, array_to_json

    signature = question.signature
    inputs = {spec.name: array_from_json(question.inputs[spec.name], spec.dtype) for spec in signature.inputs}
    try:
        outputs = Servable.load(question.model).predict(signature.name, inputs)
        check(outputs, signature=signature, inputs=question.inputs, rows=question.rows)
    except ReleaseError as error:
        # Where it is, the parent knows better: this directory may be a copy. TensorFlow's reasons have several lines.
        fields = {name: " ".join(text.split()) for name, text in error.fields().items() if name != "where"}
        return {"error": {name: text for name, text in fields.items() if text}}
    return {"outputs": {name: array_to_json(array) for name, array in outputs.items()}}


def main() -> None:
    questions: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(questions,), daemon=True).start()
    _import_tensorflow()
    question = json_codec.from_json(Question, questions.get())
    Path(sys.argv[1]).write_text(json.dumps(answer(question)), encoding="utf-8")


def _listen(questions: "queue.SimpleQueue[str]") -> None:
    """Hands on the question, and ends the process when the parent is gone."""
    questions.put(sys.stdin.readline())
    sys.stdin.read()
    os._exit(1)


def _import_tensorflow() -> None:
    from model.server.servable import import_tensorflow

    import_tensorflow()


if __name__ == "__main__":
    main()
