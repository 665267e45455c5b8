"""What can be known of cluster/terraform without Google Cloud; `terraform test` in its folder knows more."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cluster_files.terraform_files import FOLDER, configuration, parse, references

FILES = sorted([*FOLDER.glob("*.tf"), *FOLDER.glob("tests/*.hcl")])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_whatever_is_referred_to_exists(path: Path) -> None:
    parsed = parse(path)

    assert parsed
    assert references(parsed) - configuration().blocks.keys() == set()


def test_every_variable_and_local_is_used() -> None:
    blocks = configuration().blocks
    # A variable's own validation does not count.
    used = {each for address, block in blocks.items() for each in references(block) - {address}}
    used |= {each for path in FOLDER.glob("*.tf") for each in references(parse(path).get("provider", []))}

    assert {address for address in blocks if address.startswith(("var.", "local."))} - used == set()


def test_every_variable_and_output_says_what_it_is() -> None:
    shown = {name: block for name, block in configuration().blocks.items() if name.startswith(("var.", "output."))}

    assert shown
    assert [name for name, block in shown.items() if not block.get("description")] == []


def test_every_variable_but_a_switch_is_checked() -> None:
    variables = {name: block for name, block in configuration().blocks.items() if name.startswith("var.")}

    unchecked = [name for name, block in variables.items() if "validation" not in block and block["type"] != "bool"]

    assert unchecked == []


def test_the_provider_is_pinned_to_one_version() -> None:
    (provider,) = configuration().settings["required_providers"]

    assert re.fullmatch(r"\d+\.\d+\.\d+", provider["google"]["version"])


def test_no_role_is_one_of_the_broad_ones() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.tf"))

    roles = set(re.findall(r'"(roles/[\w.]+)"', text))

    assert roles == {
        "roles/artifactregistry.reader",
        "roles/container.defaultNodeServiceAccount",
        "roles/iam.workloadIdentityUser",
        "roles/storage.objectAdmin",
        "roles/storage.objectViewer",
    }


@pytest.mark.skipif(shutil.which("terraform") is None, reason="no terraform on PATH")
def test_the_files_are_formatted() -> None:
    command = ["terraform", "fmt", "-check", "-recursive", "-diff", str(FOLDER)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
