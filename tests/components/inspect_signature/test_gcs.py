"""The inspection of an export in a bucket is that of its local copy."""

from dataclasses import replace
from pathlib import Path

import pytest

from components.inspect_signature.inspection import inspect
from model.errors import NotASavedModel
from model.export_directory import resolve_export
from model.storage import open_storage


def upload(directory: Path, uri: str) -> None:
    storage = open_storage(uri)
    for path in directory.rglob("*"):
        if path.is_file():
            storage.write(f"{uri}/{path.relative_to(directory).as_posix()}", path.read_bytes())


def test_an_export_in_a_bucket_is_described_as_its_local_copy(vocabulary: Path, gcs_bucket: str) -> None:
    upload(vocabulary, f"{gcs_bucket}/exports/36")

    inspection, description = inspect(f"{gcs_bucket}/exports/36/")

    local_inspection, local_description = inspect(str(vocabulary))
    uri = f"{gcs_bucket}/exports/36"
    assert inspection == replace(local_inspection, export_uri=uri, version_hint=36)
    assert description == replace(local_description, export_uri=uri)


def test_the_newest_of_several_exports_in_a_bucket_counts(parent_of_exports: Path, gcs_bucket: str) -> None:
    upload(parent_of_exports, f"{gcs_bucket}/exports")

    assert inspect(f"{gcs_bucket}/exports")[0].export_uri == f"{gcs_bucket}/exports/V_36"


def test_a_bucket_itself_may_hold_the_exports(half_plus_two: Path, gcs_bucket: str) -> None:
    upload(half_plus_two, f"{gcs_bucket}/V_7")

    assert resolve_export(gcs_bucket, storage=open_storage(gcs_bucket)) == f"{gcs_bucket}/V_7"


@pytest.mark.parametrize("name", ["truncated_variables", "no_saved_model"])
def test_what_is_refused_locally_is_refused_in_a_bucket(
    name: str, gcs_bucket: str, request: pytest.FixtureRequest
) -> None:
    upload(request.getfixturevalue(name), f"{gcs_bucket}/export")

    with pytest.raises(NotASavedModel, match=f"{gcs_bucket}/export"):
        inspect(f"{gcs_bucket}/export")
