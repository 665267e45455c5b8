"""Spark on this machine, in a process of its own as a step has it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

from components.contracts import ScoreReport, ScoringJob
from model.endpoint import Endpoint
from model.sample.retail import SIGNATURE

pytestmark = pytest.mark.slow

SCRIPT = """
import logging, sys
from components.contracts import ScoringJob
from components.platforms.scoring import open_scoring
from components.reporting import reporting
from pathlib import Path
with reporting("score_batch"):
    report = open_scoring("local").run(ScoringJob.from_json(Path(sys.argv[1]).read_text()), run_id="run-1")
    Path(sys.argv[1]).with_name("report.json").write_text(report.to_json())
"""
MARK = "SAVEDMODEL_RELEASE_TEST_MARK"


def job(rows: str, predictions: str) -> ScoringJob:
    endpoint = Endpoint("http://127.0.0.1:1", "127.0.0.1:1", "rpm", 1)
    return ScoringJob(rows, predictions, SIGNATURE, endpoint.to_json(), invoke_endpoint=False)


def run(tmp_path: Path, to_do: ScoringJob, **environment: str) -> "subprocess.CompletedProcess[str]":
    (tmp_path / "job.json").write_text(to_do.to_json())
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    variables = {**os.environ, MARK: str(tmp_path), "TMPDIR": str(scratch), **environment}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "job.json")],
        capture_output=True,
        text=True,
        env={name: value for name, value in variables.items() if value},
        cwd=tmp_path,
        check=False,
    )
    assert list(scratch.iterdir()) == [], "something is left on disk"
    assert left_processes(tmp_path) == []
    return done


def left_processes(tmp_path: Path) -> list[str]:
    """Processes of the run that outlive it; its Python workers may take a moment to see that they are alone."""

    def marked(process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK) == str(tmp_path)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            return False

    found = [process for process in psutil.process_iter() if marked(process)]
    _, alive = psutil.wait_procs(found, timeout=10)
    return [str(process) for process in alive]


def without_java(tmp_path: Path) -> str:
    """A PATH with everything but java."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for directory in os.environ["PATH"].split(os.pathsep):
        for program in Path(directory).glob("*"):
            if not program.name.startswith("java") and not (programs / program.name).is_symlink():
                (programs / program.name).symlink_to(program)
    return str(programs)


def read_report(tmp_path: Path) -> ScoreReport:
    return ScoreReport.from_json((tmp_path / "report.json").read_text())


def test_without_an_installed_java_and_with_whatever_archive_there_is(tmp_path: Path, visits: Path) -> None:
    environment = {"PATH": without_java(tmp_path), "JAVA_HOME": "", "XDG_CACHE_HOME": str(tmp_path / "cache")}

    first = run(tmp_path, job(str(visits), "out"), **environment)
    archives = sorted(path.name for path in (tmp_path / "cache" / "savedmodel-release").iterdir())
    second = run(tmp_path, job(str(visits), "out"), **environment)
    for archive in (tmp_path / "cache" / "savedmodel-release").iterdir():
        archive.chmod(0o644)
        archive.write_bytes(b"\0" * archive.stat().st_size)
    third = run(tmp_path, job(str(visits), "out"), **environment)

    assert first.returncode == 0, first.stderr
    assert second.returncode == 0, second.stderr
    assert third.returncode == 0, third.stderr
    assert ["base" in name for name in archives] == [False, True]
    assert all("-java-21" in name for name in archives)
    assert "archive of Spark's classes written" in first.stderr
    assert "archive" not in second.stderr
    assert "WARN" not in first.stderr + second.stderr
    report = read_report(tmp_path)
    assert (report.rows, report.called) == (200, False)
    assert report.predictions_uri == str(tmp_path / "out" / "predictions")
    assert pq.read_table(report.predictions_uri).num_rows == 200


def test_what_is_wrong_ends_in_one_paragraph(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("bounces\n1\n")

    done = run(tmp_path, job(str(tmp_path / "rows.csv"), "out"))

    assert done.returncode == 1
    assert "time_on_site" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_rows_and_results_on_an_object_store_are_staged(
    tmp_path: Path, visits: Path, gcs_bucket: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from model.storage import open_storage

    store = open_storage(gcs_bucket)
    store.write(f"{gcs_bucket}/rows/day=1/part 1.csv", visits.read_bytes())
    store.write(f"{gcs_bucket}/rows/day=2/part.csv", visits.read_bytes())
    store.write(f"{gcs_bucket}/out/predictions/old.parquet", b"old")

    done = run(tmp_path, job(f"{gcs_bucket}/rows", f"{gcs_bucket}/out"))

    assert done.returncode == 0, done.stderr
    assert "no connector for gs://" in done.stderr
    report = read_report(tmp_path)
    assert (report.rows, report.predictions_uri) == (400, f"{gcs_bucket}/out/predictions")
    blobs = store.list_blobs(report.predictions_uri)
    assert all(blob.path != "old.parquet" for blob in blobs)
    tables: list[Any] = []
    for blob in blobs:
        (tmp_path / "part").write_bytes(store.read(blob.uri) or b"")
        tables += pq.ParquetFile(tmp_path / "part").read().to_pylist()
    assert len(tables) == 400
    assert {row["day"] for row in tables} == {"1", "2"}
    assert json.loads((tmp_path / "report.json").read_text())["failed_rows_uri"] == f"{gcs_bucket}/out/failed_rows"
