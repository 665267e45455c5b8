"""What a job that does not end in time is said to have done."""

import subprocess
import sys

#: A cluster of one master, to which no worker comes.
SCRIPT = """
from pyspark import SparkContext
from pyspark.sql import SparkSession
from components.scoring.progress import watched
from model.errors import ScoringFailed
SparkContext._ensure_initialized()
java = SparkContext._jvm.org.apache.spark
master = java.deploy.master.Master.startRpcEnvAndEndpoint("127.0.0.1", 0, 0, java.SparkConf())
builder = SparkSession.builder.master(f"spark://127.0.0.1:{master._1().address().port()}")
settings = {"spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1"}
spark = builder.config(map=settings).getOrCreate()
try:
    with watched(spark, spark.sparkContext.accumulator(0), timeout_s=1):
        spark.range(3).count()
except ScoringFailed as error:
    print("found:", error.found, flush=True)
"""


def test_where_no_executor_started_that_is_told_rather_than_how_many_rows_were_done() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=120)

    assert "found: no executor had started by then" in done.stdout, done.stderr
