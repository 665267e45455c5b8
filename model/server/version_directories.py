"""The versions below a base path, as TensorFlow Serving reads them (file_system_storage_path_source.cc).

A version is a directory with a numeric name: `0036` is version 36; if `36` stands beside it, that one counts. Anything
else in the base path is ignored.
"""

from pathlib import Path

from model.server.config import ServedModel

MAX_VERSION = 2**63 - 1


def find_versions(base_path: str) -> dict[int, Path]:
    """Version -> directory.

    Raises:
        OSError: the base path cannot be listed, or does not exist.
    """
    found: dict[int, Path] = {}
    for path in sorted(Path(base_path).iterdir()):
        number = version_number(path.name)
        if number is not None and path.is_dir() and (number not in found or path.name == str(number)):
            found[number] = path
    return found


def version_number(name: str) -> int | None:
    """The version that a directory's name stands for; None if it is no version's."""
    if not (name.isascii() and name.isdecimal()):
        return None
    number = int(name)
    return number if number <= MAX_VERSION else None


def wanted_versions(model: ServedModel, found: dict[int, Path]) -> dict[int, Path]:
    """Those of the versions found that the model's policy asks for."""
    if model.versions:
        return {number: found[number] for number in model.versions if number in found}
    highest = sorted(found, reverse=True)
    return {number: found[number] for number in (highest[: model.latest] if model.latest else highest)}
