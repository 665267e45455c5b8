"""What Spark says is long; what failed is a line of it."""

import pytest

from components.scoring.failures import CarriedError, carried, explain
from model.errors import PredictionFailed, RowsMismatch, ScoringFailed

WORKER = """An exception was thrown from the Python worker. Please see the stack trace below.
Traceback (most recent call last):
  File "/code/components/scoring/batches.py", line 55, in __call__
    yield from self.rows
          ^^^^^^^^^^^^^^
ZeroDivisionError: division by zero
"""
JAVA = """An error occurred while calling o58.parquet.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 1.0 failed 1 times
	at org.apache.spark.scheduler.DAGScheduler.abortStage(DAGScheduler.scala:2898)
Caused by: java.io.IOException: No space left on device
	at java.base/java.io.FileOutputStream.writeBytes(Native Method)
"""


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (WORKER, "ZeroDivisionError: division by zero"),
        (JAVA, "java.io.IOException: No space left on device"),
        (
            "[PATH_NOT_FOUND] Path does not exist: file:/nowhere.",
            "[PATH_NOT_FOUND] Path does not exist: file:/nowhere.",
        ),
        ("", "no reason given"),
    ],
)
def test_the_cause_is_found_in_what_spark_says(text: str, cause: str) -> None:
    error = explain(text, where="rows.csv")

    assert isinstance(error, ScoringFailed)
    assert error.found == cause
    assert error.where == "rows.csv"


@pytest.mark.parametrize(
    "error",
    [
        RowsMismatch(expected="a", found='b "quoted" {x}\nand a line', where="c", do="d"),
        PredictionFailed(code="UNAVAILABLE", expected="an answer", found="none", where="there"),
    ],
)
def test_our_own_errors_come_through_from_a_worker(error: RowsMismatch | PredictionFailed) -> None:
    with pytest.raises(CarriedError) as caught, carried():
        raise error

    back = explain(f"Traceback (most recent call last):\n  File\nCarriedError: {caught.value}\n\tat java", where="")
    assert type(back) is type(error)
    assert back.fields() == error.fields()
    assert getattr(back, "code", "") == getattr(error, "code", "")
