"""The frame and the few pieces that all HTML reports share: self-contained, readable on a phone, in light and dark."""

from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
:root{color-scheme:light dark;--ink:#1b2330;--soft:#5c6779;--line:#d9dee7;--back:#fff;--card:#f6f8fb;
  --accent:#1a5fb4;--good:#1a7f37;--bad:#b42318}
@media (prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa5b5;--line:#323b49;--back:#12161d;
  --card:#1a202a;--accent:#78aeed;--good:#57c271;--bad:#f0806f}
}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:960px;margin:0 auto;padding:24px 16px 64px}
h1{font-size:1.5rem;margin:.2em 0}
h2{font-size:1.15rem;margin:2em 0 .6em}
h3{font-size:1rem}
p,li{max-width:75ch}
.soft{color:var(--soft)}
.good{color:var(--good)}
.bad{color:var(--bad)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.93rem}
th,td{text-align:left;padding:6px 12px 6px 0;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--soft);font-weight:600}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums}
code,pre{font:13px/1.5 ui-monospace,monospace}
pre{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:10px 12px;overflow-x:auto;
  white-space:pre-wrap;overflow-wrap:anywhere}
.cards{display:flex;flex-wrap:wrap;gap:12px}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 16px;min-width:120px}
.card b{display:block;font-size:1.25rem;font-variant-numeric:tabular-nums}
svg{max-width:100%;height:auto}
details{margin:.4em 0}
summary{cursor:pointer}
"""


def page(title: str, *sections: str) -> str:
    """A whole document. `title` is escaped; the sections are HTML already."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main><h1>{escape(title)}</h1>"
        f"{''.join(sections)}</main></body></html>\n"
    )


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; every cell is escaped, numbers stand right."""
    kept = [tuple(row) for row in rows]
    numbers = {index for row in kept[:1] for index, value in enumerate(row) if _is_number(value)}
    head = "".join(
        f"<th{' class=number' if index in numbers else ''}>{escape(heading)}</th>"
        for index, heading in enumerate(headings)
    )
    body = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in kept)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        shown = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
        return f'<td class="number">{shown}</td>'
    return f"<td>{escape(str(value))}</td>"


def cards(pairs: Iterable[tuple[str, object]]) -> str:
    """Key figures side by side: (label, value)."""
    each = "".join(f'<div class="card"><b>{escape(str(value))}</b>{escape(label)}</div>' for label, value in pairs)
    return f'<div class="cards">{each}</div>'
