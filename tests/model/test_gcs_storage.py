"""What only a remote store can do: conditions, faults that pass, faults that stay."""

import gc
import socket
from collections.abc import Iterator

import pytest

from model.errors import SourceChanged, StorageError
from model.gcs_storage import GcsStorage, _client, _client_of
from tests.gcs import GcsServer
from tests.gcs_proxy import Fault, GcsProxy, gcs_proxy

# The client library leaves some connections of calls that were refused to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def proxy(gcs_server: GcsServer, gcs_bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[GcsProxy]:
    with gcs_proxy(gcs_server.url) as between:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", between.url)
        yield between
        _client().close()
        _client_of.cache_clear()
        gc.collect()  # so that it happens while the mark above is in force


@pytest.fixture
def storage() -> GcsStorage:
    return GcsStorage(deadline_s=20)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_faults_that_pass_are_tried_again(proxy: GcsProxy, gcs_bucket: str, storage: GcsStorage, status: int) -> None:
    proxy.faults += [
        Fault("POST /upload", status),
        Fault("GET /storage", status),
        Fault("GET /download", status),
        Fault("/rewriteTo/", status),
        Fault("DELETE", status),
    ]

    storage.write(f"{gcs_bucket}/a", b"data")
    (blob,) = storage.list_blobs(gcs_bucket)
    storage.copy(blob, f"{gcs_bucket}/b")
    copied = storage.read(f"{gcs_bucket}/b")
    storage.delete([blob.uri, f"{gcs_bucket}/b"])

    assert copied == b"data"
    assert storage.list_blobs(gcs_bucket) == []
    assert [fault.seen for fault in proxy.faults] == [1, 1, 1, 1, 1]


def test_a_creation_whose_answer_was_lost_is_known_as_ours(
    proxy: GcsProxy, gcs_bucket: str, storage: GcsStorage
) -> None:
    proxy.faults.append(Fault("POST /upload", 503, after=True))

    assert storage.create(f"{gcs_bucket}/claim", b"ours") is True
    assert storage.create(f"{gcs_bucket}/claim", b"ours") is False


def test_a_copy_whose_answer_was_lost_is_known_as_ours(proxy: GcsProxy, gcs_bucket: str, storage: GcsStorage) -> None:
    storage.write(f"{gcs_bucket}/a", b"data")
    (blob,) = storage.list_blobs(gcs_bucket)
    proxy.faults.append(Fault("/rewriteTo/", 503, after=True))

    storage.copy(blob, f"{gcs_bucket}/b")

    assert storage.read(f"{gcs_bucket}/b") == b"data"
    assert proxy.faults[0].seen == 1


def test_copies_are_made_by_the_server(proxy: GcsProxy, gcs_bucket: str, storage: GcsStorage) -> None:
    storage.write(f"{gcs_bucket}/a", b"data")
    (blob,) = storage.list_blobs(gcs_bucket)
    proxy.requests.clear()

    storage.copy(blob, f"{gcs_bucket}/b")

    assert [line for line in proxy.requests if "/download/" in line or "/upload/" in line] == []
    (rewrite,) = [line for line in proxy.requests if "/rewriteTo/" in line]
    assert "ifGenerationMatch=0" in rewrite
    assert f"ifSourceGenerationMatch={blob.generation}" in rewrite


def test_a_source_replaced_by_the_same_bytes_may_be_listed_anew(
    proxy: GcsProxy, gcs_bucket: str, storage: GcsStorage
) -> None:
    storage.write(f"{gcs_bucket}/a", b"data")
    (blob,) = storage.list_blobs(gcs_bucket)
    storage.write(f"{gcs_bucket}/a", b"else")

    with pytest.raises(SourceChanged, match=f"{gcs_bucket}/a: expected 4 bytes"):
        storage.copy(blob, f"{gcs_bucket}/b")

    assert storage.read(f"{gcs_bucket}/b") is None


def test_an_object_that_appears_just_before_the_copy_is_not_replaced(
    proxy: GcsProxy, gcs_bucket: str, storage: GcsStorage
) -> None:
    storage.write(f"{gcs_bucket}/a", b"data")
    (blob,) = storage.list_blobs(gcs_bucket)

    def intrude() -> None:
        storage.write(f"{gcs_bucket}/b", b"theirs")

    proxy.faults.append(Fault("/rewriteTo/", 0, first=intrude))

    with pytest.raises(StorageError, match=f"{gcs_bucket}/b: expected nothing, or 4 bytes.* found 6 bytes") as refused:
        storage.copy(blob, f"{gcs_bucket}/b")

    assert not isinstance(refused.value, SourceChanged)
    assert storage.read(f"{gcs_bucket}/b") == b"theirs"


def test_an_equal_object_that_appears_just_before_the_copy_is_adopted(
    proxy: GcsProxy, gcs_bucket: str, storage: GcsStorage
) -> None:
    storage.write(f"{gcs_bucket}/a", b"data")
    (blob,) = storage.list_blobs(gcs_bucket)
    proxy.faults.append(Fault("/rewriteTo/", 0, first=lambda: storage.write(f"{gcs_bucket}/b", b"data")))

    storage.copy(blob, f"{gcs_bucket}/b")

    assert storage.read(f"{gcs_bucket}/b") == b"data"


FORBIDDEN = '{"error": {"code": 403, "message": "sa@p.iam does not have storage.objects.create access."}}'


@pytest.mark.parametrize(
    ("fault", "found", "do"),
    [
        (Fault("/o", 403, times=99, body=FORBIDDEN), "sa@p.iam does not have", "Grant this identity roles/storage"),
        (Fault("/o", 401, times=99), "no valid credentials", "gcloud auth application-default login"),
        (Fault("/o", 503, times=9999), "no answer within the deadline", "Check the network"),
        (Fault("/o", 400, times=99), "as the test wants", "Run again"),
    ],
)
def test_what_the_store_refuses_is_said_in_one_paragraph(
    proxy: GcsProxy, gcs_bucket: str, fault: Fault, found: str, do: str
) -> None:
    storage = GcsStorage(deadline_s=0.5)
    fault.seen = 0
    proxy.faults.append(fault)

    for act in (
        lambda: storage.list_blobs(f"{gcs_bucket}/x"),
        lambda: storage.subdirectories(f"{gcs_bucket}/x"),
        lambda: storage.read(f"{gcs_bucket}/x"),
        lambda: storage.create(f"{gcs_bucket}/x", b""),
        lambda: storage.write(f"{gcs_bucket}/x", b""),
        lambda: storage.delete([f"{gcs_bucket}/x"]),
    ):
        with pytest.raises(StorageError) as refused:
            act()

        assert refused.value.where == f"{gcs_bucket}/x"
        assert found in refused.value.found
        assert do in refused.value.do
        assert "\n" not in str(refused.value)


def test_a_missing_bucket_is_named(gcs_server: GcsServer, gcs_bucket: str, storage: GcsStorage) -> None:
    for act in (
        lambda: storage.list_blobs("gs://no-such-bucket/x"),
        lambda: storage.subdirectories("gs://no-such-bucket/x"),
        lambda: storage.write("gs://no-such-bucket/x", b""),
        lambda: storage.create("gs://no-such-bucket/x", b""),
    ):
        with pytest.raises(
            StorageError, match=r"x: expected .* found no bucket no-such-bucket\. Create it, or correct"
        ):
            act()


def test_a_store_that_nobody_answers_for_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{closed.getsockname()[1]}")

        with pytest.raises(StorageError, match=r"found no answer within the deadline: .*Check the network"):
            GcsStorage(deadline_s=0.5).list_blobs("gs://bucket/x")


def test_without_credentials_the_way_to_get_them_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/key.json")

    with pytest.raises(StorageError, match=r"found no valid credentials: .*gcloud auth application-default login"):
        GcsStorage(deadline_s=0.5).list_blobs("gs://bucket/x")


def test_names_that_no_directory_can_hold_are_refused(gcs_bucket: str, storage: GcsStorage) -> None:
    from google.cloud import storage as library

    bucket = library.Client(project="test").bucket(gcs_bucket.removeprefix("gs://"))
    bucket.blob("export/variables//x").upload_from_string(b"")
    bucket.blob("folder/").upload_from_string(b"")

    with pytest.raises(StorageError, match=r"names without empty, `.` and `..` parts; found 'variables//x'"):
        storage.list_blobs(f"{gcs_bucket}/export")
    assert storage.list_blobs(f"{gcs_bucket}/folder") == []
