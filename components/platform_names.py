"""The names of the platforms."""

from model.errors import InvalidValue

PLATFORMS = ("kubernetes", "local")


def unknown_platform(name: str) -> InvalidValue:
    return InvalidValue(
        expected=f"one of {', '.join(PLATFORMS)}", found=repr(name), where="platform", do="Set the parameter platform."
    )
