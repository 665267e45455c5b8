"""LocalSpark: the scoring job on this machine, `local[*]`, in a session of its own."""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import components
from components.contracts import ScoreReport, ScoringJob
from components.platforms.local.environment import environment
from components.platforms.local.java import (
    COLLECTOR,
    QUICK_COMPILER,
    ClassArchive,
    cache_directory,
    find_java,
    write_launcher,
)
from components.platforms.local.staging import on_local_files
from components.rows.sample import list_files
from model.errors import ScoringFailed
from model.storage import canonical_uri

log = logging.getLogger(__name__)

#: Where `components` and `model` are imported from: the project, or what a step carries.
CODE = Path(components.__path__[0]).resolve().parent
#: What goes wrong comes as an exception, whose words are logged; Spark's own log would say it five times.
_LOG4J = """
rootLogger.level = off
rootLogger.appenderRef.stderr.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
logger.spark.name = org.apache.spark
logger.spark.level = off
"""
#: Rows of so many bytes are scored within the time that the thorough compiler would take to pay off.
QUICK_BYTES = 16 << 20
#: Seconds that the JVM has to write its archive and exit.
_EXIT_S = 60


class LocalSpark:
    """A ScoringBackend for one machine."""

    def run(self, job: ScoringJob, *, run_id: str) -> ScoreReport:
        """Runs the job to its end. gs:// is staged through local files, since this Spark has no connector for it.

        Raises:
            RowsMismatch: the rows do not fit the signature.
            ScoringFailed: there is no Java, or Spark failed, with the cause.
        """
        job = replace(job, rows_uri=canonical_uri(job.rows_uri), predictions_uri=canonical_uri(job.predictions_uri))
        log.info("scoring %s with Spark on this machine", job.rows_uri)
        return on_local_files(job, _run)


def _run(job: ScoringJob) -> ScoreReport:
    rows_bytes = sum(Path(path).stat().st_size for path in list_files(job.rows_uri))
    with local_session(quick=rows_bytes <= QUICK_BYTES) as spark:
        from components.scoring.job import run

        return run(spark, job)


@contextlib.contextmanager
def local_session(*, quick: bool = True) -> Iterator[Any]:
    """A SparkSession, and the end of it with all that it left on disk. quick: for a job of seconds.

    Raises:
        ScoringFailed: there is no Java, or it does not start.
    """
    from pyspark import __version__
    from pyspark.find_spark_home import _find_spark_home

    java = find_java(os.environ)
    archive = ClassArchive(
        cache_directory(os.environ), java, spark_home=Path(_find_spark_home()), spark_version=__version__
    )
    with tempfile.TemporaryDirectory(prefix="savedmodel-release-spark-", ignore_cleanup_errors=True) as directory:
        scratch = Path(directory)
        with environment({"JAVA_HOME": str(write_launcher(java, scratch)), **_worker_environment()}):
            spark = _start(scratch, archive, quick=quick)
            try:
                yield spark
            finally:
                _stop(spark, archive)


def _worker_environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(CODE), os.environ.get("PYTHONPATH"))))
    return {
        "PYTHONPATH": path,
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LAUNCHER_OPTS": f"{COLLECTOR} {QUICK_COMPILER}",
    }


def _start(scratch: Path, archive: ClassArchive, *, quick: bool) -> Any:
    from pyspark.errors import PySparkRuntimeError

    try:
        return _session(scratch, archive, quick=quick)
    except PySparkRuntimeError as error:
        if not archive.exists:
            raise _not_started(error) from error
        archive.discard()
    try:
        return _session(scratch, archive, quick=quick)
    except PySparkRuntimeError as error:
        raise _not_started(error) from error


def _not_started(error: Exception) -> ScoringFailed:
    do = "The step's log holds Java's own words."
    return ScoringFailed(expected="Spark to start", found=str(error).splitlines()[0], where="this machine", do=do)


def _session(scratch: Path, archive: ClassArchive, *, quick: bool) -> Any:
    from pyspark.sql import SparkSession

    from components.scoring.reading import session_settings

    settings = {**session_settings(), **_settings(scratch, archive, quick=quick)}
    builder = SparkSession.builder.master("local[*]").appName("score_batch")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _settings(scratch: Path, archive: ClassArchive, *, quick: bool) -> dict[str, str]:
    log4j = scratch / "log4j2.properties"
    log4j.write_text(_LOG4J, encoding="utf-8")
    options = [COLLECTOR, *([QUICK_COMPILER] if quick else []), *archive.options()]
    options += [f"-Dlog4j2.configurationFile={log4j}", f"-Djava.io.tmpdir={scratch}"]
    return {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": " ".join(options),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(scratch / "local"),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.adaptive.enabled": "false",  # it plans anew what is small here
        "spark.sql.shuffle.partitions": str(os.cpu_count() or 1),
        "spark.sql.files.maxPartitionBytes": "16m",  # several tasks a core, so that progress can be told
        "spark.sql.files.openCostInBytes": "64k",
    }


def _stop(spark: Any, archive: ClassArchive) -> None:
    """Ends session and JVM, so that the next session starts one of its own."""
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    spark.stop()
    SparkContext._gateway = SparkContext._jvm = None
    if gateway is None:
        return
    gateway.shutdown()
    if archive.exists:
        gateway.proc.kill()  # what it leaves lies in our own directory
    gateway.proc.stdin.close()  # upon which it ends, after writing its archive
    gateway.proc.wait(timeout=_EXIT_S)
    archive.keep()
