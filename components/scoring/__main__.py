"""python -m components.scoring JOB.json REPORT.json: a job on the Spark that the environment gives."""

import logging
import sys
from pathlib import Path

from components.contracts import ScoringJob
from components.scoring.job import run
from model.errors import ReleaseError


def main(job_file: str, report_file: str) -> int:
    from pyspark.sql import SparkSession

    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    spark = SparkSession.builder.getOrCreate()
    try:
        report = run(spark, ScoringJob.from_json(Path(job_file).read_text(encoding="utf-8")))
    except ReleaseError as error:
        Path(report_file).write_text(error.to_json(), encoding="utf-8")
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    finally:
        spark.stop()
    Path(report_file).write_text(report.to_json(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m components.scoring JOB.json REPORT.json")
    sys.exit(main(sys.argv[1], sys.argv[2]))
