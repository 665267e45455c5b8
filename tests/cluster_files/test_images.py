"""Images: each is pinned, and bears one name from its Dockerfile to the pod."""

import re
from pathlib import Path

import pytest
import yaml

from tests.cluster_files.manifests import CLUSTER, GKE, ROOT, kustomization, objects, values_of

OURS = "savedmodel-release/"
BUILT = {f"{OURS}{path.parent.name}": path for path in sorted((CLUSTER / "images").glob("*/Dockerfile"))}
SKAFFOLD = yaml.safe_load((ROOT / "skaffold.yaml").read_text(encoding="utf-8"))
USED = sorted({image for each in objects(CLUSTER) for image in values_of("image", each) if isinstance(image, str)})


def is_pinned(image: str) -> bool:
    """A digest, or a tag that is a version; our own may bear any tag but latest, since they are built here."""
    name, _, tag = image.rpartition(":")
    if "@sha256:" in image:
        return True
    return bool(name) and "/" not in tag and tag != "latest" and (name.startswith(OURS) or bool(re.search(r"\d", tag)))


@pytest.mark.parametrize(
    ("image", "pinned"),
    [
        ("python:3.11-slim", True),
        ("registry:5000/python@sha256:0123", True),
        ("savedmodel-release/webapp:dev", True),
        ("python", False),
        ("registry:5000/python", False),
        ("python:latest", False),
        ("python:slim", False),
        ("savedmodel-release/webapp:latest", False),
    ],
)
def test_what_counts_as_pinned(image: str, pinned: bool) -> None:
    assert is_pinned(image) is pinned


@pytest.mark.parametrize("image", USED)
def test_every_image_of_a_manifest_is_pinned(image: str) -> None:
    assert is_pinned(image)


@pytest.mark.parametrize("dockerfile", BUILT.values(), ids=BUILT)
def test_every_image_that_is_built_upon_is_pinned(dockerfile: Path) -> None:
    text = dockerfile.read_text(encoding="utf-8")
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)", text, re.MULTILINE))
    stages = re.findall(r"^FROM \S+ AS (\S+)", text, re.MULTILINE)
    bases = [re.sub(r"\$\{(\w+)\}", lambda found: arguments[found[1]], base) for base in _bases(text)]

    assert bases
    assert [base for base in bases if base not in stages and not is_pinned(base)] == []


def _bases(dockerfile: str) -> list[str]:
    return re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)


def test_whatever_is_copied_from_an_image_is_from_a_pinned_one() -> None:
    for dockerfile in BUILT.values():
        text = dockerfile.read_text(encoding="utf-8")
        stages = re.findall(r"^FROM \S+ AS (\S+)", text, re.MULTILINE)
        sources = re.findall(r"^COPY .*--from=(\S+)", text, re.MULTILINE)
        assert [source for source in sources if source not in stages and not is_pinned(source)] == [], dockerfile


@pytest.mark.parametrize("dockerfile", BUILT.values(), ids=BUILT)
def test_no_image_runs_as_root(dockerfile: Path) -> None:
    users = re.findall(r"^USER (\S+)", dockerfile.read_text(encoding="utf-8"), re.MULTILINE)

    assert users
    assert users[-1].partition(":")[0] not in ("root", "0")


def test_skaffold_builds_each_image_from_its_dockerfile() -> None:
    built = {each["image"]: each["docker"]["dockerfile"] for each in SKAFFOLD["build"]["artifacts"]}

    assert built == {name: str(path.relative_to(ROOT)) for name, path in BUILT.items()}


def test_manifests_use_only_images_that_are_built() -> None:
    ours = {image.rpartition(":")[0] for image in USED if image.startswith(OURS)}

    assert ours
    assert ours <= BUILT.keys()


def test_skaffold_deploys_an_overlay_in_each_profile() -> None:
    profiles = {"": SKAFFOLD, **{each["name"]: each for each in SKAFFOLD["profiles"]}}
    paths = {name: each["manifests"]["kustomize"]["paths"] for name, each in profiles.items()}

    assert paths == {"": ["cluster/overlays/kind"], "gke": ["cluster/overlays/gke/workloads"]}
    assert all((ROOT / path / "kustomization.yaml").is_file() for (path,) in paths.values())


def test_skaffold_finds_the_images_under_the_names_that_it_builds() -> None:
    """It replaces images by name, so nothing that it renders may rename them."""
    for profile in (SKAFFOLD, *SKAFFOLD["profiles"]):
        for path in profile["manifests"]["kustomize"]["paths"]:
            assert "images" not in kustomization(ROOT / path), path


def test_on_gke_every_image_of_ours_comes_from_the_registry_under_a_version() -> None:
    renamed = {each["name"]: each for each in kustomization(GKE)["images"]}
    base = {image.rpartition(":")[0] for each in objects(CLUSTER / "base") for image in values_of("image", each)}

    assert renamed.keys() == {image for image in base if image.startswith(OURS)}
    for name, each in renamed.items():
        assert each["newName"] == f"REGISTRY/{name}"
        assert re.fullmatch(r"\d+\.\d+\.\d+", each["newTag"])
