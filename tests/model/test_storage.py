"""One suite for every kind of store, and for copies from each to each."""

import os
from pathlib import Path

import pytest

from model.errors import InvalidValue, SourceChanged, StorageError
from model.release_files import belongs
from model.storage import Blob, canonical_uri, copy_blob, download, local_path, open_storage

ODD_NAMES = (
    "a b.txt",
    "what?.txt",
    "100%.txt",
    "a#b.txt",
    "%20.txt",
    "grün/ñ 模型.txt",
    "deep/er/[x]*.txt",
    "'\"&+=,;.txt",
)
KINDS = ("local", "gs")


def place(kind: str, request: pytest.FixtureRequest) -> str:
    if kind == "gs":
        return f"{request.getfixturevalue('gcs_bucket')}/place"
    return str(request.getfixturevalue("tmp_path") / "place")


@pytest.fixture(params=KINDS)
def root(request: pytest.FixtureRequest) -> str:
    """A URI below which nothing stands."""
    return place(request.param, request)


@pytest.fixture(params=[f"{source} to {target}" for source in KINDS for target in KINDS])
def ends(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Two URIs below which nothing stands."""
    source, _, target = request.param.partition(" to ")
    return f"{place(source, request)}/source", f"{place(target, request)}/target"


def put(uri: str, data: bytes = b"data") -> Blob:
    """Writes an object and returns it as it is listed."""
    storage = open_storage(uri)
    storage.write(uri, data)
    parent, _, name = uri.rpartition("/")
    return next(blob for blob in storage.list_blobs(parent) if blob.path == name)


def test_nothing_stands_in_an_empty_place(root: str) -> None:
    storage = open_storage(root)

    assert storage.list_blobs(root) == []
    assert storage.subdirectories(root) == []
    assert storage.read(f"{root}/x") is None
    storage.delete([f"{root}/x", f"{root}/y/z"])


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_object_of_any_name_is_written_listed_and_read(root: str, name: str) -> None:
    storage = open_storage(root)

    storage.write(f"{root}/{name}", b"12345")

    (blob,) = storage.list_blobs(root)
    assert (blob.path, blob.uri, blob.size) == (name, f"{root}/{name}", 5)
    assert storage.read(blob.uri) == b"12345"


def test_the_checksum_is_crc32c_big_endian_in_base64(root: str) -> None:
    blob = put(f"{root}/check", b"123456789")

    # 0xE3069283, the check value of CRC-32C (RFC 3720, appendix B.4)
    assert blob.crc32c == "4waSgw=="


def test_listing_is_sorted_and_does_not_reach_into_neighbours_of_a_longer_name(root: str) -> None:
    storage = open_storage(root)
    for name in ("V_3/b", "V_3/a", "V_3/a/x" if root.startswith("gs://") else "V_3/c/x", "V_36/a"):
        storage.write(f"{root}/{name}", b"")

    paths = [blob.path for blob in storage.list_blobs(f"{root}/V_3")]

    assert paths == sorted(paths)
    assert len(paths) == 3


def test_only_what_is_wanted_is_listed(root: str) -> None:
    storage = open_storage(root)
    for name in (
        "saved_model.pb",
        "variables/v",
        "assets.extra/e",
        "notes.txt",
        "other/saved_model.pb",
        "variables_2/x",
    ):
        storage.write(f"{root}/{name}", b"x")

    paths = [blob.path for blob in storage.list_blobs(root, wanted=belongs)]

    assert paths == ["assets.extra/e", "saved_model.pb", "variables/v"]


def test_subdirectories_are_those_that_hold_something(root: str) -> None:
    storage = open_storage(root)
    for name in ("36/a/b/c", "4/x", "file"):
        storage.write(f"{root}/{name}", b"x")
    if not root.startswith("gs://"):
        Path(root, "empty", "emptier").mkdir(parents=True)

    assert storage.subdirectories(root) == ["36", "4"]
    assert storage.subdirectories(f"{root}/36") == ["a"]
    assert storage.subdirectories(f"{root}/file") == []


def test_an_object_is_created_once(root: str) -> None:
    storage = open_storage(root)

    assert storage.create(f"{root}/claim", b"first") is True
    assert storage.create(f"{root}/claim", b"second") is False
    assert storage.create(f"{root}/claim", b"first") is False
    assert storage.read(f"{root}/claim") == b"first"


def test_writing_replaces_and_changes_the_generation(root: str) -> None:
    first = put(f"{root}/x", b"first")
    second = put(f"{root}/x", b"other")

    assert open_storage(root).read(f"{root}/x") == b"other"
    assert first.generation != second.generation
    assert first.crc32c != second.crc32c


def test_deleted_objects_are_gone_and_missing_ones_skipped(root: str) -> None:
    storage = open_storage(root)
    for name in ("a", "b/c"):
        storage.write(f"{root}/{name}", b"")

    storage.delete([f"{root}/a", f"{root}/missing", f"{root}/b/c"])

    assert storage.list_blobs(root) == []
    assert storage.subdirectories(root) == []


def test_a_directory_is_no_object(root: str) -> None:
    storage = open_storage(root)
    storage.write(f"{root}/directory/file", b"")

    assert storage.read(f"{root}/directory") is None
    assert storage.list_blobs(f"{root}/directory/file") == []


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_copy_between_stores_is_the_same(ends: tuple[str, str], name: str) -> None:
    source, target = ends
    open_storage(source).write(f"{source}/{name}", b"bytes")
    (blob,) = open_storage(source).list_blobs(source)

    copy_blob(blob, f"{target}/{name}")

    (copied,) = open_storage(target).list_blobs(target)
    assert (copied.path, copied.size, copied.crc32c) == (blob.path, blob.size, blob.crc32c)


@pytest.mark.parametrize("size", [0, 1, (9 << 20) + 1], ids=["empty", "one byte", "nine MiB"])
def test_a_copy_of_any_size_holds_the_same_bytes(ends: tuple[str, str], size: int) -> None:
    data = os.urandom(size)
    blob = put(f"{ends[0]}/x", data)

    copy_blob(blob, f"{ends[1]}/x")

    assert open_storage(ends[1]).read(f"{ends[1]}/x") == data


def test_copying_again_leaves_the_copy_as_it_is(ends: tuple[str, str]) -> None:
    blob = put(f"{ends[0]}/x", b"bytes")
    copy_blob(blob, f"{ends[1]}/x")
    before = open_storage(ends[1]).list_blobs(ends[1])

    copy_blob(blob, f"{ends[1]}/x")

    assert open_storage(ends[1]).list_blobs(ends[1]) == before


def test_a_copy_replaces_nothing(ends: tuple[str, str]) -> None:
    blob = put(f"{ends[0]}/x", b"bytes")
    put(f"{ends[1]}/x", b"other")

    with pytest.raises(StorageError, match=r"/x: expected nothing, or 5 bytes .*found 5 bytes") as refused:
        copy_blob(blob, f"{ends[1]}/x")

    assert not isinstance(refused.value, SourceChanged)
    assert open_storage(ends[1]).read(f"{ends[1]}/x") == b"other"


@pytest.mark.parametrize("then", [b"other", b"short", b"longer than it was", b"", None])
def test_a_source_that_changed_since_it_was_listed_is_not_copied(ends: tuple[str, str], then: bytes | None) -> None:
    blob = put(f"{ends[0]}/x", b"bytes")
    if then is None:
        open_storage(ends[0]).delete([blob.uri])
    else:
        put(blob.uri, then)

    with pytest.raises(SourceChanged, match="/source/x: expected 5 bytes"):
        copy_blob(blob, f"{ends[1]}/x")

    assert open_storage(ends[1]).read(f"{ends[1]}/x") is None


def test_a_download_holds_every_object(root: str, tmp_path: Path) -> None:
    storage = open_storage(root)
    for name in ("saved_model.pb", *ODD_NAMES):
        storage.write(f"{root}/{name}", name.encode())

    directory = download(root, tmp_path / "downloaded")

    found = {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    assert found == {name: name.encode() for name in ("saved_model.pb", *ODD_NAMES)}
    assert directory == (tmp_path / "downloaded" if root.startswith("gs://") else Path(root))


@pytest.mark.parametrize(
    "uri",
    [
        *(
            "",
            " ",
            "\n",
            "s3://bucket/x",
            "http://host/x",
            "https://storage.googleapis.com/b/o",
            "gs:/bucket/x",
            "S3://b",
        ),
        *("gs://", "gs:///x", "gs://B/x", "gs://a", "gs://bucket name/x", "gs://bucket/a//b", "gs://bucket/../x"),
        *("gs://bucket/a/./b", f"gs://bucket/{'x' * 1025}", "GS://bucket/x", "a\0b", "file://host/x", "file:/x"),
        *("file:///a/../b", "file:///a%00b", "abfs://x@y/z", "s3:/b", " gs://bucket/x"),
    ],
)
def test_a_uri_of_no_store_is_refused_by_its_name(uri: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        open_storage(uri)

    assert refused.value.found == repr(uri)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/a/b/", "/a/b"),
        ("/a//b/./c", "/a/b/c"),
        ("file:///a%20b/%25", "/a b/%"),
        ("file://localhost/a", "/a"),
        ("/a%20b", "/a%20b"),
        ("/a/x?y#z", "/a/x?y#z"),
        ("file:///a/x?y#z", "/a/x?y#z"),
        ("C:x", f"{Path.cwd()}/C:x"),
        ("models", f"{Path.cwd()}/models"),
        ("../models", f"{Path.cwd().parent}/models"),
    ],
)
def test_local_uris_name_absolute_paths(uri: str, path: str) -> None:
    assert str(local_path(uri)) == path
    assert canonical_uri(uri) == path


@pytest.mark.parametrize("uri", ["gs://bucket/a/b", "gs://bucket/a/b/", "gs://bucket//a/b"])
def test_gcs_uris_have_one_spelling(uri: str) -> None:
    assert local_path(uri) is None
    assert canonical_uri(uri) == "gs://bucket/a/b"


def test_a_bucket_alone_is_a_place_but_no_object(gcs_bucket: str) -> None:
    storage = open_storage(gcs_bucket)

    assert storage.list_blobs(f"{gcs_bucket}/") == []
    with pytest.raises(InvalidValue, match="the URI of an object"):
        storage.read(gcs_bucket)
