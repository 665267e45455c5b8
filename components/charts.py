"""Charts for HTML reports, as inline SVG and tables."""

from components.contracts import ConfusionMatrix, RocCurve
from components.html import table

#: Side of the plot in SVG units, and the room for its axes.
_SIDE, _MARGIN = 280, 44


def roc_chart(roc: RocCurve) -> str:
    """The curve over the diagonal of chance."""
    points = " ".join(f"{_x(fpr):.1f},{_y(tpr):.1f}" for fpr, tpr in zip(roc.fpr, roc.tpr, strict=True))
    ticks = "".join(_tick(value / 4) for value in range(5))
    size = _SIDE + 2 * _MARGIN
    return (
        f'<svg viewBox="0 0 {size} {size}" width="{size}" role="img" aria-label="ROC curve" font-size="12" fill="none">'
        f'<rect x="{_MARGIN}" y="{_MARGIN}" width="{_SIDE}" height="{_SIDE}" stroke="var(--line)"/>{ticks}'
        f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="var(--soft)" stroke-dasharray="4 4"/>'
        f'<polyline points="{points}" stroke="var(--accent)" stroke-width="2.5" stroke-linejoin="round"/>'
        f'<text x="{size / 2}" y="{size - 6}" text-anchor="middle" fill="var(--soft)">false positive rate</text>'
        f'<text transform="translate(12 {size / 2}) rotate(-90)" text-anchor="middle" fill="var(--soft)">'
        "true positive rate</text></svg>"
    )


def _tick(value: float) -> str:
    return (
        f'<text x="{_x(value):.0f}" y="{_y(0) + 16:.0f}" text-anchor="middle" fill="var(--soft)">{value:g}</text>'
        f'<text x="{_x(0) - 6:.0f}" y="{_y(value) + 4:.0f}" text-anchor="end" fill="var(--soft)">{value:g}</text>'
    )


def _x(value: float) -> float:
    return _MARGIN + value * _SIDE


def _y(value: float) -> float:
    return _MARGIN + (1 - value) * _SIDE


def confusion_table(matrix: ConfusionMatrix) -> str:
    """Rows are the actual labels, columns the predicted ones."""
    rows = [(f"actual {label}", *counts) for label, counts in zip(matrix.labels, matrix.counts, strict=True)]
    return table(("", *(f"predicted {label}" for label in matrix.labels)), rows)
