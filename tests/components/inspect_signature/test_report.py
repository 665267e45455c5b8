from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from components.inspect_signature.inspection import inspect
from components.inspect_signature.report import html_report
from model.signature import Signature, TensorSpec
from model.unsafe_ops import UnsafeOperation
from model.variables import Variable

HOSTILE = "</td><script>alert('x')</script>&\""


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.addresses: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.addresses += [str(value) for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def parse(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    return tags


def test_the_report_shows_signatures_variables_operations_and_files(several_signatures: Path) -> None:
    inspection, description = inspect(str(several_signatures), signature_name="scaled")

    page = parse(html_report(description, inspection))

    for words in ("Signature scaled chosen", "Signature serving_default", inspection.digest, "MergeV2Checkpoints"):
        assert words in page.text
    assert page.text.index("Signature scaled") < page.text.index("Signature serving_default")
    assert "variables/variables.data-00000-of-00001" in page.text
    assert "None, in the graph or in any function of its library." in page.text


def test_the_report_stands_alone(half_plus_two: Path) -> None:
    inspection, description = inspect(str(half_plus_two))

    html = html_report(description, inspection)

    assert parse(html).addresses == []
    assert "url(" not in html
    assert "@import" not in html


def test_allowed_operations_are_shown_as_such(matches_files: Path) -> None:
    inspection, description = inspect(str(matches_files), allow_operations=["MatchingFiles"])

    assert "MatchingFileslists files of the serverallowed" in parse(html_report(description, inspection)).text


def test_whatever_comes_from_the_export_is_escaped(half_plus_two: Path) -> None:
    inspection, description = inspect(str(half_plus_two))
    spec = TensorSpec(HOSTILE, HOSTILE, (-1,), HOSTILE)
    signature = Signature(HOSTILE, HOSTILE, (spec,), (spec,))
    hostile = replace(
        description,
        signatures=(signature,),
        tensorflow_version=HOSTILE,
        operations={HOSTILE: 1},
        variables=(Variable(HOSTILE, HOSTILE, (1,), 4),),
        unsafe=(UnsafeOperation(HOSTILE, HOSTILE, (HOSTILE,)),),
    )

    page = parse(html_report(hostile, replace(inspection, signature=signature, export_uri=HOSTILE, digest=HOSTILE)))

    assert "script" not in page.names
    assert page.text.count(HOSTILE) >= 13
