"""Metrics against plain computations of the same."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.contracts import ScoreReport, ScoringJob
from components.scoring import metrics
from components.scoring.metrics import Roles, curve, measure, roles, thinned
from model.errors import InvalidValue, RowsMismatch
from model.sample import retail
from model.signature import Signature, TensorSpec
from tests.components.scoring.conftest import PYSPARK_LEAVES_SOCKETS, Scoring

pytestmark = PYSPARK_LEAVES_SOCKETS

SCORE = TensorSpec("score", "float64", (-1,))


def job(outputs: tuple[TensorSpec, ...], **changes: Any) -> ScoringJob:
    signature = Signature("serving_default", "", (TensorSpec("x", "float32", (-1,)),), outputs)
    return replace(ScoringJob("rows", "out", signature, "", label_column="label"), **changes)


def exact_auc(scores: Any, positive: Any) -> float:
    """The share of pairs in the right order, a tie being half of one."""
    scores, positive = np.asarray(scores, float), np.asarray(positive, bool)
    ranks = np.searchsorted(np.sort(scores), scores, "left") + np.searchsorted(np.sort(scores), scores, "right") + 1
    plus, minus = positive.sum(), (~positive).sum()
    return float((ranks[positive].sum() / 2 - plus * (plus + 1) / 2) / (plus * minus))


@pytest.mark.parametrize("distinct", [2, 7, 100_000])
def test_the_area_under_the_curve_is_the_share_of_pairs_in_order(distinct: int) -> None:
    random = np.random.default_rng(distinct)
    scores = random.integers(0, distinct, 500)
    positive = random.random(500) < scores / distinct
    steps = [
        (float(s), int((positive & (scores == s)).sum()), int((~positive & (scores == s)).sum())) for s in set(scores)
    ]

    auc, roc = curve(steps)

    assert auc == pytest.approx(exact_auc(scores, positive), abs=1e-12)
    assert roc is not None
    assert (roc.fpr[0], roc.tpr[0], roc.fpr[-1], roc.tpr[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(roc.tpr, roc.fpr) == pytest.approx(auc, abs=5e-3)
    assert all(np.isfinite(roc.thresholds))


def test_a_tie_counts_half() -> None:
    assert curve([(0.5, 10, 10)])[0] == 0.5
    assert curve([(0.9, 1, 0), (0.1, 0, 1)])[0] == 1.0


def test_labels_of_one_kind_have_no_curve() -> None:
    assert curve([(0.1, 3, 0), (0.2, 4, 0)]) == (None, None)
    assert curve([]) == (None, None)


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    points = [(index / 99_999, (index / 99_999) ** 0.3, -index) for index in range(100_000)]

    shown = thinned(points)

    assert len(shown) <= metrics.MAX_POINTS
    assert (shown[0], shown[-1]) == (points[0], points[-1])
    assert max(b[0] + b[1] - a[0] - a[1] for a, b in itertools.pairwise(shown)) < 0.05


def measured(score: Scoring, columns: dict[str, Any], chosen: Roles, *, rows: int, **changes: Any) -> ScoreReport:
    path = score.directory / "scored.parquet"
    pq.write_table(pa.table(columns), path)
    report = ScoreReport("", "", rows, 0, 1.0)
    names = {"label": "label", "score": "score", "predicted": "predicted"}
    frame = score.spark.read.parquet(str(path))
    return measure(report, frame, job=job((SCORE,), **changes), roles=chosen, columns=names)


@pytest.mark.parametrize("imbalance", [0.5, 0.002])
def test_more_distinct_scores_than_the_driver_takes_are_binned_within_a_thousandth(
    score: Scoring, imbalance: float
) -> None:
    random = np.random.default_rng(1)
    positive = random.random(60_000) < imbalance
    scores = np.where(random.random(60_000) < 0.3, 0.25, random.normal(positive * 0.7, 1.0))
    columns = {"label": np.where(positive, "1", "0"), "score": scores}

    report = measured(score, columns, Roles(score=SCORE), rows=60_000)

    assert len(set(scores)) > metrics.MAX_DISTINCT
    assert report.auc == pytest.approx(exact_auc(scores, positive), abs=1e-3)
    assert report.accuracy == pytest.approx(((scores >= 0.5) == positive).mean(), abs=1e-12)
    assert report.confusion is not None
    assert sum(map(sum, report.confusion.counts)) == 60_000


def test_unlabelled_rows_and_scores_that_are_no_number_do_not_count(score: Scoring) -> None:
    columns = {"label": ["1", "0", None, "", " 1.0 "], "score": [0.9, float("nan"), 0.3, 0.2, 0.8]}

    report = measured(score, columns, Roles(score=SCORE), rows=5)

    assert report.labelled_rows == 3
    assert report.auc is None
    assert report.confusion is not None
    assert report.confusion.labels == ("0", "1")


def test_no_labels_no_metrics(score: Scoring) -> None:
    report = measured(score, {"label": ["", None], "score": [0.1, 0.2]}, Roles(score=SCORE), rows=2)

    assert (report.labelled_rows, report.accuracy, report.auc, report.confusion) == (0, None, None, None)


def test_many_labels_have_an_accuracy_and_no_matrix(score: Scoring) -> None:
    labels = [str(index % 60) for index in range(6000)]
    predicted = [str(index % 60 if index % 4 else 0) for index in range(6000)]
    spec = TensorSpec("predicted", "string", (-1,))

    report = measured(score, {"label": labels, "predicted": predicted}, Roles(spec), rows=6000)

    right = sum(a == b for a, b in zip(labels, predicted, strict=True))
    assert report.accuracy == right / 6000
    assert report.confusion is None


def test_a_model_of_several_classes(score: Scoring) -> None:
    scored = score("classes", "x,label\n0,0\n1,1\n2,2\n2,1\n", label_column="label")

    assert scored.report.accuracy == 0.75
    assert scored.report.confusion is not None
    assert scored.report.confusion.labels == ("0", "1", "2")
    assert scored.report.confusion.counts == ((1, 0, 0), (0, 1, 1), (0, 0, 1))
    assert scored.report.auc is None


def test_one_class_of_several_can_be_the_positive_one(score: Scoring) -> None:
    rows = "x,label\n0,0\n1,1\n2,2\n2,1\n"

    scored = score("classes", rows, label_column="label", score_index=2, positive_label="2")

    assert scored.report.auc == pytest.approx(exact_auc([0.1, 0.1, 0.9, 0.9], [False, False, True, False]))


def test_so_many_labels_that_they_are_not_counted_in_pairs_are_compared_alike(score: Scoring) -> None:
    numbers = range(3000)
    spec = TensorSpec("predicted", "string", (-1,))
    table = {"label": [f"{n}.0" for n in numbers], "predicted": [str(n if n % 3 else n + 1) for n in numbers]}

    assert measured(score, table, Roles(spec), rows=3000).accuracy == 2 / 3


def test_a_single_score_stands_for_the_positive_label_from_a_half_on(score: Scoring) -> None:
    rows = "".join(f'"[{x}, 0, 0, 0]",{label}\n' for x, label in ((3, "yes"), (-3, "no"), (2, "no"), (-1, "no")))

    scored = score("keras_model", f"features,bought\n{rows}", label_column="bought", positive_label="yes")

    assert scored.report.accuracy == 0.75
    assert scored.report.auc == 1.0
    assert scored.report.confusion is not None
    assert scored.report.confusion.labels == ("no", "yes")
    assert scored.report.confusion.counts == ((2, 1), (0, 1))


def test_the_outputs_for_metrics_need_not_be_written(score: Scoring, visits: Path) -> None:
    probs = f"{retail.LABEL}_probs"
    every = score("retail_propensity", visits, label_column=retail.LABEL)

    one = score(
        "retail_propensity",
        visits,
        label_column=retail.LABEL,
        outputs=(probs,),
        score_output=probs,
        prediction_output=f"predicted_{retail.LABEL}",
    )

    assert (one.report.auc, one.report.accuracy) == (every.report.auc, every.report.accuracy)
    assert [name for name in one.schema if "predicted" in name or "values" in name] == []


PROBS = TensorSpec("label_probs", "float64", (-1, 2))
VALUES = TensorSpec("label_values", "string", (-1, 2))
PREDICTED = TensorSpec("predicted_label", "string", (-1, 1))
OTHER = TensorSpec("other", "float32", (-1, 3))


@pytest.mark.parametrize(
    ("outputs", "changes", "expected"),
    [
        ((PROBS, VALUES, PREDICTED), {}, Roles(PREDICTED, PROBS, -1, VALUES)),
        ((PROBS, PREDICTED), {}, Roles(PREDICTED, PROBS, 1)),
        ((PROBS, PREDICTED), {"positive_label": "0"}, Roles(PREDICTED, PROBS, 0)),
        ((PROBS, VALUES, PREDICTED), {"score_index": 1}, Roles(PREDICTED, PROBS, 1)),
        ((PREDICTED, OTHER), {}, Roles(PREDICTED)),
        ((SCORE,), {}, Roles(score=SCORE)),
        ((OTHER,), {}, Roles(OTHER)),
        ((OTHER,), {"score_index": 2}, Roles(OTHER, OTHER, 2)),
        ((SCORE, OTHER), {"score_output": "score"}, Roles(score=SCORE)),
        ((SCORE, OTHER), {"prediction_output": "other"}, Roles(OTHER)),
    ],
)
def test_which_output_is_what(outputs: tuple[TensorSpec, ...], changes: dict[str, Any], expected: Roles) -> None:
    assert roles(job(outputs, **changes), outputs) == expected


@pytest.mark.parametrize(
    ("outputs", "changes", "words"),
    [
        ((SCORE, OTHER), {}, "Set prediction_output"),
        ((VALUES,), {}, "Set prediction_output"),
        ((PROBS, PREDICTED), {"positive_label": "yes"}, "Set score_index"),
        ((SCORE,), {"score_output": "none"}, "score_output: expected one of the outputs score"),
        ((PROBS, PREDICTED), {"score_index": 2}, "score_index"),
        ((PREDICTED,), {"score_output": "predicted_label"}, "score of floats"),
    ],
)
def test_what_cannot_be_told_is_asked_for(outputs: tuple[TensorSpec, ...], changes: dict[str, Any], words: str) -> None:
    with pytest.raises((RowsMismatch, InvalidValue), match=words):
        roles(job(outputs, **changes), outputs)
