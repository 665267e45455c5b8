"""Which version of the Spark job a step was compiled with, and which one Spark's image has."""

import hashlib
from importlib.resources import files

JOB_PACKAGE = "components.scoring"
#: What packaging adds to the code of a step that does not carry the job itself.
NAME = "job.digest"


def expected() -> str:
    """The digest of the job that belongs to this code."""
    carried = files("components").joinpath(NAME)
    return carried.read_text(encoding="utf-8") if carried.is_file() else digest()


def digest() -> str:
    """Over the names and contents of the job's modules, wherever Python finds them here."""
    found = hashlib.sha256()
    for path in sorted(files(JOB_PACKAGE).iterdir(), key=lambda each: each.name):
        if path.name.endswith(".py"):
            content = path.read_bytes()
            found.update(f"{path.name} {len(content)} ".encode() + content)
    return found.hexdigest()[:16]
