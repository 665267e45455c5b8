"""When a schedule fires: a cron expression of six fields in UTC, or an interval."""

import re
from dataclasses import dataclass
from typing import Any

from model.errors import InvalidValue

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
#: Field, least and greatest number, names; as the scheduler of Kubeflow Pipelines reads them.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("seconds", 0, 59, ()),
    ("minutes", 0, 59, ()),
    ("hours", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 6, _DAYS),
)
_UNITS = {"w": 7 * 24 * 3600, "d": 24 * 3600, "h": 3600, "m": 60, "s": 1}
_LEAST_INTERVAL_S = 60
#: Characters of what is wrong that a message repeats, and that a part of a cron expression may have.
_MOST, _MOST_OF_A_PART = 60, 20
_EXAMPLE = "Write it as in --cron '0 0 3 * * *': each day at 03:00 UTC."


@dataclass(frozen=True)
class Trigger:
    """One of the two."""

    cron: str = ""
    interval_s: int = 0

    @classmethod
    def from_api(cls, trigger: Any) -> "Trigger":
        """trigger: V2beta1Trigger."""
        cron = trigger.cron_schedule.cron if trigger and trigger.cron_schedule else None
        interval = trigger.periodic_schedule.interval_second if trigger and trigger.periodic_schedule else None
        return cls(cron or "", int(interval or 0))

    def __str__(self) -> str:
        return f"cron {self.cron} UTC" if self.cron else f"every {_spelled(self.interval_s)}"


def _spelled(seconds: int) -> str:
    parts = []
    for unit, length in _UNITS.items():
        count, seconds = divmod(seconds, length)
        parts += [f"{count}{unit}"] * bool(count)
    return "".join(parts)


def every(interval: str) -> Trigger:
    """interval: such as 6h, 90m or 1d12h.

    Raises:
        InvalidValue
    """
    text = interval.strip().lower()
    fits = re.fullmatch(r"([0-9]{1,10}[wdhms]){1,10}", text)
    seconds = sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"([0-9]+)([wdhms])", text)) if fits else 0
    if not _LEAST_INTERVAL_S <= seconds < 2**31:
        do = "Write it as in --interval 6h."
        expected = "a number and one of w, d, h, m, s; a minute at least"
        raise InvalidValue(expected=expected, found=repr(interval[:_MOST]), where="--interval", do=do)
    return Trigger(interval_s=seconds)


def at(cron: str) -> Trigger:
    """cron: six fields.

    Raises:
        InvalidValue: it has not six, or one is not what its place asks for.
    """
    fields = cron.split()
    if len(fields) == 5:
        raise _seconds_first(cron)
    if len(fields) != 6:
        raise _refused("six fields: " + ", ".join(name for name, *_ in _FIELDS), cron, do=_EXAMPLE)
    if not fields[0].isdecimal():
        do = f"Write '0 {' '.join(fields[1:])}'; any other would begin a release each time that a second fits."
        raise _refused("one number for the seconds", f"{fields[0][:_MOST]} in {cron[:_MOST]}", do=do)
    for text, (name, least, greatest, names) in zip(fields, _FIELDS, strict=True):
        if not all(_fits(part, least=least, greatest=greatest, names=names) for part in text.split(",")):
            allowed = f"from {least} to {greatest}" + (f" or {names[0]} to {names[-1]}" if names else "")
            raise _refused(f"{name} {allowed}, *, a-b, a,b or */n", f"{text[:_MOST]} in {cron[:_MOST]}", do=_EXAMPLE)
    return Trigger(cron=" ".join(fields))


def _seconds_first(cron: str) -> InvalidValue:
    minute, hour = cron.split()[:2]
    do = (
        f"Write '0 {' '.join(cron.split())}' for what crontab means by it. Kubeflow Pipelines reads five fields with "
        f"the seconds first: {minute!r} would be the second, {hour!r} the minute, and the rest would shift with them."
    )
    return _refused("six fields, seconds first", f"five: {cron[:_MOST]}", do=do)


def _refused(expected: str, found: str, *, do: str) -> InvalidValue:
    return InvalidValue(expected=expected, found=found, where="--cron", do=do)


def _fits(part: str, *, least: int, greatest: int, names: tuple[str, ...]) -> bool:
    """part: * or ?, a or a-b, each with /n or without."""
    if len(part) > _MOST_OF_A_PART:
        return False
    span, slash, step = part.partition("/")
    if slash and not (step.isdecimal() and int(step) > 0):
        return False
    if span in ("*", "?"):
        return True
    ends = [_number(end, names=names, least=least) for end in span.split("-")]
    numbers = [end for end in ends if end is not None]
    return (
        len(numbers) == len(ends) <= 2 and sorted(numbers) == numbers and least <= numbers[0] <= numbers[-1] <= greatest
    )


def _number(text: str, *, names: tuple[str, ...], least: int) -> int | None:
    if text.upper() in names:
        return names.index(text.upper()) + least
    return int(text) if text.isascii() and text.isdecimal() else None
