"""The manifests under cluster/, as they stand in the files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = ROOT / "cluster"
GKE = CLUSTER / "overlays" / "gke"
WORKLOADS = GKE / "workloads"
Object = dict[str, Any]


def objects(folder: Path) -> Iterator[Object]:
    """Every object, patch and kustomization below the folder."""
    for path in sorted(folder.rglob("*.yaml")):
        documents = yaml.safe_load_all(path.read_text(encoding="utf-8"))
        # A JSON patch is a list.
        yield from (each for each in documents if isinstance(each, dict))


def of_kind(kind: str, folder: Path) -> dict[str, Object]:
    """Name -> object."""
    return {
        each["metadata"]["name"]: each for each in objects(folder) if each.get("kind") == kind and "metadata" in each
    }


def kustomization(folder: Path) -> Object:
    found: Object = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    return found


def values_of(key: str, node: Any) -> Iterator[Any]:
    """Whatever stands under that key, at any depth."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == key:
                yield value
            yield from values_of(key, value)
    elif isinstance(node, list):
        for each in node:
            yield from values_of(key, each)
