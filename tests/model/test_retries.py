import pytest

from model.errors import PredictionFailed
from model.retries import FIRST_PAUSE_S, LONGEST_PAUSE_S, PASSING, Retries


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def retries(self, timeout_s: float, *, chance: float = 1.0) -> Retries:
        return Retries(timeout_s, clock=lambda: self.now, sleep=self.sleep, chance=lambda: chance)


def _failing(*codes: str) -> tuple[list[float], "Attempt"]:
    left: list[float] = []
    return left, Attempt(list(codes), left)


class Attempt:
    def __init__(self, codes: list[str], left: list[float]) -> None:
        self._codes, self._left = codes, left

    def __call__(self, left_s: float) -> str:
        self._left.append(left_s)
        if not self._codes:
            return "answer"
        raise PredictionFailed(code=self._codes.pop(0), expected="", found="", where="")


@pytest.mark.parametrize("code", PASSING)
def test_a_passing_fault_is_tried_again(code: str) -> None:
    time = Time()
    _, attempt = _failing(code, code)

    assert time.retries(60).call(attempt) == "answer"
    assert len(time.pauses) == 2


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "NOT_FOUND", "INTERNAL", "FAILED_PRECONDITION"])
def test_a_refusal_is_not_tried_again(code: str) -> None:
    time = Time()
    left, attempt = _failing(code)

    with pytest.raises(PredictionFailed) as caught:
        time.retries(60).call(attempt)

    assert caught.value.code == code
    assert len(left) == 1
    assert time.pauses == []


def test_pauses_double_up_to_a_longest_one() -> None:
    time = Time()
    _, attempt = _failing(*["UNAVAILABLE"] * 12)

    time.retries(600).call(attempt)

    assert time.pauses[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert time.pauses[-1] == LONGEST_PAUSE_S


def test_chance_cuts_a_pause_to_half_at_most() -> None:
    time = Time()
    _, attempt = _failing("UNAVAILABLE")

    time.retries(60, chance=0.0).call(attempt)

    assert time.pauses == [FIRST_PAUSE_S / 2]


def test_the_last_failure_is_raised_before_the_deadline() -> None:
    time = Time()
    left, attempt = _failing(*["UNAVAILABLE"] * 1000)

    with pytest.raises(PredictionFailed):
        time.retries(3).call(attempt)

    assert time.now < 3
    assert all(0 < each <= 3 for each in left)
    assert left == sorted(left, reverse=True)
