from collections.abc import Sequence
from pathlib import Path

import pytest

from model.errors import InvalidValue, NotASavedModel
from model.export_directory import MAX_VERSION, resolve_export, version_hint
from model.storage import open_storage


def resolve(directory: Path | str) -> str:
    return resolve_export(str(directory), storage=open_storage(str(directory)))


def make(parent: Path, *, exports: Sequence[str] = (), others: Sequence[str] = ()) -> Path:
    """Children of `parent` with a saved_model.pb, and children with another file."""
    for name in exports:
        (parent / name).mkdir()
        (parent / name / "saved_model.pb").write_bytes(b"x")
    for name in others:
        (parent / name).mkdir()
        (parent / name / "other.bin").write_bytes(b"x")
    return parent


def test_a_saved_model_directory_is_itself(half_plus_two: Path) -> None:
    assert resolve(half_plus_two) == str(half_plus_two)
    assert resolve(f"{half_plus_two}/") == str(half_plus_two)
    assert resolve(f"file://{half_plus_two}") == str(half_plus_two)


def test_a_saved_model_that_has_numbered_children_is_itself(tmp_path: Path) -> None:
    make(tmp_path, exports=["7"])
    (tmp_path / "saved_model.pb").write_bytes(b"x")

    assert resolve(tmp_path) == str(tmp_path)


@pytest.mark.parametrize(
    ("exports", "newest"),
    [
        (["1646034756", "1646030000"], "1646034756"),
        (["V_9", "V_36", "V_10"], "V_36"),
        (["9", "10"], "10"),
        (["0036", "35"], "0036"),
        (["V_36", "37", "export-38"], "export-38"),
        (["temp-99", "temp-1646034999", "5"], "5"),
        (["best", "5"], "5"),
        (["best"], "best"),
        (["model v2", "model v10"], "model v10"),
        ([f"run{MAX_VERSION}", "3"], f"run{MAX_VERSION}"),
        ([f"{MAX_VERSION + 1}", "3"], "3"),
    ],
)
def test_the_export_with_the_highest_number_counts(tmp_path: Path, exports: list[str], newest: str) -> None:
    assert resolve(make(tmp_path, exports=exports)) == f"{tmp_path}/{newest}"


def test_half_written_exports_and_other_directories_are_passed_over(
    parent_of_exports: Path, parent_of_timestamps: Path
) -> None:
    assert resolve(parent_of_exports) == f"{parent_of_exports}/V_36"
    assert resolve(parent_of_timestamps) == f"{parent_of_timestamps}/1646034756"


def test_a_higher_number_without_a_saved_model_is_passed_over(tmp_path: Path) -> None:
    assert resolve(make(tmp_path, exports=["36"], others=["37"])) == f"{tmp_path}/36"


def test_exports_two_levels_below_are_not_looked_for(tmp_path: Path) -> None:
    (tmp_path / "best_exporter").mkdir()
    make(tmp_path / "best_exporter", exports=["1646034756"])

    with pytest.raises(NotASavedModel, match="found best_exporter/"):
        resolve(tmp_path)


@pytest.mark.parametrize("exports", [["36", "V_36"], ["v1-7", "v2-7", "3"], ["0007", "7"]])
def test_exports_of_the_same_number_are_not_chosen_between(tmp_path: Path, exports: list[str]) -> None:
    with pytest.raises(InvalidValue, match=f"{min(exports[:2])}, {max(exports[:2])}, which end in the same number"):
        resolve(make(tmp_path, exports=exports))


def test_exports_without_numbers_are_not_chosen_between(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="best, latest, of which none says"):
        resolve(make(tmp_path, exports=["latest", "best"]))


@pytest.mark.parametrize(
    ("files", "found", "do"),
    [
        ([], "nothing there", "typing errors"),
        (["saved_model.pbtxt", "variables/x"], r"saved_model\.pbtxt, variables/", "as_text=False"),
        (["model.keras"], r"model\.keras", r"model\.export"),
        (["model.ckpt.index", "checkpoint"], "checkpoint, model", "checkpoint holds variables"),
        (["temp-5/saved_model.pb"], "temp-5/", "never finished"),
        ([f"{number:02}.txt" for number in range(20)], r"11\.txt and 8 more", "Export"),
    ],
)
def test_what_is_there_instead_is_told_with_what_to_do(tmp_path: Path, files: list[str], found: str, do: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")

    with pytest.raises(NotASavedModel, match=found) as refused:
        resolve(tmp_path)

    assert refused.match(do)
    assert str(refused.value).startswith(str(tmp_path))


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotASavedModel, match="nothing there"):
        resolve(tmp_path / "absent")


def test_the_file_itself_is_no_directory(half_plus_two: Path) -> None:
    with pytest.raises(NotASavedModel, match=r"found a file\. Pass the directory that holds saved_model\.pb"):
        resolve(half_plus_two / "saved_model.pb")


def test_a_keras_file_is_told_from_an_export(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(b"PK")

    with pytest.raises(NotASavedModel, match=r"model\.keras: .*found a file\. .*model\.export"):
        resolve(tmp_path / "model.keras")


@pytest.mark.parametrize("uri", ["", "  ", "s3://bucket/export", "gs:///export"])
def test_a_uri_that_no_store_has_is_refused(uri: str) -> None:
    with pytest.raises(InvalidValue):
        resolve(uri)


@pytest.mark.parametrize(
    ("uri", "hint"),
    [
        ("/exports/V_36", 36),
        ("/exports/36/", 36),
        ("gs://b/exports/1646034756", 1646034756),
        ("/exports/0036", 36),
        ("/exports/best", 0),
        ("/exports/36/best", 0),
        ("/exports/V_36b", 0),
        ("/exports/0", 0),
        (f"/exports/{MAX_VERSION}", MAX_VERSION),
        (f"/exports/{MAX_VERSION + 1}", 0),
        ("/exports/" + "9" * 5000, 0),
        ("/exports/" + "0" * 30 + "7", 7),
        ("/exports/V_٣٦", 0),
        ("", 0),
    ],
)
def test_the_version_is_the_number_at_the_end_of_the_name(uri: str, hint: int) -> None:
    assert version_hint(uri) == hint


def test_exports_that_stand_too_deep_are_named(tmp_path: Path) -> None:
    for path in ("churn/1", "churn/2", "a/rpm/3"):
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "saved_model.pb").write_bytes(b"x")

    with pytest.raises(NotASavedModel, match=rf"pass {tmp_path}/a/rpm, {tmp_path}/churn\.$"):
        resolve_export(str(tmp_path), storage=open_storage(str(tmp_path)))
