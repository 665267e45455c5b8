"""`python -m model.sample` as a user calls it."""

import shutil
import subprocess
import sys
from pathlib import Path


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "model.sample", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_model_and_rows_are_written_without_tensorflows_chatter(tmp_path: Path) -> None:
    done = run("--export", tmp_path / "V_36", "--rows", tmp_path / "visits.csv", "--rows-count", 20)

    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        f"{tmp_path}/visits.csv: 20 visits",
        f"{tmp_path}/V_36: the retail propensity model",
    ]
    assert (tmp_path / "V_36" / "saved_model.pb").stat().st_size > 1000
    assert len((tmp_path / "visits.csv").read_text().splitlines()) == 21


def test_a_second_time_nothing_changes_and_tensorflow_is_not_loaded(retail_propensity: Path, tmp_path: Path) -> None:
    shutil.copytree(retail_propensity, tmp_path / "V_36")
    arguments = ["--export", str(tmp_path / "V_36"), "--rows", str(tmp_path / "visits.csv")]
    code = (
        f"import sys; from model.sample.__main__ import main; status = main({arguments!r})\n"
        "print(status, 'tensorflow' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["0", "False"]
    assert "the retail propensity model, unchanged" in done.stderr


def test_a_wrong_number_is_one_sentence(tmp_path: Path) -> None:
    done = run("--export", tmp_path / "V_36", "--rows", tmp_path / "visits.csv", "--rows-count", 0)

    assert done.returncode == 1
    assert done.stderr == "--rows-count: expected 1 to 1000000000 rows; found 0.\n"
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    done = run("--export", tmp_path / "V_36", "--rows", tmp_path / "file" / "visits.csv")

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "places to write to" in done.stderr


def test_help_shows_an_example() -> None:
    done = run("--help")

    assert done.returncode == 0
    assert "python -m model.sample --export sample/V_36 --rows sample/visits.csv" in done.stdout
