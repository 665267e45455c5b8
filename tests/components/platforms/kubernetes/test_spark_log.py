"""What is read out of the driver's log at a job's end."""

import json

import pytest

from components.contracts import ScoreReport
from components.platforms.kubernetes.spark_driver import ERROR_MARK, REPORT_MARK
from components.platforms.kubernetes.spark_log import cause, release_error, report_in
from model.errors import RowsMismatch, ScoringFailed

REPORT = ScoreReport("gs://b/p", "gs://b/f", 3, 1, seconds=1.0)
LOST = "The executor with id 4 exited with exit code 137(SIGKILL, possible container OOM)."
FORBIDDEN = """Traceback (most recent call last):
  File "/opt/savedmodel-release/main.py", line 62, in <module>
    sys.exit(main(HERE))
py4j.protocol.Py4JJavaError: An error occurred while calling o45.exists.
: java.io.IOException: Error accessing gs://b/out
\tat com.google.cloud.hadoop.fs.gcs.GoogleHadoopFileSystem.getFileStatus(GoogleHadoopFileSystem.java:1)
Caused by: com.google.api.client.googleapis.json.GoogleJsonResponseException: 403 Forbidden
GET https://storage.googleapis.com/storage/v1/b/b/o/out
{
  "code" : 403
}
\tat com.google.api.client.http.HttpRequest.execute(HttpRequest.java:1)
\t... 22 more

26/08/01 10:00:00 WARN Client: shutting down
Caused by: java.lang.InterruptedException
"""


def test_the_cause_is_the_drivers_exception_rather_than_the_operators_words() -> None:
    log = "INFO x\nTraceback (most recent call last):\n  File a\n    boom()\nValueError: no such thing\nINFO stopping\n"

    assert cause("driver container failed with ExitCode: 1", log_text=log).endswith(": ValueError: no such thing")


def test_the_cause_of_a_failed_submission_is_one_line_of_its_output() -> None:
    message = 'failed to submit\nat x\nException in thread "main" io.fabric8: Forbidden\n\tat y'

    assert cause(message, log_text="") == 'Exception in thread "main" io.fabric8: Forbidden'


def test_the_cause_of_what_java_refused_is_javas() -> None:
    innermost = "Caused by: com.google.api.client.googleapis.json.GoogleJsonResponseException: 403 Forbidden"

    assert cause("ExitCode: 1", log_text=FORBIDDEN) == f"ExitCode: 1: {innermost}"


def test_where_the_operator_only_saw_the_end_the_last_lost_executor_is_told() -> None:
    log = f"The executor with id 3 exited with exit code 1(whatever).\nx ERROR Lost executor 4:\n{LOST}\nx INFO y\n"

    assert cause("ExitCode: 11, Reason: Error", log_text=log) == f"ExitCode: 11, Reason: Error. {LOST}"


@pytest.mark.parametrize("kind", [RowsMismatch, ScoringFailed])
def test_the_drivers_error_comes_back_as_what_it_was(kind: type[RowsMismatch]) -> None:
    error = kind(expected="a column x", found="none", where="gs://b/rows.csv", do="Add it.")

    back = release_error(error.to_json())

    assert type(back) is kind
    assert str(back) == str(error)


def failed(found: str) -> ScoringFailed:
    return ScoringFailed(expected="Spark to score the rows", found=found, where="gs://b/out", do="See the log.")


@pytest.mark.parametrize(
    "found",
    [
        "Job 2 cancelled because SparkContext was shut down",
        "py4j.protocol.Py4JNetworkError: Answer from Java side is empty",
        "An error occurred while calling o58.parquet",
        "[Errno 111] Connection refused",
    ],
)
def test_an_error_that_only_tells_of_sparks_end_is_told_with_the_lost_executor(found: str) -> None:
    with pytest.raises(ScoringFailed) as caught:
        report_in(f"{LOST}\n{ERROR_MARK}{failed(found).to_json()}\n")

    assert caught.value.found == f"{found}. {LOST}"
    assert "spark_memory" in caught.value.do


def test_a_lost_executor_is_no_part_of_another_error() -> None:
    with pytest.raises(ScoringFailed) as caught:
        report_in(f"{LOST}\n{ERROR_MARK}{failed('no space left').to_json()}\n")

    assert str(caught.value) == str(failed("no space left"))


def test_where_memory_ran_out_it_is_told_how_to_get_more() -> None:
    assert "raise spark_memory, or lower batch_rows. See the log." in str(release_error(failed(LOST).to_json()))


def test_the_report_comes_back() -> None:
    assert report_in(f"INFO x\n{REPORT_MARK}{REPORT.to_json()}\nINFO y\n") == REPORT
    assert report_in("INFO x\n") is None


@pytest.mark.parametrize("line", [REPORT_MARK + REPORT.to_json(), ERROR_MARK + failed("x").to_json()])
def test_a_line_that_was_cut_is_no_report(line: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        report_in(line[:-20])
