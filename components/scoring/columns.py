"""Outputs as columns: their types in Spark and Arrow, and the arrays that become them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from components.contracts import ScoringJob
from components.rows.values import Array
from model import dtypes
from model.errors import InvalidValue, RowsMismatch
from model.signature import Signature, TensorSpec

#: dtype -> Spark's type; an unsigned integer needs the next wider one.
_SPARK = {
    "int8": "tinyint",
    "uint8": "smallint",
    "int16": "smallint",
    "uint16": "int",
    "int32": "int",
    "uint32": "bigint",
    "int64": "bigint",
    "uint64": "decimal(20,0)",
    "float16": "float",
    "float32": "float",
    "float64": "double",
    "bool": "boolean",
    "string": "string",
}
#: The same as Arrow's types, by name.
_ARROW = {
    "tinyint": "int8",
    "smallint": "int16",
    "int": "int32",
    "bigint": "int64",
    "float": "float32",
    "double": "float64",
    "boolean": "bool_",
    "string": "string",
}


def depth(spec: TensorSpec) -> int:
    """How deep lists are nested in the column. Where the rank is unknown, a row's values stand in one list."""
    return 1 if spec.shape is None else len(spec.shape) - 1


def typed_inputs(signature: Signature, *, text: bool) -> tuple[TensorSpec, ...]:
    """The inputs that get a typed column of their own: those of CSV rows, whose cells are text."""
    specs = signature.inputs if text else ()
    return tuple(replace(spec, shape=(-1,)) if spec.shape is None else spec for spec in specs)


def spark_type(spec: TensorSpec) -> str:
    """Spark's type of the column, such as `array<double>` for shape (-1, 2)."""
    nested = depth(spec)
    return "array<" * nested + _SPARK[spec.dtype] + ">" * nested


def wanted_outputs(job: ScoringJob) -> tuple[TensorSpec, ...]:
    """The outputs to write, in the signature's order.

    Raises:
        InvalidValue: `outputs` names one that the signature lacks.
        RowsMismatch: an output cannot become a column.
    """
    known = [spec.name for spec in job.signature.outputs]
    for name in job.outputs:
        if name not in known:
            raise InvalidValue(
                expected=f"outputs of signature {job.signature.name}: {', '.join(known)}",
                found=repr(name),
                where="outputs",
                do="Name outputs of the signature, or leave it empty for all.",
            )
    wanted = tuple(spec for spec in job.signature.outputs if not job.outputs or spec.name in job.outputs)
    for spec in wanted:
        check_output(spec, signature=job.signature)
    return wanted


def check_output(spec: TensorSpec, *, signature: Signature) -> None:
    """Whether an output can become a column.

    Raises:
        RowsMismatch: no column holds its dtype, or it has no row for each row.
    """
    rows = spec.shape is None or (spec.shape and spec.shape[0] == -1)
    if spec.dtype in dtypes.COLUMN_DTYPES and rows:
        return
    expected = f"outputs with a row for each row (first dimension -1) of dtype {', '.join(dtypes.COLUMN_DTYPES)}"
    raise RowsMismatch(
        expected=expected,
        found=f"output {spec}",
        where=f"signature {signature.name}",
        do="Set outputs to the names of the others.",
    )


def check_clashes(names: Sequence[str], outputs: Sequence[TensorSpec], *, where: str) -> None:
    """Raises RowsMismatch if an output is called like one of the rows' columns."""
    clashes = [spec.name for spec in outputs if spec.name in names]
    if clashes:
        raise RowsMismatch(
            expected="columns that are not called like an output",
            found=f"{', '.join(map(repr, clashes))} in both",
            where=where,
            do="Rename the columns in the rows, or leave these outputs out with outputs.",
        )


@dataclass(frozen=True)
class Unwritable(ValueError):
    """Strings that are not UTF-8: `rows` are their positions."""

    rows: tuple[int, ...]


def to_arrow(array: Array, spec: TensorSpec) -> Any:
    """A pyarrow Array with an element for each row.

    Raises:
        Unwritable: an output of strings holds other bytes than UTF-8.
    """
    import pyarrow as pa

    if spec.shape is None:
        array = array.reshape(len(array), -1 if array.size else 0)
    flat = _flat(array, spec)
    for level in range(array.ndim - 1, 0, -1):
        lists, size = int(np.prod(array.shape[:level])), array.shape[level]
        flat = pa.ListArray.from_arrays(pa.array(np.arange(lists + 1) * size, pa.int32()), flat)
    return flat


def _flat(array: Array, spec: TensorSpec) -> Any:
    import pyarrow as pa

    values = array.reshape(-1)
    if spec.dtype == "string":
        return _text(values, rows=len(array))
    if spec.dtype == "uint64":
        return pa.array(values).cast(pa.decimal128(20, 0))
    kind = getattr(pa, _ARROW[_SPARK[spec.dtype]])()
    return pa.array(values.astype(kind.to_pandas_dtype(), copy=False), kind)


def _text(values: Array, *, rows: int) -> Any:
    import pyarrow as pa

    try:
        return pa.array(values.tolist(), pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        per_row = len(values) // rows
        bad = {index // per_row for index, value in enumerate(values.tolist()) if not _is_utf8(value)}
        raise Unwritable(tuple(sorted(bad))) from None


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
