"""One Spark and one model server for all tests of scoring."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from components.contracts import ScoreReport, ScoringJob
from components.platforms.local.spark import local_session
from components.scoring.job import run
from model.prediction_client import open_client
from model.server.config import ServedModel
from model.signature import Signature
from tests import exports
from tests.components.scoring import picky_exports
from tests.servers import RunningServer, base_path, running_model_server

#: PySpark leaves the closing of its own sockets to the garbage collector.
PYSPARK_LEAVES_SOCKETS = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]

SERVED = (
    exports.retail_propensity,
    exports.every_dtype,
    exports.vectors,
    exports.keras_model,
    exports.unknown_rank,
    exports.scalar_output,
    exports.several_signatures,
    picky_exports.refuses_thirteen,
    picky_exports.answers_less,
    picky_exports.open_lengths,
    picky_exports.bytes_that_are_no_text,
    picky_exports.classes,
)


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    with local_session() as session:
        yield session


@pytest.fixture(scope="session")
def served(
    built: Callable[[Callable[[Path], Path]], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    directory = tmp_path_factory.mktemp("served")
    models = [ServedModel(build.__name__, base_path(directory / build.__name__, {1: built(build)})) for build in SERVED]
    with running_model_server(directory, models) as server:
        yield server


@dataclass(frozen=True)
class Scored:
    """A finished job: its report, and the rows of both results."""

    report: ScoreReport
    predictions: list[dict[str, Any]]
    failed: list[dict[str, Any]]
    schema: dict[str, str]


@dataclass(frozen=True)
class Scoring:
    """Runs jobs against the models of `served`."""

    spark: Any
    server: RunningServer
    directory: Path

    def signature(self, model: str) -> Signature:
        with open_client(self.server.endpoint(model)) as client:
            return client.metadata()

    def job(self, model: str, rows: str | Path, **changes: Any) -> ScoringJob:
        path = str(rows)
        if "\n" in path:
            (self.directory / "rows.csv").write_text(path)
            path = str(self.directory / "rows.csv")
        endpoint = self.server.endpoint(model).to_json()
        job = ScoringJob(path, str(self.directory / "scored"), self.signature(model), endpoint, timeout_s=240)
        return replace(job, **changes)

    def __call__(self, model: str, rows: str | Path, **changes: Any) -> Scored:
        report = run(self.spark, self.job(model, rows, **changes))
        predictions, failed = pq.read_table(report.predictions_uri), pq.read_table(report.failed_rows_uri)
        assert report.rows == predictions.num_rows + failed.num_rows
        assert report.failed_rows == failed.num_rows
        schema = {field.name: str(field.type) for field in predictions.schema}
        return Scored(report, predictions.to_pylist(), failed.to_pylist(), schema)


@pytest.fixture
def score(spark: Any, served: RunningServer, tmp_path: Path) -> Scoring:
    return Scoring(spark, served, tmp_path)
