import hashlib
import shutil
from pathlib import Path

import pytest

from model.release_files import belongs, content_digest, list_release_files, release_files
from model.storage import Blob, copy_blob, open_storage


def blob(path: str, *, size: int = 1, crc32c: str = "AAAAAA==") -> Blob:
    return Blob(uri=f"gs://bucket/{path}", path=path, size=size, crc32c=crc32c, generation="1")


@pytest.mark.parametrize(
    "path",
    ["saved_model.pb", "fingerprint.pb", "variables/v.index", "assets/a/b/words.txt", "assets.extra/x", "variables/"],
)
def test_what_a_model_loads_from_belongs_to_its_release(path: str) -> None:
    assert belongs(path)


@pytest.mark.parametrize(
    "path",
    ["saved_model.pbtxt", "x/saved_model.pb", "variables", "assets2/x", "keras_metadata.pb", "36/saved_model.pb", ""],
)
def test_all_else_does_not(path: str) -> None:
    assert not belongs(path)


def test_release_files_are_sorted_by_path() -> None:
    blobs = [blob("variables/b"), blob("notes"), blob("variables/a"), blob("assets/x")]

    assert [each.path for each in release_files(blobs)] == ["assets/x", "variables/a", "variables/b"]


def test_the_digest_is_over_paths_sizes_and_checksums() -> None:
    lines = "saved_model.pb\x007\x00AAAAAA==\nvariables/ü\x009\x00BBBBBB==\n"

    digest = content_digest([blob("variables/ü", size=9, crc32c="BBBBBB=="), blob("saved_model.pb", size=7)])

    assert digest == f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


@pytest.mark.parametrize(
    "other",
    [
        [blob("saved_model.pb", size=2)],
        [blob("saved_model.pb", crc32c="BBBBBB==")],
        [blob("fingerprint.pb")],
        [blob("saved_model.pb"), blob("assets/x")],
        [],
    ],
)
def test_any_difference_changes_the_digest(other: list[Blob]) -> None:
    assert content_digest(other) != content_digest([blob("saved_model.pb")])


def test_what_does_not_belong_does_not_change_the_digest() -> None:
    assert content_digest([blob("saved_model.pb"), blob("events.out")]) == content_digest([blob("saved_model.pb")])


def test_a_copy_in_another_store_has_the_same_digest(vocabulary: Path, tmp_path: Path, gcs_bucket: str) -> None:
    local = open_storage(str(vocabulary))
    digest = content_digest(list_release_files(str(vocabulary), storage=local))
    for each in local.list_blobs(str(vocabulary)):
        copy_blob(each, f"{gcs_bucket}/export/{each.path}")
    shutil.copytree(vocabulary, tmp_path / "copy")

    assert content_digest(list_release_files(f"{gcs_bucket}/export", storage=open_storage(gcs_bucket))) == digest
    assert content_digest(list_release_files(str(tmp_path / "copy"), storage=local)) == digest
