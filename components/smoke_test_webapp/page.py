"""What a reader sees in the web application's page."""

from dataclasses import dataclass
from html.parser import HTMLParser

_CONTROLS = ("input", "select", "textarea")
#: Paragraphs in which the page says what is wrong.
_TROUBLE = ("error", "signature-error")


@dataclass(frozen=True)
class Page:
    """fields: names of the form's fields. values: output name -> its values. trouble: what the page says is wrong."""

    fields: tuple[str, ...]
    values: dict[str, list[str]]
    trouble: str


def read_page(text: str) -> Page:
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return Page(tuple(dict.fromkeys(reader.fields)), reader.values, " ".join(reader.trouble.split()))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.fields: list[str] = []
        self.values: dict[str, list[str]] = {}
        self.trouble = ""
        self._output = ""
        self._in_trouble = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag in _CONTROLS and attributes.get("name"):
            self.fields.append(attributes["name"])
        if "data-output" in attributes:
            self._output = attributes["data-output"]
            self.values[self._output] = []
        if tag == "data" and self._output:
            self.values[self._output].append(attributes.get("value", ""))
        self._in_trouble = self._in_trouble or attributes.get("id") in _TROUBLE

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._output = ""
        if tag == "p":
            self._in_trouble = False

    def handle_data(self, data: str) -> None:
        if self._in_trouble:
            self.trouble += data
