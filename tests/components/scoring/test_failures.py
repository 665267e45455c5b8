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


EXECUTOR = """An error occurred while calling o58.parquet.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 1.0 failed 4 times, most recent \
failure: Lost task 0.3 in stage 1.0 (TID 6) (10.1.2.3 executor 4): ExecutorLostFailure (executor 4 exited caused by \
one of the running tasks) Reason:\x20

The executor with id 4 exited with exit code 137(SIGKILL, possible container OOM).



The API gave the following container statuses:
"""
UNREADABLE = """An error occurred while calling o78.parquet.
: org.apache.spark.SparkException: [FAILED_READ_FILE.NO_HINT] Encountered error while reading file gs://b/x.csv.  \
SQLSTATE: KD001
Caused by: java.io.IOException: damaged
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


def test_of_a_lost_executor_how_it_ended_is_told() -> None:
    found = explain(EXECUTOR, where="gs://b/out").found

    ending = " Reason: The executor with id 4 exited with exit code 137(SIGKILL, possible container OOM)."
    assert found.startswith("org.apache.spark.SparkException: Job aborted")
    assert found.endswith(ending)


def test_a_file_that_cannot_be_read_is_named_whatever_was_written() -> None:
    assert explain(UNREADABLE, where="gs://b/out").where == "gs://b/x.csv"


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
