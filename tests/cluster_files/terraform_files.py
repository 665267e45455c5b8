"""cluster/terraform as a parser of HCL reads it, without Terraform."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

FOLDER = Path(__file__).resolve().parents[2] / "cluster" / "terraform"
_PLAIN = hcl2.SerializationOptions(with_comments=False, explicit_blocks=False, strip_string_quotes=True)
_REFERENCE = re.compile(r"(?<![\w.-])((?:var|local|output|google_\w+)\.\w+)")


@dataclass(frozen=True)
class Configuration:
    """blocks: what stands at an address, spelt as Terraform does: var.project, google_storage_bucket.releases."""

    blocks: dict[str, Any]
    settings: dict[str, Any]

    def local(self, name: str) -> Any:
        return self.blocks[f"local.{name}"]

    def default(self, variable: str) -> Any:
        return self.blocks[f"var.{variable}"]["default"]


@cache
def configuration() -> Configuration:
    blocks: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    for path in sorted(FOLDER.glob("*.tf")):
        parsed = parse(path)
        for each in parsed.get("terraform", []):
            settings |= each
        blocks |= _addressed(parsed)
    return Configuration(blocks, settings)


def parse(path: Path) -> dict[str, Any]:
    with path.open(encoding="utf-8") as file:
        parsed: dict[str, Any] = hcl2.load(file, serialization_options=_PLAIN)
    return parsed


def _addressed(parsed: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for prefix, kind in (("var", "variable"), ("output", "output")):
        for each in parsed.get(kind, []):
            found |= {f"{prefix}.{name}": block for name, block in each.items()}
    for each in parsed.get("locals", []):
        found |= {f"local.{name}": value for name, value in each.items()}
    for each in parsed.get("resource", []):
        found |= {f"{kind}.{name}": block for kind, named in each.items() for name, block in named.items()}
    return found


def references(node: Any) -> set[str]:
    """The addresses that stand in expressions."""
    return {match for text in _texts(node) if "${" in text for match in _REFERENCE.findall(text)}


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _texts(key)
            yield from _texts(value)
    elif isinstance(node, list):
        for each in node:
            yield from _texts(each)
