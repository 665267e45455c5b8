from pathlib import Path

import pytest

from model.errors import StorageError
from model.release_layout import (
    Release,
    ReleasedFile,
    ReleaseRecord,
    model_dir_uri,
    record_uri,
    release_uri,
    releases_uri,
)
from model.release_records import read_record
from model.signature import Signature, TensorSpec
from model.storage import open_storage

SIGNATURE = Signature(
    name="serving_default",
    method_name="tensorflow/serving/predict",
    inputs=(TensorSpec("größe", "float32", (-1, 2), "x:0"), TensorSpec("y", "string", None)),
    outputs=(TensorSpec("z", "float64", (), "z:0"),),
)


def record(uri: str) -> ReleaseRecord:
    return ReleaseRecord(
        release=Release(model_name="rpm", version=36, digest="sha256:0", uri=uri),
        signatures=(SIGNATURE,),
        files=(ReleasedFile(path="saved_model.pb", size=7, crc32c="AAAAAA=="),),
        source_uri="gs://bucket/export/V_36",
        run_id="run-1",
        created_at="2026-01-01T00:00:00+00:00",
    )


@pytest.mark.parametrize("root", ["gs://bucket/models", "gs://bucket/models/", "/models", "/models/"])
def test_uris_of_a_release(root: str) -> None:
    base = f"{root.rstrip('/')}/rpm/releases"
    release = Release(model_name="rpm", version=36, digest="sha256:0", uri=release_uri(root, "rpm", 36))

    assert releases_uri(root, "rpm") == base
    assert release.uri == f"{base}/36"
    assert model_dir_uri(release) == f"{base}/36/36"
    assert record_uri(release.uri) == f"{base}/36/release.json"


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = record(str(tmp_path))
    open_storage("/").write(record_uri(str(tmp_path)), written.to_json().encode())

    assert read_record(str(tmp_path)) == written
    assert read_record(f"file://{tmp_path}") == written


def test_a_record_in_a_bucket_is_read_as_it_was_written(gcs_bucket: str) -> None:
    uri = f"{gcs_bucket}/rpm/releases/36"
    open_storage(uri).write(record_uri(uri), record(uri).to_json().encode())

    assert read_record(uri) == record(uri)


def test_without_a_record_there_is_no_release(tmp_path: Path) -> None:
    (tmp_path / "36").mkdir()
    (tmp_path / "36" / "saved_model.pb").touch()

    assert read_record(str(tmp_path)) is None


@pytest.mark.parametrize("damage", [b"", b"null", b"3", b"{}", b'{"release": {}}', b'{"release": []}', b"\xff"])
def test_a_damaged_record_is_named(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "release.json").write_bytes(damage)

    with pytest.raises(StorageError, match=r"release\.json: expected the record of a release, as JSON; found"):
        read_record(str(tmp_path))
