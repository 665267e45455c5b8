"""A SavedModel in memory, called as TensorFlow Serving calls it.

It loads the meta graph tagged `serve` into a session, so TF1 and TF2 exports, vocabulary tables on assets and
initialisers all work, and it feeds tensors of any shape: only the graph itself may refuse them.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from google.protobuf.message import DecodeError

from model.arrays import Array, dtype_name, strings
from model.errors import PredictionFailed, ServingFailed
from model.protocol import code_name
from model.signature import Signature
from model.signature_messages import INTERNAL_PREFIX, signature_of

log = logging.getLogger(__name__)

SERVE = "serve"
_PREAMBLE = ("Restoring from checkpoint failed.", "Graph execution error:", "Detected at node", "Node: ")
#: Compiled calls are kept for so many combinations of wanted outputs.
MAX_CALLABLES = 64


def import_tensorflow() -> Any:
    """TensorFlow without its chatter on standard error, unless TF_CPP_MIN_LOG_LEVEL says otherwise."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow

    tensorflow.get_logger().setLevel("ERROR")
    return tensorflow


class Servable:
    """One loaded version. `signatures` by name, TensorFlow's own ones left out. May be called by many threads."""

    def __init__(self, session: Any, signatures: Mapping[str, Signature], *, directory: Path) -> None:
        self.signatures = dict(signatures)
        self._session = session
        self._directory = directory
        self._callables: dict[tuple[str, tuple[str, ...]], Callable[..., list[Any]]] = {}
        self._lock = threading.Lock()

    @classmethod
    def load(cls, directory: str | Path, *, warm_up: "Callable[[Servable, Path], object] | None" = None) -> Self:
        """Loads `<directory>/saved_model.pb` with its variables and assets.

        warm_up: called with the loaded model before it counts as loaded, such as model.server.warmup.replay.

        Raises:
            ServingFailed: TensorFlow cannot load it.
            PredictionFailed: a warm-up request fails.
        """
        tf = import_tensorflow()
        session = tf.compat.v1.Session(graph=tf.Graph())
        try:
            with session.graph.as_default():
                meta_graph = tf.compat.v1.saved_model.load(session, [SERVE], str(directory))
            servable = cls(session, _signatures(meta_graph), directory=Path(directory))
            if warm_up:
                warm_up(servable, Path(directory))
        # A graph is a program of the user's: anything can come out of loading it.
        except Exception as error:
            session.close()
            if isinstance(error, ServingFailed):
                raise
            raise _not_loaded(error, where=str(directory)) from error
        return servable

    def predict(
        self, signature_name: str, inputs: Mapping[str, Array], *, outputs: Sequence[str] = ()
    ) -> dict[str, Array]:
        """Runs the graph for the outputs named, or all. Strings are object arrays of bytes. Shapes are not checked.

        Raises:
            PredictionFailed: FAILED_PRECONDITION for an unknown signature, INVALID_ARGUMENT for other inputs or outputs
                than the signature's, or whatever the graph ends with.
        """
        signature = self._signature(signature_name)
        self._check(signature, inputs, outputs=outputs)
        wanted = tuple(outputs) or tuple(spec.name for spec in signature.outputs)
        # An output may be an input passed through; TensorFlow refuses to fetch what is fed.
        fed = {spec.tensor_name: _feedable(inputs[spec.name]) for spec in signature.inputs}
        tensors = {spec.name: spec.tensor_name for spec in signature.outputs}
        computed = [name for name in wanted if tensors[name] not in fed]
        found = {name: fed[tensors[name]] for name in wanted if tensors[name] in fed}
        if computed:
            with self._explaining():
                values = self._callable(signature, computed)(*fed.values())
            found |= zip(computed, map(np.asarray, values), strict=True)
        return {name: found[name] for name in wanted}

    def _signature(self, name: str) -> Signature:
        if name not in self.signatures:
            raise self._refused(
                f'Serving signature key "{name}" not found.',
                code="FAILED_PRECONDITION",
                expected=f"one of the signatures {sorted(self.signatures)}",
            )
        return self.signatures[name]

    def _check(self, signature: Signature, inputs: Mapping[str, Array], *, outputs: Sequence[str]) -> None:
        expected = {spec.name: spec.dtype for spec in signature.inputs}
        if inputs.keys() != expected.keys():
            raise self._refused(f"inputs {sorted(inputs)}", expected=f"inputs {sorted(expected)}")
        for name, array in inputs.items():
            if not _holds(array, expected[name]):
                raise self._refused(array.dtype.name, expected=f"input {name} of type {expected[name]}")
        names = {spec.name for spec in signature.outputs}
        unknown = sorted(set(outputs) - names)
        if unknown:
            raise self._refused(f"{unknown}", expected=f"outputs out of {sorted(names)}")

    def _refused(self, found: str, *, expected: str, code: str = "INVALID_ARGUMENT") -> PredictionFailed:
        return PredictionFailed(code=code, expected=expected, found=found, where=f"model in {self._directory}")

    def _callable(self, signature: Signature, outputs: Sequence[str]) -> Callable[..., list[Any]]:
        key = (signature.name, tuple(outputs))
        with self._lock:
            if key not in self._callables:
                if len(self._callables) >= MAX_CALLABLES:
                    self._callables.clear()
                self._callables[key] = self._make_callable(signature, outputs)
            return self._callables[key]

    def _make_callable(self, signature: Signature, outputs: Sequence[str]) -> Callable[..., list[Any]]:
        """Session.run checks what is fed against the placeholder's static shape; a callable does not."""
        from tensorflow.core.protobuf.config_pb2 import CallableOptions

        tensors = {spec.name: spec.tensor_name for spec in signature.outputs}
        options = CallableOptions(
            feed=[spec.tensor_name for spec in signature.inputs], fetch=[tensors[name] for name in outputs]
        )
        call: Callable[..., list[Any]] = self._session._make_callable_from_options(options)
        return call

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        tf = import_tensorflow()
        try:
            yield
        except tf.errors.OpError as error:
            code = code_name(error.error_code)
            raise self._refused(error.message, expected="inputs that the graph takes", code=code) from error
        except (TypeError, ValueError) as error:
            raise self._refused(str(error), expected="inputs that TensorFlow can hold") from error

    def close(self) -> None:
        """Frees the graph and its variables. No call may be under way, and none may follow."""
        self._callables.clear()
        self._session.close()


def _signatures(meta_graph: Any) -> dict[str, Signature]:
    return {
        name: signature_of(name, definition)
        for name, definition in meta_graph.signature_def.items()
        if not name.startswith(INTERNAL_PREFIX)
    }


def _holds(array: Array, dtype: str) -> bool:
    try:
        return dtype_name(array) == dtype
    except ValueError:
        return False


def _feedable(array: Array) -> Array:
    """NumPy's own fixed-width strings as the objects that TensorFlow reads."""
    if array.dtype.kind not in "SU":
        return array
    objects = np.empty(array.size, object)
    objects[:] = strings(array)
    return objects.reshape(array.shape)


def _not_loaded(error: Exception, *, where: str) -> ServingFailed:
    if isinstance(error, DecodeError):
        found = "a damaged saved_model.pb"
    else:
        found = f"{type(error).__name__}: {_reason(getattr(error, 'message', None) or str(error))}"
    return ServingFailed(expected="a SavedModel that TensorFlow loads", found=found, where=where, do="")


def _reason(message: str) -> str:
    """The line that says why: Session.run puts `Graph execution error:` and the place in the graph before it."""
    lines = [line for line in message.splitlines() if line.strip() and not line.startswith(_PREAMBLE)]
    return (lines or [""])[0][:1000]
