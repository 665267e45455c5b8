"""What is handed from step to step is all code so far, whole, and before the step's own work begins."""

import inspect
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.handing_on import handing_on


def shouting(word: str, times: int = 1) -> str:
    """Shouts.

    Args:
        word: What is shouted.
    """
    import shouts_of_a_test

    return str(shouts_of_a_test.loud(word) * times)


@pytest.fixture
def unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where KFP has put what the step itself carries, which is not enough."""
    directory = tmp_path / "unpacked"
    directory.mkdir()
    (directory / "own.py").write_text("")
    monkeypatch.setattr(sys, "path", [str(directory), *sys.path])
    monkeypatch.delitem(sys.modules, "shouts_of_a_test", raising=False)
    return directory


def prepared(unpacked: Path, **how: bool) -> Any:
    function = handing_on(shouting, **how)
    function.__globals__.update(__kfp_tarfile=tarfile, __KFP_EMBEDDED_ASSET_DIR=str(unpacked))
    return function


def handed(directory: Path) -> SimpleNamespace:
    file, archive = directory / "shouts_of_a_test.py", directory / "code.tar"
    file.write_text("def loud(word): return word.upper()\n")
    with tarfile.open(archive, "w") as writing:
        writing.add(file, "shouts_of_a_test.py")
    return SimpleNamespace(path=str(archive))


def test_a_step_works_with_what_it_is_handed_and_hands_on_that_and_its_own(unpacked: Path, tmp_path: Path) -> None:
    onward = SimpleNamespace(path=str(tmp_path / "onward.tar"))
    step = prepared(unpacked, takes=True, gives=True)

    assert step(code=handed(tmp_path), code_onward=onward, word="ah", times=2) == "AHAH"
    with tarfile.open(onward.path) as archive:
        assert {name.removeprefix("./") for name in archive.getnames()} >= {"own.py", "shouts_of_a_test.py"}


def test_the_first_takes_nothing_and_the_last_gives_nothing(unpacked: Path, tmp_path: Path) -> None:
    first, last = (handing_on(shouting, takes=takes, gives=not takes) for takes in (False, True))

    assert list(inspect.signature(first).parameters) == ["code_onward", "word", "times"]
    assert list(inspect.signature(last).parameters) == ["code", "word", "times"]
    assert prepared(unpacked, takes=True, gives=False)(code=handed(tmp_path), word="oh") == "OH"


def whispering(word: str) -> str:
    return word.lower()


def test_a_function_that_is_not_documented_loses_nothing() -> None:
    assert handing_on(whispering, takes=False, gives=False)(word="AH") == "ah"


def test_its_source_and_its_description_are_found_by_kfp(unpacked: Path) -> None:
    step = handing_on(shouting, takes=True, gives=True)

    assert "extractall" in inspect.getsource(step)
    assert "word: What is shouted." in (step.__doc__ or "")
    assert "code: The code of the steps before." in (step.__doc__ or "")
