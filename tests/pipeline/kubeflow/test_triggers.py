"""When schedules fire; what the scheduler would read otherwise is refused."""

import datetime

import pytest

from model.errors import InvalidValue
from pipeline.kubeflow.triggers import Trigger, at, every
from tests.kfp_standin.cron import Cron


@pytest.mark.parametrize(
    "cron",
    [
        "0 0 3 * * *",
        "0 30 6 ? * MON-FRI",
        "0 */15 * * * *",
        "0 0 0,12 1 jan,JUL ?",
        "30 5 8-18/2 * * 0",
        "0 0 3 1/7 * *",
    ],
)
def test_six_fields_are_taken_as_they_are(cron: str) -> None:
    assert at(f"  {cron.replace(' ', '  ')} ") == Trigger(cron=cron)
    assert Cron.parse(cron)


def test_five_fields_are_refused_because_the_scheduler_takes_the_first_for_the_seconds() -> None:
    with pytest.raises(InvalidValue) as refused:
        at("0 3 * * *")

    read = Cron.parse("0 3 * * *")
    midnight = datetime.datetime(2026, 8, 1)
    fires = [minute for minute in range(24 * 60) if read.fires(midnight + datetime.timedelta(minutes=minute))]
    assert fires == [hour * 60 + 3 for hour in range(24)], "each hour at three minutes past"
    assert "Write '0 0 3 * * *'" in refused.value.do
    meant = Cron.parse("0 0 3 * * *")
    fires = [minute for minute in range(24 * 60) if meant.fires(midnight + datetime.timedelta(minutes=minute))]
    assert fires == [3 * 60]


@pytest.mark.parametrize(
    ("cron", "says"),
    [
        ("0 0 3 * *  * 2027", "expected six fields"),
        ("@daily", "expected six fields"),
        ("* 0 3 * * *", "one number for the seconds"),
        ("*/5 0 3 * * *", "one number for the seconds"),
        ("0 60 3 * * *", "minutes from 0 to 59"),
        ("0 0 24 * * *", "hours from 0 to 23"),
        ("0 0 3 0 * *", "day of month from 1 to 31"),
        ("0 0 3 * 13 *", "month from 1 to 12 or JAN to DEC"),
        ("0 0 3 * * 7", "day of week from 0 to 6 or SUN to SAT"),
        ("0 0 3 * * FRI-MON", "day of week"),
        ("0 0 3 * * L", "day of week"),
        ("0 0/0 3 * * *", "minutes"),
        ("0 1-2-3 3 * * *", "minutes"),
        ("0 1,,2 3 * * *", "minutes"),
        ("0 ² 3 * * *", "minutes"),
        (f"0 {'9' * 5000} 3 * * *", "minutes"),
        (f"0 */{'9' * 5000} 3 * * *", "minutes"),
    ],
)
def test_what_the_scheduler_would_refuse_is_refused_here(cron: str, says: str) -> None:
    with pytest.raises(InvalidValue, match="Write ") as refused:
        at(cron)

    assert says in str(refused.value)
    assert refused.value.where == "--cron"


@pytest.mark.parametrize(
    ("text", "seconds", "spelled"),
    [("6h", 21600, "6h"), ("90m", 5400, "1h30m"), ("1d12h", 129600, "1d12h"), ("7D", 604800, "1w"), ("60s", 60, "1m")],
)
def test_intervals(text: str, seconds: int, spelled: str) -> None:
    assert every(text) == Trigger(interval_s=seconds)
    assert str(every(text)) == f"every {spelled}"


@pytest.mark.parametrize("text", ["6", "h", "-6h", "6 h", "59s", "0h", "6h!", "9999999w", "1.5h", "9" * 5000 + "s"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="Write it as in --interval 6h"):
        every(text)
