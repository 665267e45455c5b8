"""gs:// for a Spark without a connector: rows are downloaded first, results uploaded afterwards."""

import logging
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from components.contracts import ScoreReport, ScoringJob
from components.rows.sample import fixed_parent, list_files, open_rows
from model.errors import ReleaseError
from model.storage import open_storage

log = logging.getLogger(__name__)

_RESULTS = ("predictions", "failed_rows")


def on_local_files(job: ScoringJob, run: Callable[[ScoringJob], ScoreReport]) -> ScoreReport:
    """`run(job)`, with local paths instead of gs:// for as long as it takes.

    Raises:
        InvalidValue: there are no such rows.
        StorageError: the store refuses.
    """
    if not _is_remote(job.rows_uri) and not _is_remote(job.predictions_uri):
        return run(job)
    with tempfile.TemporaryDirectory(prefix="savedmodel-release-rows-") as directory:
        rows, results = Path(directory, "rows"), Path(directory, "results")
        local_job = job
        if _is_remote(job.rows_uri):
            local_job = replace(local_job, rows_uri=download(job.rows_uri, rows))
        if _is_remote(job.predictions_uri):
            local_job = replace(local_job, predictions_uri=str(results))
        try:
            report = run(local_job)
        except ReleaseError as error:
            error.where = error.where.replace(local_job.rows_uri, job.rows_uri)
            raise
        return upload(report, results, job.predictions_uri) if _is_remote(job.predictions_uri) else report


def _is_remote(uri: str) -> bool:
    return uri.startswith("gs://")


def download(rows_uri: str, directory: Path) -> str:
    """Copies the files of a directory, an object or a glob; gives the path that stands for them."""
    uris = list_files(rows_uri)
    log.info("downloading %d files of %s: this Spark has no connector for gs://", len(uris), rows_uri)
    base = rows_uri.rstrip("/") if uris[0].startswith(f"{rows_uri.rstrip('/')}/") else fixed_parent(rows_uri)
    for uri in uris:
        target = directory / uri.removeprefix(f"{base}/")
        target.parent.mkdir(parents=True, exist_ok=True)
        with open_rows(uri) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
    return str(directory / rows_uri.rpartition("/")[2]) if uris == [rows_uri] else str(directory)


def upload(report: ScoreReport, results: Path, predictions_uri: str) -> ScoreReport:
    """Writes the results and then removes those of an earlier job."""
    root = predictions_uri.rstrip("/")
    log.info("uploading the results to %s", root)
    for name in _RESULTS:
        target = f"{root}/{name}"
        store = open_storage(target)
        former = {blob.uri for blob in store.list_blobs(target)}
        files = [path for path in sorted((results / name).rglob("*.parquet")) if path.is_file()]
        written = {f"{target}/{path.relative_to(results / name)}": path for path in files}
        for uri, path in written.items():
            store.write(uri, path.read_bytes())
        store.delete(former - written.keys())
    return replace(report, predictions_uri=f"{root}/predictions", failed_rows_uri=f"{root}/failed_rows")
