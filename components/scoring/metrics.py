"""Accuracy, confusion matrix and ROC curve of scored rows, by Spark's own aggregation: no row reaches the driver.

which outputs count                                 predicted label        score
prediction_output, score_output                     as given               as given
predicted_<label>, <label>_probs, <label>_values    the first              probs where values = positive_label
a single float output of shape (-1) or (-1, 1)      score >= 0.5           the output
a single float output of shape (-1, k)              index of the largest   k = 2: [1] for label 1, [0] for label 0
"""

import logging
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as f

from components.contracts import ConfusionMatrix, RocCurve, ScoreReport, ScoringJob
from components.scoring.columns import depth
from model import dtypes
from model.errors import InvalidValue, RowsMismatch
from model.signature import TensorSpec

log = logging.getLogger(__name__)

#: label, predicted label (None for `not the positive one`), rows
Pair = tuple[str, str | None, int]
#: score, rows with the positive label, rows with another
Step = tuple[float, int, int]

THRESHOLD = 0.5
#: A whole number as floats are written.
_WHOLE = r"^(-?[0-9]+)\.0+$"
MAX_LABELS = 50
MAX_POINTS = 200
#: Rows whose distinct scores the driver takes for an exact curve. Those of more rows are put into BINS of like size, as
#: a sample tells, which moves the area by about 1 / BINS.
MAX_DISTINCT, BINS, SAMPLED = 10_000, 4_000, 200_000


@dataclass(frozen=True)
class Roles:
    """Which output is what. `predicted` and `score` may be None: predicted labels then come from the score, or there is
    no curve. position: of the score in its output; -1 if `values` holds the labels in the order of the scores."""

    predicted: TensorSpec | None = None
    score: TensorSpec | None = None
    position: int = 0
    values: TensorSpec | None = None

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return tuple(spec for spec in (self.predicted, self.score, self.values) if spec)


def roles(job: ScoringJob, outputs: Sequence[TensorSpec]) -> Roles:
    """Which outputs tell the predicted label and the score.

    Raises:
        InvalidValue: a parameter names an output that is not there.
        RowsMismatch: it cannot be told.
    """
    by_name = {spec.name: spec for spec in outputs}
    predicted = _named(job.prediction_output, by_name, parameter="prediction_output")
    predicted = predicted or by_name.get(f"predicted_{job.label_column}")
    score = _named(job.score_output, by_name, parameter="score_output") or by_name.get(f"{job.label_column}_probs")
    if predicted is None and score is None:
        return _by_shape(job, outputs)
    if score is None:
        return Roles(predicted)
    if score.dtype not in dtypes.FLOATS or depth(score) > 1:
        raise _unclear(outputs, f"a score of floats, one or one list a row; found {score}")
    values = by_name.get(f"{score.name.removesuffix('_probs')}_values")
    return _positioned(job, Roles(predicted, score, values=values))


def _named(name: str, by_name: dict[str, TensorSpec], *, parameter: str) -> TensorSpec | None:
    if name and name not in by_name:
        raise InvalidValue(
            expected=f"one of the outputs {', '.join(by_name)}",
            found=repr(name),
            where=parameter,
            do="Name an output of the signature; if outputs is set, it must be among those.",
        )
    return by_name.get(name)


def _by_shape(job: ScoringJob, outputs: Sequence[TensorSpec]) -> Roles:
    floats = [spec for spec in outputs if spec.dtype in dtypes.FLOATS and depth(spec) <= 1]
    if len(floats) != 1:
        raise _unclear(outputs, "a single float output")
    spec = floats[0]
    if width(spec) == 1:
        return Roles(score=spec)
    roles = Roles(predicted=spec)
    if job.score_index < 0 and (width(spec) != 2 or job.positive_label not in ("0", "1")):
        return roles
    return _positioned(job, replace(roles, score=spec))


def _positioned(job: ScoringJob, roles: Roles) -> Roles:
    """Finds where in its output the score is.

    Raises:
        InvalidValue: `score_index` is none of its positions.
        RowsMismatch: nothing tells.
    """
    wide = width(roles.score) if roles.score else 1
    if job.score_index >= 0:
        if wide >= 0 and job.score_index >= wide:
            raise InvalidValue(
                expected=f"a position in output {roles.score}", found=str(job.score_index), where="score_index"
            )
        return replace(roles, position=job.score_index, values=None)
    if wide == 1:
        return replace(roles, values=None)
    if roles.values is not None:
        return replace(roles, position=-1)
    if wide == 2 and job.positive_label in ("0", "1"):
        return replace(roles, position=int(job.positive_label))
    raise RowsMismatch(
        expected=f"the position of the probability of label {job.positive_label!r}",
        found=f"output {roles.score}, and no output of its labels",
        where="the model's outputs",
        do="Set score_index.",
    )


def width(spec: TensorSpec) -> int:
    """Values in a row of an output of depth 0 or 1; -1 where that is open."""
    return 1 if depth(spec) == 0 else (spec.shape[1] if spec.shape else -1)


def _unclear(outputs: Sequence[TensorSpec], expected: str) -> RowsMismatch:
    return RowsMismatch(
        expected=f"outputs that tell the predicted label: {expected}",
        found="; ".join(map(str, outputs)) or "none",
        where="the model's outputs",
        do="Set prediction_output, or score_output and score_index; or leave label_column empty to do without metrics.",
    )


def measure(
    report: ScoreReport, scored: DataFrame, *, job: ScoringJob, roles: Roles, columns: dict[str, str]
) -> ScoreReport:
    """The report with its metrics.

    scored: the rows that did not fail. columns: name of the label column or of an output -> column of `scored`.
    """
    label = f.trim(f.col(columns[job.label_column]).cast("string"))
    score = _score(job, roles, columns)
    facts = scored.where(label.isNotNull() & (label != "")).select(
        label.alias("label"),
        _predicted(job, roles, columns, score).alias("predicted"),
        (f.lit(None).cast("double") if score is None else score).alias("score"),
        label.isin(job.positive_label, f"{job.positive_label}.0").alias("positive"),
    )
    few = report.rows <= MAX_DISTINCT
    pairs, steps = _counts_of_few(facts) if few else _counts_of_many(facts, rows=report.rows)
    if not pairs:
        log.info("no row of column %s holds a label: no metrics", job.label_column)
        return report
    if len(pairs) > MAX_LABELS**2:
        report = _accuracy_alone(report, facts, positive=canonical(job.positive_label))
    else:
        report = _with_confusion(report, pairs, positive=job.positive_label)
    auc, roc = curve(steps)
    if auc is None:
        log.info("%s: no ROC curve", "all labels are of one kind" if steps else "no row has a score")
    return replace(report, auc=auc, roc=roc)


def _counts_of_few(facts: DataFrame) -> tuple[list[Pair], list[Step]]:
    """In one query: there are no more groups than rows."""
    pairs: Counter[tuple[str, str | None]] = Counter()
    positives: Counter[float] = Counter()
    negatives: Counter[float] = Counter()
    for label, predicted, score, positive, count in facts.groupBy(*facts.columns).count().collect():
        pairs[label, predicted] += count
        if score is not None and not math.isnan(score):
            (positives if positive else negatives)[score] += count
    steps = [(score, positives[score], negatives[score]) for score in positives | negatives]
    return [(*pair, count) for pair, count in pairs.items()], steps


def _counts_of_many(facts: DataFrame, *, rows: int) -> tuple[list[Pair], list[Step]]:
    """At most MAX_LABELS² + 1 pairs, and BINS steps."""
    pairs = facts.groupBy("label", "predicted").count().limit(MAX_LABELS**2 + 1).collect()
    known = facts.select("score", "positive").where(f.col("score").isNotNull() & ~f.isnan("score"))
    some = known.sample(fraction=min(1.0, SAMPLED / rows), seed=36)
    edges = some.agg(f.percentile_approx("score", [i / BINS for i in range(BINS)], 10 * BINS)).collect()[0][0]
    positives = f.count(f.when(f.col("positive"), 1)).alias("positives")
    negatives = f.count(f.when(~f.col("positive"), 1)).alias("negatives")
    binned = known.mapInArrow(Binning(tuple(sorted(set(edges or ())))), known.schema)
    steps = binned.groupBy("score").agg(positives, negatives).collect() if edges else []
    return [(row[0], row[1], row[2]) for row in pairs], [(row[0], row[1], row[2]) for row in steps]


def canonical(label: str) -> str:
    """Labels are compared as text; `1.0` is `1`."""
    return re.sub(_WHOLE, r"\1", label)


def _first(column: Column, spec: TensorSpec) -> Column:
    return column if depth(spec) == 0 else column[0]


def _score(job: ScoringJob, roles: Roles, columns: dict[str, str]) -> Column | None:
    if roles.score is None:
        return None
    column = f.col(columns[roles.score.name])
    if depth(roles.score) == 0:
        return column.cast("double")
    if roles.values is None:
        return f.get(column, f.lit(roles.position)).cast("double")
    labels = f.col(columns[roles.values.name]).cast("array<string>")
    place = f.array_position(labels, job.positive_label).cast("int") - 1
    return f.get(column, f.when(place >= 0, place)).cast("double")


def _predicted(job: ScoringJob, roles: Roles, columns: dict[str, str], score: Column | None) -> Column:
    """The predicted label; null for `not the positive one`."""
    if roles.predicted is None:
        return f.lit(None) if score is None else f.when(score >= THRESHOLD, f.lit(job.positive_label))
    column = f.col(columns[roles.predicted.name])
    if roles.predicted.dtype == "bool":
        return f.when(_first(column, roles.predicted), f.lit(job.positive_label))
    if width(roles.predicted) == 1:
        return f.trim(_first(column, roles.predicted).cast("string"))
    return (f.array_position(column, f.array_max(column)) - 1).cast("string")


def _accuracy_alone(report: ScoreReport, facts: DataFrame, *, positive: str) -> ScoreReport:
    log.info("more than %d labels: accuracy without a confusion matrix", MAX_LABELS)
    label, predicted = (f.regexp_replace(f.col(name), _WHOLE, "$1") for name in ("label", "predicted"))
    # None predicted: the model says that it is not the positive one.
    right = f.count(f.when(f.coalesce(label == predicted, label != positive), 1))
    total, correct = facts.agg(f.count("label"), right).collect()[0]
    return replace(report, labelled_rows=total, accuracy=correct / total)


def _with_confusion(report: ScoreReport, counted: Sequence[Pair], *, positive: str) -> ScoreReport:
    counted = [(canonical(label), predicted and canonical(predicted), count) for label, predicted, count in counted]
    pairs = list(_two_sided(counted, positive=positive)) if any(row[1] is None for row in counted) else counted
    total = sum(count for _, _, count in pairs)
    correct = sum(count for label, predicted, count in pairs if label == predicted)
    report = replace(report, labelled_rows=total, accuracy=correct / total)
    labels = sorted({str(name) for label, predicted, _ in pairs for name in (label, predicted)}, key=natural)
    if len(labels) > MAX_LABELS:
        log.info("%d labels: no confusion matrix", len(labels))
        return report
    counts = [[0] * len(labels) for _ in labels]
    for label, predicted, count in pairs:
        counts[labels.index(label)][labels.index(str(predicted))] += count
    return replace(report, confusion=ConfusionMatrix(tuple(labels), tuple(map(tuple, counts))))


def _two_sided(counted: Sequence[Pair], *, positive: str) -> Iterator[Pair]:
    """The model says `positive` or not: so all other labels are one, called by its name if there is but one."""
    others = {label for label, _, _ in counted} - {positive}
    other = others.pop() if len(others) == 1 else "0" if positive == "1" and not others else f"not {positive}"
    for label, predicted, count in counted:
        yield (positive if label == positive else other), (other if predicted is None else predicted), count


def natural(label: str) -> tuple[int, float, str]:
    """Numbers by size, before words."""
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", label):
        return (0, float(label), label)
    return (1, 0.0, label)


@dataclass(frozen=True)
class Binning:
    """The function for `mapInArrow` that replaces each score by the edge at or below it."""

    edges: tuple[float, ...]

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        import numpy as np
        import pyarrow as pa

        edges = np.array(self.edges)
        for batch in batches:
            place = np.searchsorted(edges, batch.column(0).to_numpy(), side="right") - 1
            yield pa.RecordBatch.from_arrays(
                [pa.array(edges[place.clip(0)]), batch.column(1)], names=batch.schema.names
            )


def curve(counted: Sequence[Step]) -> tuple[float | None, RocCurve | None]:
    """Area and curve from (score, positives, negatives); None if one kind is missing. Equal scores are one step, so a
    tie counts half. The first threshold, which nothing reaches, is finite, for the sake of JSON."""
    positives, negatives = sum(row[1] for row in counted), sum(row[2] for row in counted)
    if not positives or not negatives:
        return None, None
    falling = sorted(counted, reverse=True)
    points = [(0.0, 0.0, falling[0][0] + 1)]
    area = true = false = 0.0
    for score, plus, minus in falling:
        area += minus * (true + plus / 2)
        true, false = true + plus, false + minus
        points.append((false / negatives, true / positives, score))
    shown = thinned(points)
    return area / positives / negatives, RocCurve(*(tuple(column) for column in zip(*shown, strict=True)))


def thinned(points: Sequence[Any]) -> list[Any]:
    """At most MAX_POINTS of the curve's points, evenly along it, the first and the last among them."""
    if len(points) <= MAX_POINTS:
        return list(points)
    length = [point[0] + point[1] for point in points]  # grows from 0 to 2
    kept = [points[0]]
    for point, along in zip(points[1:-1], length[1:-1], strict=True):
        if along >= 2 * len(kept) / (MAX_POINTS - 1):
            kept.append(point)
    return [*kept, points[-1]]
