"""Numbers on the command line."""

import math
from typing import Any

import click


class Seconds(click.FloatRange):
    """A range that lets no `nan` through, which is neither below nor above anything, and no `inf`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number of seconds.", param, ctx)
        return number
