"""What the driver's log tells of a job's end: its report, its error, or why there is neither."""

import json
import re

from components.contracts import ScoreReport
from components.platforms.kubernetes.spark_driver import ERROR_MARK, REPORT_MARK
from model import errors
from model.errors import ReleaseError, ScoringFailed

_TRACEBACK = "Traceback (most recent call last)"
#: Where Spark's own lines begin again, after a traceback and what Java adds to it.
_SPARKS_LINE = re.compile(r"\d\d/\d\d/\d\d ")
#: Words of whoever only saw that Spark was gone.
_SPARK_IS_GONE = re.compile(
    r"SparkContext was shut down|Py4JNetworkError|Answer from Java|Connection refused|calling \S+$|ExitCode: 11\b"
)
_LOST_EXECUTOR = re.compile(r"The executor with id \S+ exited with exit code .*")
_KILLED = re.compile(r"exit ?code:? 137|OOMKilled", re.I)


def report_in(text: str) -> ScoreReport | None:
    """The report that the driver wrote; None if it wrote neither that nor an error.

    Raises:
        ReleaseError: the error that it wrote.
        ValueError: what it wrote is not whole.
    """
    for line in reversed(text.splitlines()):
        if REPORT_MARK in line:
            return ScoreReport.from_json(line.partition(REPORT_MARK)[2])
        if ERROR_MARK in line:
            raise release_error(line.partition(ERROR_MARK)[2], log_text=text)
    return None


def release_error(text: str, *, log_text: str = "") -> ReleaseError:
    """The error that the driver wrote, as the kind that it was.

    Raises:
        ValueError: it is not whole.
    """
    fields = json.loads(text)
    kind = getattr(errors, fields["kind"], ScoringFailed)
    kind = ScoringFailed if kind is errors.PredictionFailed else kind
    told = {name: fields[name] for name in ("expected", "found", "where", "do")}
    if kind is ScoringFailed:
        told["found"] = _with_lost_executor(told["found"], log_text=log_text)
        told["do"] = advice(told["found"], otherwise=told["do"])
    error: ReleaseError = kind(**told)
    return error


def cause(message: str, *, log_text: str) -> str:
    """The line that tells: the driver's exception, or spark-submit's; what follows them is Spark's own shutdown."""
    if _TRACEBACK in log_text:
        return _with_lost_executor(f"{message}: {_exception(log_text)}", log_text=log_text)
    submission = next((line for line in message.splitlines() if 'Exception in thread "main"' in line), "")
    return submission or _with_lost_executor(message[:2000], log_text=log_text)


def advice(found: str, *, otherwise: str) -> str:
    """What to do about a failure."""
    memory = "Memory may have run out: raise spark_memory, or lower batch_rows. " if _KILLED.search(found) else ""
    return memory + otherwise


def _exception(log_text: str) -> str:
    """Python's last line; of an exception of Java, which that only wraps, the innermost."""
    trace = log_text[log_text.rindex(_TRACEBACK) :].splitlines()[1:]
    begin = next((n for n, line in enumerate(trace) if line and not line.startswith((" ", "\t"))), len(trace))
    end = next((n for n, line in enumerate(trace) if n > begin and _SPARKS_LINE.match(line)), len(trace))
    told = trace[begin:end] or [""]
    if not told[0].startswith("py4j."):
        return told[0]
    java = [line for line in told if line.startswith((": ", "Caused by: "))]
    return java[-1].removeprefix(": ") if java else told[0]


def _with_lost_executor(found: str, *, log_text: str) -> str:
    lost = _LOST_EXECUTOR.findall(log_text) if _SPARK_IS_GONE.search(found) else []
    return f"{found}. {lost[-1]}" if lost else found
