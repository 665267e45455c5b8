"""Watching a job: a line every few seconds, and an end when its time is over."""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

from pyspark.sql import SparkSession

from model.errors import ScoringFailed

log = logging.getLogger(__name__)

INTERVAL_S = 3.0
#: Seconds between two attempts to end a job that is late.
AGAIN_S = 0.1


@contextlib.contextmanager
def watched(spark: SparkSession, done: Any, *, timeout_s: float) -> Iterator[None]:
    """Logs the rows done while the body runs, and cancels Spark's work after `timeout_s` seconds.

    done: an accumulator of rows.

    Raises:
        ScoringFailed: the body did not end in time.
    """
    ended, late, started = threading.Event(), threading.Event(), threading.Event()
    watcher = threading.Thread(target=_watch, args=(spark, done, timeout_s, ended, late, started), daemon=True)
    watcher.start()
    try:
        yield
    except Exception as error:
        if not late.is_set():
            raise
        do = "Raise scoring_timeout_s, or give Spark more executors."
        found = f"{done.value} rows scored by then"
        if not started.is_set():
            found, do = "no executor had started by then", "See whether the executors' pods find room on the nodes."
        raise ScoringFailed(expected=f"an end within {timeout_s:g} s", found=found, where="Spark", do=do) from error
    finally:
        ended.set()
        watcher.join()


def _watch(
    spark: SparkSession,
    done: Any,
    timeout_s: float,
    ended: threading.Event,
    late: threading.Event,
    started: threading.Event,
) -> None:
    began = time.monotonic()
    context = spark.sparkContext
    while not ended.wait(min(INTERVAL_S, max(AGAIN_S, began + timeout_s - time.monotonic()))):
        seconds = time.monotonic() - began
        if not started.is_set() and _has_executors(context):
            started.set()
        if seconds >= timeout_s:
            late.set()
            context.cancelAllJobs()  # and again: the next one may just begin
            continue
        tracker = context.statusTracker()
        stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        tasks = ", ".join(f"{stage.numCompletedTasks} of {stage.numTasks} tasks" for stage in stages if stage)
        log.info("%.0f s: %d rows scored%s", seconds, done.value, f"; {tasks}" if tasks else "")


def _has_executors(context: Any) -> bool:
    """Spark counts the driver among them; on one machine that is the executor."""
    return bool(context.master.startswith("local") or context._jsc.sc().getExecutorMemoryStatus().size() > 1)
