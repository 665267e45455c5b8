"""One scoring job, on whatever Spark it is given.

Rows are read, sent to the model once, and written with its answers to a directory beside the result; what is counted
and measured, and both results, come from there. So every row ends in exactly one of the two, whatever is computed
twice.
"""

import contextlib
import logging
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.types import StructType

from components.contracts import ScoreReport, ScoringJob
from components.rows.columns import check_inputs
from components.scoring.batches import BatchScorer
from components.scoring.columns import check_clashes, check_output, spark_type, typed_inputs, wanted_outputs
from components.scoring.failures import explained
from components.scoring.hadoop import HadoopFiles, literal
from components.scoring.metrics import Roles, measure, roles
from components.scoring.progress import watched
from components.scoring.reading import RAGGED, Rows, read_rows, session_settings
from model.errors import RowsMismatch
from model.signature import TensorSpec

log = logging.getLogger(__name__)

#: Where a job writes before it is whole; what a killed one left is removed by a job a day later.
_STAGED, LEFTOVER_S = ".scoring-", 24 * 3600.0
#: Written last: where it stands, both results are this job's and whole.
REPORT = "score_report.json"
#: Reasons that the report lists.
MAX_REASONS = 20


@dataclass(frozen=True)
class _Plan:
    """written: the outputs that become columns of the result; `outputs` are those and what only metrics need."""

    job: ScoringJob
    rows: Rows
    written: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    roles: Roles | None

    @property
    def typed(self) -> tuple[TensorSpec, ...]:
        return typed_inputs(self.job.signature, text=self.rows.text)


def run(spark: SparkSession, job: ScoringJob) -> ScoreReport:
    """Scores the rows and writes `predictions`, `failed_rows` and the returned `score_report.json` below
    `job.predictions_uri`.

    Raises:
        RowsMismatch: the rows do not fit the signature, or the outputs do not fit the rows.
        InvalidValue: a parameter names what is not there.
        PredictionFailed: the server is gone, or refuses whoever asks.
        ScoringFailed: Spark failed, or did not end in time.
    """
    began = time.monotonic()
    for name, value in session_settings().items():
        spark.conf.set(name, value)
    root = job.predictions_uri.rstrip("/")
    staged = f"{root}/{_STAGED}{int(time.time())}-{uuid.uuid4().hex[:12]}"
    files = HadoopFiles(spark)
    with explained(root):
        files.delete_older(root, prefix=_STAGED, age_s=LEFTOVER_S)
    with explained(job.rows_uri):
        plan = _plan(spark, job)
    with explained(root), temporary(staged, files):
        report = _score(spark, plan, staged=staged)
        files.delete(f"{root}/{REPORT}")
        for name in ("predictions", "failed_rows"):
            files.replace(f"{staged}/{name}", f"{root}/{name}")
    log.info("%d rows scored, %d failed: %s", report.rows, report.failed_rows, root)
    report = replace(
        report,
        predictions_uri=f"{root}/predictions",
        failed_rows_uri=f"{root}/failed_rows",
        seconds=round(time.monotonic() - began, 3),
    )
    with explained(root):
        files.write(f"{root}/{REPORT}", report.to_json().encode())
    return report


@contextlib.contextmanager
def temporary(directory: str, files: HadoopFiles) -> Iterator[None]:
    """Deletes the directory in the end. Where the body fails, that is the error, whatever becomes of the directory."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(Py4JError, OSError):
            files.delete(directory)
        raise
    files.delete(directory)


def _plan(spark: SparkSession, job: ScoringJob) -> _Plan:
    """Everything that can be wrong with the job is found here, before anything is written."""
    check_inputs(job.signature)
    written = wanted_outputs(job)
    rows = read_rows(spark, job.rows_uri, job.signature)
    check_clashes(rows.names, written, where=job.rows_uri)
    if not job.label_column:
        return _Plan(job, rows, written, written, roles=None)
    if job.label_column not in rows.names:
        found, do = f"columns {', '.join(map(repr, rows.names))}", "Set label_column to one, or leave it empty."
        expected = f"the label column {job.label_column!r}"
        raise RowsMismatch(expected=expected, found=found, where=job.rows_uri, do=do)
    needed = roles(job, job.signature.outputs if job.prediction_output or job.score_output else written)
    more = tuple(spec for spec in needed.outputs if spec not in written)
    for spec in more:
        check_output(spec, signature=job.signature)
    return _Plan(job, rows, written, (*written, *more), roles=needed)


def _score(spark: SparkSession, plan: _Plan, *, staged: str) -> ScoreReport:
    done = spark.sparkContext.accumulator(0)
    scorer = BatchScorer(plan.job, plan.rows.names, plan.rows.text, plan.outputs, done)
    schema = _staged_schema(plan)
    with watched(spark, done, timeout_s=plan.job.timeout_s):
        plan.rows.frame.mapInArrow(scorer, schema).write.parquet(f"{staged}/all")
        scored = spark.read.schema(schema).parquet(literal(f"{staged}/all"))
        report = _counted(scored, called=plan.job.invoke_endpoint)
        good = scored.where(f.col("error").isNull())
        good.select(*_result_columns(plan)).write.parquet(f"{staged}/predictions")
        failed = scored.where(f.col("error").isNotNull())
        failed.select(*_failed_columns(plan.rows.names)).write.parquet(f"{staged}/failed_rows")
        if plan.roles is None or not report.called:
            return report
        return measure(report, good, job=plan.job, roles=plan.roles, columns=_places(plan))


def _staged_schema(plan: _Plan) -> StructType:
    own = [field for field in plan.rows.frame.schema if field.name != RAGGED]
    columns = [f"t{index} {spark_type(spec)}" for index, spec in enumerate(plan.typed)]
    columns += [f"o{index} {spark_type(spec)}" for index, spec in enumerate(plan.outputs)]
    return StructType([*own, *StructType.fromDDL(", ".join([*columns, "error string"]))])


def _result_columns(plan: _Plan) -> list[Column]:
    """The rows' own columns, then one for each output."""
    typed = {spec.name: f"t{index}" for index, spec in enumerate(plan.typed)}
    own = [f.col(typed.get(name, f"c{index}")).alias(name) for index, name in enumerate(plan.rows.names)]
    return own + [f.col(f"o{index}").alias(spec.name) for index, spec in enumerate(plan.written)]


def _failed_columns(names: Sequence[str]) -> list[Column]:
    """The rows' own columns as they came, then `error` (`error_` where the rows have such a column)."""
    error = "error"
    while error in names:
        error += "_"
    return [*(f.col(f"c{index}").alias(name) for index, name in enumerate(names)), f.col("error").alias(error)]


def _places(plan: _Plan) -> dict[str, str]:
    """Label column and outputs -> column of what is staged."""
    label = plan.job.label_column
    typed = {spec.name: f"t{index}" for index, spec in enumerate(plan.typed)}
    places = {spec.name: f"o{index}" for index, spec in enumerate(plan.outputs)}
    return {**places, label: typed.get(label, f"c{plan.rows.names.index(label)}")}


def _counted(scored: DataFrame, *, called: bool) -> ScoreReport:
    """Rows, failed rows, and the most frequent reasons: what stands before the value that was found."""
    rows, failed = scored.agg(f.count(f.lit(1)), f.count("error")).collect()[0]
    reasons: dict[str, int] = {}
    if failed:
        rule = f.substring_index("error", "; found ", 1)
        counts = scored.where(f.col("error").isNotNull()).groupBy(rule.alias("rule")).count()
        reasons = {row[0]: row[1] for row in counts.orderBy(f.desc("count"), "rule").limit(MAX_REASONS).collect()}
    return ScoreReport("", "", rows, failed, seconds=0.0, called=called, failure_reasons=reasons)
