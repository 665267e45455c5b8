"""How the scheduler of Kubeflow Pipelines reads a cron expression: seconds first; the day of the week may lack."""

import datetime
from dataclasses import dataclass

_RANGES = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_DAYS = {name: number for number, name in enumerate(_DAY_NAMES)}
_NAMES: tuple[dict[str, int], ...] = ({}, {}, {}, {}, _MONTHS, _DAYS)


@dataclass(frozen=True)
class Cron:
    """allowed: the numbers that each field allows. any_day: whether day of month and day of week are left open."""

    allowed: tuple[frozenset[int], ...]
    any_day: tuple[bool, bool]

    @classmethod
    def parse(cls, expression: str) -> "Cron":
        """
        Raises:
            ValueError
        """
        fields = expression.split()
        if len(fields) not in (5, 6):
            raise ValueError(f"Expected 5 or 6 fields, found {len(fields)}: {expression}")
        fields += ["*"] * (6 - len(fields))
        allowed = tuple(
            frozenset(number for part in field.split(",") for number in _numbers(part, bounds, names))
            for field, bounds, names in zip(fields, _RANGES, _NAMES, strict=True)
        )
        return cls(allowed, (fields[3] in "*?", fields[5] in "*?"))

    def fires(self, moment: datetime.datetime) -> bool:
        numbers = (moment.second, moment.minute, moment.hour, moment.day, moment.month, moment.isoweekday() % 7)
        fits = [number in allowed for number, allowed in zip(numbers, self.allowed, strict=True)]
        day = fits[3] and fits[5] if any(self.any_day) else fits[3] or fits[5]
        return all((*fits[:3], fits[4])) and day


def _numbers(part: str, bounds: tuple[int, int], names: dict[str, int]) -> range:
    span, slash, step = part.partition("/")
    if span in ("*", "?"):
        first, last = bounds
    else:
        first, *rest = [names.get(end.lower()) or int(end) for end in span.split("-")]
        last = rest[0] if rest else bounds[1] if slash else first
        if len(rest) > 1:
            raise ValueError(f"Too many hyphens: {part}")
    width = int(step) if slash else 1
    if not bounds[0] <= first <= last <= bounds[1] or width < 1:
        raise ValueError(f"Out of range {bounds}: {part}")
    return range(first, last + 1, width)
