"""Whether the bucket takes, gives back and lets go."""

import pytest

from model.errors import InvalidValue
from model.storage import open_storage
from pipeline.cluster_check.bucket import findings, models_root_of, temporary_object
from pipeline.cluster_check.findings import State


def test_an_object_is_written_read_and_removed(gcs_bucket: str) -> None:
    (found,) = findings(f"{gcs_bucket}/models", timeout_s=10)

    assert found.state is State.OK
    assert found.found.startswith(f"{gcs_bucket}/models (emulator http://127.0.0.1:")
    assert open_storage(gcs_bucket).list_blobs(gcs_bucket) == []


def test_a_bucket_that_is_not_there_is_named(gcs_bucket: str) -> None:
    (found,) = findings(f"{gcs_bucket}-none/models", timeout_s=10)

    assert found.state is State.MISSING
    assert f"no bucket {gcs_bucket.removeprefix('gs://')}-none" in found.found
    assert "Create it" in found.do


def test_a_store_that_does_not_answer_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")

    (found,) = findings("gs://bucket/models", timeout_s=1)

    assert found.state is State.MISSING
    assert "no answer within the deadline" in found.found


def test_without_a_models_root_it_is_skipped() -> None:
    (found,) = findings("", timeout_s=1)

    assert found.state is State.SKIPPED
    assert not found.stands_in_the_way


def test_an_interrupt_leaves_nothing(gcs_bucket: str) -> None:
    uri = f"{gcs_bucket}/models/check-1"

    with pytest.raises(KeyboardInterrupt), temporary_object(uri, storage=open_storage(uri)):
        raise KeyboardInterrupt

    assert open_storage(gcs_bucket).list_blobs(gcs_bucket) == []


@pytest.mark.parametrize(
    "text", ["models", "/models", "file:///models", "s3://b/m", "gs://", "gs://B/m", "gs://b/../m"]
)
def test_what_is_no_place_in_a_bucket_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        models_root_of(text)


def test_a_slash_at_the_end_changes_nothing() -> None:
    assert models_root_of("gs://bucket/models/") == "gs://bucket/models"
