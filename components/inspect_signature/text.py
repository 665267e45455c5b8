"""An export's description for a terminal, and as JSON."""

from collections.abc import Iterable, Iterator, Sequence

from components.inspect_signature.inspection import Description
from model import json_codec
from model.savedmodel import format_tags
from model.signature import Signature, TensorSpec, format_shape
from model.sizes import format_size
from model.variables import Variable

WIDTH = 100
#: More variables than these are summed up; the JSON form lists all.
SHOWN_VARIABLES = 40
_NAME_WIDTH = 44


def format_json(description: Description) -> str:
    """One JSON object with the fields of Description."""
    return json_codec.to_json(description, indent=2)


def format_table(description: Description) -> str:
    """Tables to be read at 100 columns, as `saved_model_cli show --all` tells it and more: signatures, variables,
    operations, what is unsafe."""
    return "\n".join(line.rstrip() for line in _lines(description))


def _lines(description: Description) -> Iterator[str]:
    tags = format_tags(description.tag_sets)
    files = f"{_count(description.files, 'file')}, {format_size(sum(file.size for file in description.files))}"
    yield f"SavedModel  {description.export_uri}"
    yield f"  TensorFlow {description.tensorflow_version or 'unknown'}, tags {tags}, {files}"
    for signature in description.signatures:
        yield from ("", *_signature(signature))
    if not description.signatures:
        yield from ("", "No signatures: nothing that can be called.")
    yield from ("", *_variables(description.variables))
    if description.assets:
        yield from ("", "Assets", *(f"  {asset}" for asset in description.assets))
    yield from ("", *_operations(description))
    yield from ("", *_unsafe(description))


def _signature(signature: Signature) -> Iterator[str]:
    yield f"Signature {signature.name}  ({signature.method_name or 'no method'})"
    specs = [("in", spec) for spec in signature.inputs] + [("out", spec) for spec in signature.outputs]
    yield from _columns([(way, *_cells(spec)) for way, spec in specs], wide=1)


def _cells(spec: TensorSpec) -> tuple[str, str, str, str]:
    return spec.name, spec.dtype, format_shape(spec.shape), spec.tensor_name or "sparse or composite"


def _variables(variables: Sequence[Variable]) -> Iterator[str]:
    total = format_size(sum(variable.size for variable in variables))
    yield f"Variables  {_count(variables, 'variable')}, {total}" if variables else "Variables  none"
    shown = variables[:SHOWN_VARIABLES]
    yield from _columns([(v.short_name, v.dtype, format_shape(v.shape), format_size(v.size)) for v in shown], wide=0)
    if len(variables) > len(shown):
        yield f"  … and {len(variables) - len(shown)} more (--json lists all)"


def _operations(description: Description) -> Iterator[str]:
    counts = description.operations
    yield f"Operations  {sum(counts.values()):,} of {_count(counts, 'kind')}, the function library included"
    line = " "
    for operation, count in counts.items():
        word = f" {operation}" if count == 1 else f" {operation}×{count}"
        if len(line) + len(word) > WIDTH:
            yield line
            line = " "
        line += word
    yield line


def _unsafe(description: Description) -> Iterator[str]:
    if not description.unsafe:
        yield "Unsafe operations  none"
        return
    yield "Unsafe operations  a release is refused unless allow_operations names them"
    for each in description.unsafe:
        yield f"  {each.operation}: {each.reason}"
        yield from (f"    at {place}" for place in each.places[:3])
        if len(each.places) > 3:
            yield f"    and at {len(each.places) - 3} more places"


def _columns(rows: Sequence[Sequence[str]], *, wide: int) -> Iterator[str]:
    """Aligned columns. Where the cell of column `wide` is too long, the rest of its row goes to the next line."""
    widths = [max((len(row[at]) for row in rows), default=0) for at in range(len(rows[0]) if rows else 0)]
    if widths:
        widths[wide] = min(widths[wide], _NAME_WIDTH)
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        line = "  " + "  ".join(cells)
        if len(row[wide]) > widths[wide]:
            yield "  " + "  ".join(cells[: wide + 1])
            line = "  " + "  ".join([" " * width for width in widths[: wide + 1]] + cells[wide + 1 :])
        yield line


def _count(items: Iterable[object], noun: str) -> str:
    number = len(list(items))
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
