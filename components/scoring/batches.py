"""What a Spark worker does with its rows: Arrow batches in, Arrow batches with the model's answers out.

A batch that the server refuses is halved until the rows that it cannot answer stand alone; each gets its reason.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from components.contracts import ScoringJob
from components.rows.tensors import OTHER_SHAPE, column_to_tensor
from components.rows.values import Array, Bad, empty, reason
from components.scoring.columns import Unwritable, depth, to_arrow, typed_inputs
from components.scoring.failures import carried
from model.endpoint import Endpoint
from model.errors import PredictionFailed, ScoringFailed
from model.prediction_client import PredictionClient, open_client
from model.signature import TensorSpec

#: Codes that speak of the rows. Any other ends the job: the server is gone, or refuses whoever asks.
_OF_THE_ROWS = ("INVALID_ARGUMENT", "OUT_OF_RANGE", "FAILED_PRECONDITION", "INTERNAL", "UNKNOWN")
#: Seconds that one request may take, repeated attempts included; at most half of the job's.
_REQUEST_S = 120.0
_BATCHES_AHEAD = 2
_clients: dict[str, PredictionClient] = {}


@dataclass(frozen=True)
class BatchScorer:
    """The function for `mapInArrow`. Gives columns c0, c1, … as they came, t0, t1, … (the inputs of CSV rows, typed;
    the column as it came is then null), o0, o1, … (the outputs) and `error`."""

    job: ScoringJob
    names: tuple[str, ...]
    text: bool
    outputs: tuple[TensorSpec, ...]
    #: A Spark accumulator that counts the rows done, for those who watch.
    done: Any = None

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        with carried():
            waiting: deque[_Batch] = deque()
            for batch in batches:
                waiting.append(_Batch(self, batch).send())
                if len(waiting) >= _BATCHES_AHEAD:
                    yield self._finished(waiting.popleft())
            while waiting:
                yield self._finished(waiting.popleft())

    def _finished(self, batch: "_Batch") -> Any:
        answered = batch.answered()
        if self.done is not None:
            self.done.add(answered.num_rows)
        return answered

    @property
    def typed(self) -> tuple[TensorSpec, ...]:
        return typed_inputs(self.job.signature, text=self.text)

    def client(self) -> PredictionClient:
        """One for the life of the worker: its connection is kept from task to task."""
        if self.job.endpoint_json not in _clients:
            endpoint = Endpoint.from_json(self.job.endpoint_json)
            timeout_s = min(_REQUEST_S, self.job.timeout_s / 2)
            _clients[self.job.endpoint_json] = open_client(endpoint, timeout_s=timeout_s)
        return _clients[self.job.endpoint_json]

    def ask(self, inputs: Mapping[str, Array]) -> "Future[dict[str, Array]] | None":
        if not self.job.invoke_endpoint:
            return None
        names = tuple(spec.name for spec in self.outputs)
        return self.client().predict_async(inputs, signature_name=self.job.signature.name, outputs=names)


@dataclass(frozen=True)
class _Request:
    """rows: their positions in the batch. answer: None where the model is not called."""

    rows: Array
    inputs: Mapping[str, Array]
    answer: "Future[dict[str, Array]] | None"


@dataclass
class _Batch:
    """One Arrow batch on its way."""

    scorer: BatchScorer
    batch: Any
    errors: Bad = field(default_factory=dict)
    requests: deque[_Request] = field(default_factory=deque)
    #: Positions, and one Arrow array for each typed input and each output, of rows that are done.
    rows: list[Array] = field(default_factory=list)
    columns: list[list[Any]] = field(default_factory=list)

    def send(self) -> "_Batch":
        self._note_ragged()
        remaining = np.array([row for row in range(self.batch.num_rows) if row not in self.errors], np.int64)
        while len(remaining):
            remaining = self._send_one_shape(remaining)
        return self

    def _note_ragged(self) -> None:
        lines = self.batch.column(len(self.scorer.names))
        if lines.null_count < len(lines):
            expected = f"{len(self.scorer.names)} cells, as in the header"
            found = {row: line for row, line in enumerate(lines.to_pylist()) if line is not None}
            self.errors.update({row: reason("", expected, line, where="line") for row, line in found.items()})

    def _send_one_shape(self, remaining: Array) -> Array:
        """Asks for the rows that have the shape of the first one; gives those of another shape."""
        whole = len(remaining) == self.batch.num_rows
        arrays, bad, others = self._tensors(self.batch if whole else self.batch.take(remaining))
        self.errors.update({int(remaining[row]): why for row, why in bad.items()})
        good = np.array([row for row in range(len(remaining)) if row not in bad and row not in others], np.int64)
        if len(good) < len(remaining):
            arrays = {name: array[good] for name, array in arrays.items()}
        rows, size = remaining[good], self.scorer.job.batch_rows
        for start in range(0, len(rows), size):
            self._ask(rows[start : start + size], {name: array[start : start + size] for name, array in arrays.items()})
        return remaining[sorted(others)]

    def _tensors(self, batch: Any) -> tuple[dict[str, Array], Bad, set[int]]:
        arrays: dict[str, Array] = {}
        bad: Bad = {}
        others: set[int] = set()
        for spec in self.scorer.job.signature.inputs:
            column = batch.column(self.scorer.names.index(spec.name))
            arrays[spec.name], wrong = column_to_tensor(column, spec, text=self.scorer.text)
            others |= {row for row, why in wrong.items() if why == OTHER_SHAPE}
            bad.update({row: why for row, why in wrong.items() if why != OTHER_SHAPE})
        return arrays, bad, others - bad.keys()

    def _ask(self, rows: Array, inputs: Mapping[str, Array]) -> None:
        self.requests.append(_Request(rows, inputs, self.scorer.ask(inputs)))

    def answered(self) -> Any:
        """Waits for all answers."""
        while self.requests:
            request = self.requests.popleft()
            try:
                answers = request.answer.result() if request.answer else {}
            except PredictionFailed as error:
                self._refused(request, error)
            else:
                self._keep(request, answers)
        return self._assembled()

    def _refused(self, request: _Request, error: PredictionFailed) -> None:
        if error.code not in _OF_THE_ROWS:
            raise error
        count = len(request.rows)
        if count == 1:
            self.errors[int(request.rows[0])] = f"the model refuses the row: {error.found}"
            return
        for part in (slice(0, count // 2), slice(count // 2, count)):
            self._ask(request.rows[part], {name: array[part] for name, array in request.inputs.items()})

    def _keep(self, request: _Request, answers: Mapping[str, Array]) -> None:
        """Turns the answers into Arrow; rows whose answer no column can hold become errors."""
        scorer, rows = self.scorer, request.rows
        arrays = [(spec, request.inputs[spec.name]) for spec in scorer.typed]
        if request.answer is not None:
            arrays += [(spec, _checked(answers, spec, rows=len(rows))) for spec in scorer.outputs]
        columns: list[Any] = []
        for spec, array in arrays:
            try:
                columns.append(to_arrow(array, spec))
            except Unwritable as error:
                self._drop(request, answers, spec=spec, bad=error.rows)
                return
        self.rows.append(rows)
        self.columns.append(columns)

    def _drop(self, request: _Request, answers: Mapping[str, Array], *, spec: TensorSpec, bad: Sequence[int]) -> None:
        for row in bad:
            self.errors[int(request.rows[row])] = f"{spec.name}: expected text in UTF-8; found other bytes"
        kept = np.setdiff1d(np.arange(len(request.rows)), bad)
        if len(kept):
            inputs = {name: array[kept] for name, array in request.inputs.items()}
            good = _Request(request.rows[kept], inputs, request.answer)
            self._keep(good, {name: array[kept] for name, array in answers.items()})

    def _assembled(self) -> Any:
        """The batch in its old order, with a null where there is no value."""
        import pyarrow as pa

        scorer, count = self.scorer, self.batch.num_rows
        place = np.full(count, -1, np.int64)
        done = np.concatenate(self.rows) if self.rows else np.empty(0, np.int64)
        place[done] = np.arange(len(done))
        indices = pa.array(place, mask=place < 0)
        raw = [self.batch.column(index) for index in range(len(scorer.names))]
        for spec in scorer.typed:
            index = scorer.names.index(spec.name)
            raw[index] = raw[index].take(pa.array(np.arange(count), mask=place >= 0))
        arrays, names = raw, [f"c{index}" for index in range(len(raw))]
        specs = [*((f"t{i}", spec) for i, spec in enumerate(scorer.typed))]
        specs += [(f"o{i}", spec) for i, spec in enumerate(scorer.outputs)]
        for index, (name, spec) in enumerate(specs):
            pieces = [columns[index] for columns in self.columns if index < len(columns)]
            whole = pa.concat_arrays(pieces) if pieces else _nulls(spec, 0)
            arrays.append(whole.take(indices) if len(whole) else _nulls(spec, count))
            names.append(name)
        arrays.append(pa.array([self.errors.get(row) for row in range(count)], pa.string()))
        return pa.RecordBatch.from_arrays(arrays, names=[*names, "error"])


def _nulls(spec: TensorSpec, count: int) -> Any:
    """A column of the type of an output, all null."""
    import pyarrow as pa

    kind = to_arrow(empty((1,) * (depth(spec) + 1), spec.dtype), spec).type
    return pa.nulls(count, kind)


def _checked(answers: Mapping[str, Array], spec: TensorSpec, *, rows: int) -> Array:
    """The output, if it has the rows and the rank that were promised.

    Raises:
        ScoringFailed: it has not.
    """
    array = answers.get(spec.name)
    if array is not None and array.shape[:1] == (rows,) and (spec.shape is None or array.ndim == len(spec.shape)):
        return array
    found = "no such output" if array is None else f"shape {array.shape}"
    raise ScoringFailed(
        expected=f"{rows} rows of output {spec} for {rows} rows",
        found=found,
        where="the model's answer",
        do="Leave the output out with outputs, or export the model so that it answers row by row.",
    )
