"""The time, as records spell it."""

import datetime


def now() -> str:
    """RFC 3339, in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
