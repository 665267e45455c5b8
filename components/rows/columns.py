"""Which columns a signature needs, checked before anything is read or changed."""

import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from components.rows.tensors import element_shape
from model import dtypes
from model.errors import RowsMismatch
from model.signature import Signature, TensorSpec, format_shape

_SHOWN = 20


def check_columns(
    names: Sequence[str], signature: Signature, *, where: str, types: Mapping[str, Any] | None = None
) -> None:
    """Whether the rows can feed the signature.

    names: the columns, in the file's order. types: column -> pyarrow type, where the format has types (Parquet).

    Raises:
        RowsMismatch: an input cannot be fed from columns at all, or columns are missing, twice, or of another type.
    """
    check_inputs(signature)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        found = f"more than one column {', '.join(map(repr, twice))}"
        raise RowsMismatch(expected="columns of different names", found=found, where=where, do="Rename or drop them.")
    missing = [spec for spec in signature.inputs if spec.name not in names]
    if missing:
        raise _missing(missing, names, signature=signature, where=where)
    wrong = list(_wrong_types(signature, types or {}))
    if wrong:
        do = "Write the column with that type, or give the rows as CSV."
        raise RowsMismatch(expected="columns of the signature's types", found="; ".join(wrong), where=where, do=do)


def check_inputs(signature: Signature) -> None:
    """Whether rows can feed the signature at all.

    Raises:
        RowsMismatch: an input has a dtype that no column holds, or no batch dimension.
    """
    where = f"signature {signature.name}"
    if not signature.inputs:
        raise RowsMismatch(expected="inputs that a column can feed", found="a signature without inputs", where=where)
    for spec in signature.inputs:
        if spec.dtype not in dtypes.COLUMN_DTYPES:
            expected = f"inputs of dtype {', '.join(dtypes.COLUMN_DTYPES)}"
            do = "Export a signature whose inputs a column can hold."
            raise RowsMismatch(expected=expected, found=f"input {spec}", where=where, do=do)
        if spec.shape is not None and (not spec.shape or spec.shape[0] != -1):
            expected = "a first dimension of -1 in every input: the rows of a batch"
            do = "Export the signature with an open batch dimension (None) to score more than one row at a time."
            raise RowsMismatch(expected=expected, found=f"input {spec}", where=where, do=do)


def _missing(missing: Sequence[TensorSpec], names: Sequence[str], *, signature: Signature, where: str) -> RowsMismatch:
    hints = [f"{spec.name!r} ({_type_name(spec)}{_near(spec.name, names)})" for spec in missing]
    expected = f"a column for each input of signature {signature.name}; missing: {', '.join(hints)}"
    shown = ", ".join(map(repr, names[:_SHOWN])) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    return RowsMismatch(expected=expected, found=f"columns {shown}", where=where, do=_advice(missing, names))


def _type_name(spec: TensorSpec) -> str:
    return spec.dtype if not element_shape(spec) else f"{spec.dtype} {format_shape(spec.shape)}"


def _near(name: str, names: Sequence[str]) -> str:
    folded = [candidate for candidate in names if candidate.strip().lower() == name.lower()]
    near = folded or difflib.get_close_matches(name, names, n=1)
    return f"; there is {near[0]!r}" if near else ""


def _advice(missing: Sequence[TensorSpec], names: Sequence[str]) -> str:
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        return "The file seems to be separated by something else than commas. Write it with commas."
    if names and all(_is_number(name) for name in names):
        return "The first line seems to hold values. Write the column names there."
    spec = missing[0]
    if len(missing) == 1 and spec.dtype == "string" and "example" in f"{spec.name} {spec.tensor_name}".lower():
        return (
            "This signature takes serialized tf.Example records: give Parquet with a binary column of that name, or"
            " choose a signature with one input per column."
        )
    return "Rename the columns, or choose another signature with signature_name. Upper and lower case differ."


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _wrong_types(signature: Signature, types: Mapping[str, Any]) -> Iterator[str]:
    for spec in signature.inputs:
        kind = types.get(spec.name)
        if kind is not None and not fits(kind, spec):
            yield f"column {spec.name!r} of type {kind} for input {spec}"


def fits(kind: Any, spec: TensorSpec) -> bool:
    """Whether a column of that pyarrow type can hold the rows of an input. Values out of range are found row by row."""
    import pyarrow as pa

    depth = 0
    while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        kind, depth = kind.value_type, depth + 1
    dims = element_shape(spec)
    if spec.shape is not None and depth != len(dims) and (depth or any(size != 1 for size in dims)):
        return False
    return _holds(kind, spec.dtype)


def _holds(kind: Any, dtype: str) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _holds(kind.value_type, dtype)
    if pa.types.is_null(kind):
        return True
    tests: tuple[Callable[[Any], bool], ...]
    if dtype == "string":
        tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    elif dtype == "bool":
        tests = (pa.types.is_boolean, pa.types.is_integer)
    else:
        tests = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return any(test(kind) for test in tests)


def header_names(cells: Sequence[str], *, where: str) -> list[str]:
    """The columns that a CSV file's first line names; a nameless one, such as an index, gets a name by its position.

    Raises:
        RowsMismatch: the line is empty.
    """
    if not any(cells):
        raise empty_rows(where)
    return [cell or f"_c{index}" for index, cell in enumerate(cells)]


def empty_rows(where: str) -> RowsMismatch:
    expected, do = "CSV with the column names in the first line, or Parquet", "Give a file with rows."
    return RowsMismatch(expected=expected, found="an empty file", where=where, do=do)
