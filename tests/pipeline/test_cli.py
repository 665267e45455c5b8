"""What the command line says of itself, and of what is wrong, without running anything."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.pipeline.runs import CLI


def run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CLI, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **(environment or {})},
    )


@pytest.mark.parametrize("command", [(), ("inspect",), ("compile",), ("sample",), ("run",), ("serve",), ("stop",)])
def test_help_shows_an_example(command: tuple[str, ...]) -> None:
    done = run(*command, "--help")

    assert done.returncode == 0
    assert "Example" in done.stdout


def test_a_wrong_value_is_exit_status_2_one_paragraph_and_json(tmp_path: Path) -> None:
    given = ("--model-name", "a/b", "--export-uri", "e", "--rows-uri", "r", "--home", str(tmp_path), "--json")

    done = run("run", *given)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "model_name" in done.stderr
    assert (json.loads(done.stdout)["state"], json.loads(done.stdout)["failed_step"]) == ("failed", None)


def test_a_home_that_cannot_be_made_is_told_and_is_json_too(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    given = ("--model-name", "m", "--export-uri", "e", "--rows-uri", "r", "--home", str(tmp_path / "file" / "home"))

    done = run("run", *given, "--json")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Not a directory" in json.loads(done.stdout)["error"]


def test_inspecting_nothing_is_explained(tmp_path: Path) -> None:
    done = run("inspect", str(tmp_path))

    assert done.returncode == 1
    assert "NotASavedModel" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_package_that_is_not_installed_is_named(tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").write_text("raise ModuleNotFoundError('No module', name='tensorflow')")

    done = run("sample", str(tmp_path), environment={"PYTHONPATH": str(tmp_path)})

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "tensorflow is not installed, and this needs it: install the extra `all`.\n"


@pytest.mark.parametrize("option", [("--bucket", "gs://bucket"), ("--volume-claim", "rows"), ("--image", "i:1")])
def test_what_is_compiled_for_one_place_does_not_go_into_compiled(option: tuple[str, ...]) -> None:
    done = run("compile", *option)

    assert done.returncode == 2
    assert "Add --output FILE" in done.stderr


@pytest.mark.parametrize(
    "option",
    [
        ("--image", "two words"),
        ("--image", "Registry/UPPER:1"),
        ("--image", "{{x}}"),
        ("--volume-claim", "Rows"),
        ("--output", ""),
        ("--output", "/dev/null"),
    ],
)
def test_what_no_cluster_or_disk_would_take_is_wrong_usage(option: tuple[str, ...], tmp_path: Path) -> None:
    done = run("compile", "--output", str(tmp_path / "x.yaml"), *option)

    assert done.returncode == 2, done.stderr
    assert f"Invalid value for '{option[0]}'" in done.stderr


@pytest.mark.parametrize("image", ["steps", "registry.example:5000/a/b_c:1.0", "r.example/a@sha256:" + "0" * 64])
def test_names_of_images_are_taken(image: str, tmp_path: Path) -> None:
    done = run("compile", "--output", str(tmp_path / "x.yaml"), "--image", image)

    assert done.returncode == 0, done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["x.yaml"]


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    done = run("compile", "--output", str(tmp_path / "x.yaml"))

    assert done.returncode == 1
    assert f"{tmp_path / 'x.yaml'}: expected a file to write" in done.stderr


@pytest.mark.parametrize("bucket", ["", "b", "s3://b", "gs://", "gs:///", "gs://Not A Bucket"])
def test_a_bucket_that_is_none_is_wrong_usage(bucket: str, tmp_path: Path) -> None:
    done = run("compile", "--bucket", bucket, "--output", str(tmp_path / "x.yaml"))

    assert done.returncode == 2
    assert "is no gs://BUCKET" in done.stderr


def test_serving_both_protocols_on_one_port_is_refused(tmp_path: Path) -> None:
    done = run("serve", "--home", str(tmp_path), "--rest-port", "18999", "--grpc-port", "18999")

    assert done.returncode == 2
    assert "two ports" in done.stderr


def test_all_parameters_are_listed() -> None:
    done = run("run", "--parameters")

    assert done.returncode == 0
    assert "max_failed_rows (number, default 0.0)" in done.stdout
