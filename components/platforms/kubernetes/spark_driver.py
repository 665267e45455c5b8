"""What Spark's driver runs on the cluster. It travels in a ConfigMap, beside the job and the code that it needs."""

import contextlib
import logging
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CODE, JOB, DIGEST = "code.zip", "job.json", "job.digest"
#: The driver's log is the way back: these begin the line that holds the report, or the error.
REPORT_MARK, ERROR_MARK = "savedmodel-release report: ", "savedmodel-release error: "
#: And this one what a person waits for, among all that Spark itself writes.
PROGRESS_MARK = "savedmodel-release: "


def main(directory: Path) -> int:
    """Scores the job that lies in `directory`, and writes its report, or why there is none, as the last line."""
    sys.path.insert(0, str(directory / CODE))
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format=f"{PROGRESS_MARK}%(message)s")
    logging.getLogger("components").setLevel(logging.INFO)
    from model.errors import ReleaseError

    try:
        _check_version((directory / DIGEST).read_text(encoding="utf-8"))
        sys.stdout.write(f"\n{REPORT_MARK}{_scored(directory)}\n")
    except ReleaseError as error:
        sys.stdout.write(f"\n{ERROR_MARK}{error.to_json()}\n")
        return 1
    finally:
        sys.stdout.flush()
    return 0


def _check_version(expected: str) -> None:
    """Refuses an image that holds the job of another revision than the pipeline's."""
    from components import job_digest
    from model.errors import ScoringFailed

    if (found := job_digest.digest()) != expected:
        raise ScoringFailed(
            expected=f"the scoring job that the pipeline was compiled with ({expected})",
            found=f"another version ({found})",
            where="image of Spark",
            do="Build it and the pipeline from the same revision.",
        )


def _scored(directory: Path) -> str:
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]
    from pyspark.sql import SparkSession

    from components.contracts import ScoringJob
    from components.scoring.failures import explained
    from components.scoring.job import run

    with explained("Spark"):
        spark = SparkSession.builder.getOrCreate()
        try:
            spark.sparkContext.addPyFile(str(directory / CODE))
            return run(spark, ScoringJob.from_json((directory / JOB).read_text(encoding="utf-8"))).to_json()
        finally:
            with contextlib.suppress(Py4JError, OSError):  # a Java that is gone must not hide why it is
                spark.stop()


if __name__ == "__main__":
    sys.exit(main(HERE))
