"""Calling again what failed for a passing reason."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from model.errors import PredictionFailed

T = TypeVar("T")

#: Codes that the same call may not meet again a moment later.
PASSING = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 5.0


@dataclass(frozen=True)
class Retries:
    """Calls until one call does not fail for a passing reason, or `timeout_s` seconds are over.

    The pause doubles each time, and is cut by chance to between half and all of it, so that callers who failed
    together do not come back together.
    """

    timeout_s: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random

    def call(self, attempt: Callable[[float], T]) -> T:
        """Runs `attempt(seconds left)`.

        Raises:
            PredictionFailed: the last attempt's, of any code that is not passing or when no time is left.
        """
        deadline, pause_s = self.clock() + self.timeout_s, FIRST_PAUSE_S
        left_s = self.timeout_s
        while True:
            try:
                return attempt(left_s)
            except PredictionFailed as error:
                cut_s = pause_s * (1 + self.chance()) / 2
                left_s = deadline - self.clock() - cut_s
                if error.code not in PASSING or left_s <= 0:
                    raise
            self.sleep(cut_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
