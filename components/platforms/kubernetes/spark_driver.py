"""What Spark's driver runs on the cluster. It travels in a ConfigMap, beside the job and the code that it needs."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CODE, JOB = "code.zip", "job.json"
#: The driver's log is the way back: these begin the line that holds the report, or the error.
REPORT_MARK, ERROR_MARK = "savedmodel-release report: ", "savedmodel-release error: "


def main(directory: Path) -> int:
    """Scores the job that lies in `directory`, and writes its report, or why there is none, as the last line."""
    sys.path.insert(0, str(directory / CODE))
    from pyspark.sql import SparkSession

    from components.contracts import ScoringJob
    from components.scoring.job import run
    from model.errors import ReleaseError

    spark = SparkSession.builder.getOrCreate()
    try:
        spark.sparkContext.addPyFile(str(directory / CODE))
        report = run(spark, ScoringJob.from_json((directory / JOB).read_text(encoding="utf-8")))
        sys.stdout.write(f"\n{REPORT_MARK}{report.to_json()}\n")
    except ReleaseError as error:
        sys.stdout.write(f"\n{ERROR_MARK}{error.to_json()}\n")
        return 1
    finally:
        sys.stdout.flush()
        spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(HERE))
