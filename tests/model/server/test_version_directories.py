from pathlib import Path

import pytest

from model.server.config import ServedModel
from model.server.version_directories import MAX_VERSION, find_versions, version_number, wanted_versions


def test_only_directories_with_numeric_names_are_versions(tmp_path: Path) -> None:
    for name in ("36", "0007", "V_9", "temp-12", "-1", "1.5", "٣"):
        (tmp_path / name).mkdir()
    (tmp_path / "99").touch()

    assert find_versions(str(tmp_path)) == {36: tmp_path / "36", 7: tmp_path / "0007"}


def test_the_shorter_of_two_names_of_one_version_counts(tmp_path: Path) -> None:
    for name in ("0001", "1", "01"):
        (tmp_path / name).mkdir()

    assert find_versions(str(tmp_path)) == {1: tmp_path / "1"}


def test_a_missing_base_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        find_versions(str(tmp_path / "nowhere"))


def test_a_number_that_no_int64_holds_is_no_version() -> None:
    assert version_number(str(MAX_VERSION)) == MAX_VERSION
    assert version_number(str(MAX_VERSION + 1)) is None


@pytest.mark.parametrize(
    ("versions", "latest", "wanted"),
    [((), 1, [9]), ((), 2, [9, 7]), ((), 0, [9, 7, 1]), ((1, 7), 1, [1, 7]), ((1, 8), 1, [1]), ((8,), 1, [])],
)
def test_the_policy_chooses_among_the_versions_found(versions: tuple[int, ...], latest: int, wanted: list[int]) -> None:
    found = {number: Path(str(number)) for number in (1, 7, 9)}

    assert list(wanted_versions(ServedModel("m", "/m", versions, latest), found)) == wanted
