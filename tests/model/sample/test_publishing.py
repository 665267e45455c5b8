"""The sample below a URI of any store."""

from pathlib import Path

import pytest

from components.inspect_signature.inspection import describe
from model.errors import InvalidValue, StorageError
from model.sample.publishing import publish
from model.storage import open_storage


def test_the_sample_stands_where_the_pipelines_defaults_look_for_it(gcs_bucket: str) -> None:
    told: list[str] = []

    publish(f"{gcs_bucket}/ml/", rows=20, told=told.append)

    assert told[-1] == f"{gcs_bucket}/ml/sample/exports/1646034756/saved_model.pb"
    assert "serving_default" in str(describe(f"{gcs_bucket}/ml/sample/exports"))
    rows = open_storage(gcs_bucket).read(f"{gcs_bucket}/ml/sample/visits.csv")
    assert rows is not None
    assert len(rows.splitlines()) == 21


def test_the_same_sample_again_changes_nothing_and_another_is_refused(gcs_bucket: str) -> None:
    publish(gcs_bucket, rows=20)
    publish(gcs_bucket, rows=20)

    with pytest.raises(StorageError, match=r"visits\.csv"):
        publish(gcs_bucket, rows=21)


def test_a_directory_will_do(tmp_path: Path) -> None:
    publish(str(tmp_path), rows=5)

    assert (tmp_path / "sample" / "visits.csv").is_file()


@pytest.mark.parametrize("root", ["s3://b", "gs://BUCKET"])
def test_another_store_is_refused_at_once(root: str) -> None:
    with pytest.raises(InvalidValue, match=root):
        publish(root, rows=5)
