"""A batch through Spark against the loop that posts one row at a time: `python -m benchmarks.bench_scoring`."""

import argparse
import csv
import http.client
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from components.contracts import ScoreReport, ScoringJob
from components.platforms.local.home import Home
from components.platforms.local.platform import LocalPlatform
from components.platforms.local.spark import LocalSpark
from model.endpoint import Endpoint
from model.release_layout import Release
from model.sample.export import export
from model.sample.retail import SIGNATURE
from model.sample.visits import write_visits

ROWS, LOOPED_ROWS = 1_000_000, 2_000


@contextmanager
def served_sample(directory: Path) -> Iterator[Endpoint]:
    """The sample model on a model server of its own."""
    export(directory / "rpm" / "1")
    platform = LocalPlatform(Home.at(directory / "home"), run_id="benchmark")
    release = Release("rpm", 1, "", str(directory / "rpm"))
    try:
        yield platform.deploy_candidate(release, run_id="benchmark", timeout_s=120)
    finally:
        platform.remove_candidate("rpm")


def loop(rows: Path, endpoint: Endpoint, *, count: int) -> float:
    """Seconds for `count` rows, each a POST on a connection of its own, as in the article."""
    address = urlsplit(endpoint.predict_url)
    with rows.open(newline="") as file:
        visits = list(islice(csv.DictReader(file), count))
    began = time.perf_counter()
    for visit in visits:
        instance = {"bounces": [float(visit["bounces"])], "time_on_site": [float(visit["time_on_site"])]}
        connection = http.client.HTTPConnection(address.netloc)
        connection.request("POST", address.path, json.dumps({"instances": [instance]}))
        json.loads(connection.getresponse().read())["predictions"]
        connection.close()
    return time.perf_counter() - began


def score(rows: Path, endpoint: Endpoint, predictions: Path) -> tuple[ScoreReport, float]:
    """The report, and the seconds of the whole step, Spark's start and end among them."""
    job = ScoringJob(
        str(rows), str(predictions), SIGNATURE, endpoint.to_json(), label_column="will_buy_on_return_visit"
    )
    began = time.perf_counter()
    report = LocalSpark().run(job, run_id="benchmark")
    return report, time.perf_counter() - began


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rows to score ({ROWS})")
    rows = parser.parse_args(arguments or []).rows
    with tempfile.TemporaryDirectory() as directory, served_sample(Path(directory)) as endpoint:
        visits = Path(directory, "visits.csv")
        write_visits(visits, rows=max(rows, LOOPED_ROWS))
        looped = min(rows, LOOPED_ROWS)
        extrapolated = loop(visits, endpoint, count=looped) * rows / looped
        score(visits, endpoint, Path(directory, "first"))  # writes the archive of Spark's classes, if there is none
        report, whole = score(visits, endpoint, Path(directory, "second"))
    print(f"\nscoring {rows:,} rows, with metrics      seconds       rows/s")
    print(f"  one POST a row, new connections      {extrapolated:9,.1f} {rows / extrapolated:12,.0f}", end="")
    print(f"   (extrapolated from {looped:,} rows)")
    print(f"  Spark and gRPC, the job              {report.seconds:9,.1f} {rows / report.seconds:12,.0f}")
    print(f"  Spark and gRPC, the whole step       {whole:9,.1f} {rows / whole:12,.0f}")
    print(f"  ratio                                {extrapolated / whole:9,.0f} x   AUC {report.auc:.4f}")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
