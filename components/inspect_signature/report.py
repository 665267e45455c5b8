"""The HTML report of an inspection."""

from collections.abc import Iterator, Sequence
from html import escape

from components.contracts import Inspection
from components.html import cards, page, table
from components.inspect_signature.inspection import Description
from model.signature import Signature, TensorSpec, format_shape
from model.sizes import format_size

#: More variables than these are left to the folded list.
_OPEN_UP_TO = 12


def html_report(description: Description, inspection: Inspection) -> str:
    """One self-contained document. Whatever comes from the export is escaped."""
    return page("Inspection", *_sections(description, inspection))


def _sections(description: Description, inspection: Inspection) -> Iterator[str]:
    yield f'<p class="scroll"><code>{escape(inspection.export_uri)}</code></p>'
    yield _figures(description)
    yield f'<p class="soft">Content digest <code>{escape(inspection.digest)}</code></p>'
    for signature in sorted(description.signatures, key=lambda each: each.name != inspection.signature.name):
        yield _signature(signature, chosen=signature.name == inspection.signature.name)
    yield _unsafe(description)
    yield _variables(description)
    counts = sorted(description.operations.items(), key=lambda pair: -pair[1])
    yield _folded("Kinds of operations", ("operation", "count"), counts)
    files = [(file.path, format_size(file.size)) for file in description.files]
    yield _folded("Files", ("file", "size"), files)


def _figures(description: Description) -> str:
    return cards(
        [
            ("files", format_size(sum(file.size for file in description.files))),
            ("signatures", len(description.signatures)),
            ("variables", format_size(sum(variable.size for variable in description.variables))),
            ("operations", f"{sum(description.operations.values()):,}"),
            ("TensorFlow", description.tensorflow_version or "unknown"),
        ]
    )


def _signature(signature: Signature, *, chosen: bool) -> str:
    rows = [("input", *_cells(spec)) for spec in signature.inputs]
    rows += [("output", *_cells(spec)) for spec in signature.outputs]
    note = ' <span class="good">chosen</span>' if chosen else ""
    return (
        f"<h2>Signature {escape(signature.name)}{note}</h2>"
        f'<p class="soft">{escape(signature.method_name)}</p>'
        f"{table(('', 'name', 'dtype', 'shape', 'tensor'), rows)}"
    )


def _cells(spec: TensorSpec) -> tuple[str, str, str, str]:
    return spec.name, spec.dtype, format_shape(spec.shape), spec.tensor_name or "sparse or composite"


def _unsafe(description: Description) -> str:
    if not description.unsafe:
        return '<h2>Unsafe operations</h2><p class="good">None, in the graph or in any function of its library.</p>'
    rows = [
        (each.operation, each.reason, "allowed" if each.allowed else "refused", ", ".join(each.places[:5]))
        for each in description.unsafe
    ]
    return f"<h2>Unsafe operations</h2>{table(('operation', 'what it does', '', 'where'), rows)}"


def _variables(description: Description) -> str:
    rows = [
        (variable.short_name, variable.dtype, format_shape(variable.shape), format_size(variable.size))
        for variable in description.variables
    ]
    return _folded("Variables", ("variable", "dtype", "shape", "size"), rows)


def _folded(title: str, headings: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    if not rows:
        return f'<h2>{title}</h2><p class="soft">None.</p>'
    is_open = " open" if len(rows) <= _OPEN_UP_TO else ""
    summary = f"<summary>{len(rows):,} {title.lower()}</summary>"
    return f"<h2>{title}</h2><details{is_open}>{summary}{table(headings, rows)}</details>"
