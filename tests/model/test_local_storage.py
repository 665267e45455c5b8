"""What only a directory can do: links, full disks, leftovers, locks."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from model.errors import StorageError
from model.local_storage import TEMPORARY_SUFFIX, _temporary, _temporary_path
from model.storage import Blob, copy_blob, download, open_storage

ROOT = Path(__file__).resolve().parents[2]


def paths(directory: Path) -> list[str]:
    return [blob.path for blob in open_storage(str(directory)).list_blobs(str(directory))]


def everything(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


@pytest.fixture
def export(tmp_path: Path) -> Path:
    directory = tmp_path / "export"
    (directory / "variables").mkdir(parents=True)
    (directory / "saved_model.pb").write_bytes(b"graph")
    (directory / "variables" / "data").write_bytes(b"weights")
    return directory


def test_links_inside_an_export_are_followed(export: Path) -> None:
    (export / "assets").symlink_to("variables")
    (export / "again.pb").symlink_to("saved_model.pb")

    assert paths(export) == ["again.pb", "assets/data", "saved_model.pb", "variables/data"]


def test_an_export_that_is_itself_a_link_is_followed(export: Path, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(export)

    assert paths(tmp_path / "latest") == ["saved_model.pb", "variables/data"]
    assert open_storage(str(tmp_path)).subdirectories(str(tmp_path)) == ["export", "latest"]


@pytest.mark.parametrize("target", ["/etc/hostname", "../outside", "nowhere", "itself", ".", "..", "variables/.."])
def test_a_link_that_leads_out_nowhere_or_in_a_circle_is_refused(export: Path, target: str) -> None:
    (export.parent / "outside").write_bytes(b"secret")
    (export / "itself").symlink_to(target)

    with pytest.raises(StorageError, match=r"export/itself: expected symbolic links .* found a link to") as refused:
        paths(export)

    assert target in refused.value.found


def test_a_link_that_is_not_wanted_is_left_alone(export: Path) -> None:
    (export / "notes").symlink_to("/etc")
    blobs = open_storage(str(export)).list_blobs(str(export), wanted=lambda path: path.startswith("variables/"))

    assert [blob.path for blob in blobs] == ["variables/data"]


def test_a_pipe_is_refused_without_waiting_for_it(export: Path) -> None:
    os.mkfifo(export / "variables" / "pipe")

    with pytest.raises(StorageError, match=r"variables/pipe: expected regular files; found a pipe"):
        paths(export)


def test_a_pipe_is_not_read_either(export: Path) -> None:
    os.mkfifo(export / "pipe")

    with pytest.raises(StorageError, match=r"/pipe: expected regular files; found a pipe"):
        open_storage(str(export)).read(str(export / "pipe"))


def test_a_name_that_is_not_utf8_is_refused(export: Path) -> None:
    Path(os.fsdecode(bytes(export) + b"/variables/\xff")).touch()

    with pytest.raises(StorageError, match=r"expected a name in UTF-8; found the bytes b'\\xff'"):
        paths(export)


def test_what_a_crash_left_is_not_listed_and_is_taken_over(tmp_path: Path) -> None:
    storage, target = open_storage("/"), tmp_path / "place" / "x"
    writer = multiprocessing.get_context("spawn").Process(target=_crash_while_writing, args=(target,))
    writer.start()
    writer.join()
    leftovers = everything(tmp_path / "place")

    assert len(leftovers) == 1
    assert leftovers[0].endswith(TEMPORARY_SUFFIX)
    assert paths(tmp_path / "place") == []
    assert storage.subdirectories(str(tmp_path)) == []

    assert storage.create(str(target), b"whole") is True
    assert everything(tmp_path / "place") == ["x"]
    assert target.read_bytes() == b"whole"


def test_what_a_crash_left_just_after_linking_is_not_written_to(tmp_path: Path) -> None:
    storage, target = open_storage("/"), tmp_path / "x"
    storage.write(str(target), b"whole")
    os.link(target, _temporary_path(target))
    reader = target.open("rb")

    storage.write(str(target), b"other")

    with reader:
        assert reader.read() == b"whole"
    assert target.read_bytes() == b"other"
    assert everything(tmp_path) == ["x"]


def _crash_while_writing(target: Path) -> None:
    class Stream:
        chunks = 0

        def read(self, size: int) -> bytes:
            self.chunks += 1
            if self.chunks == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            return bytes(size)

    blob = Blob(uri=str(target), path="x", size=1 << 30, crc32c="", generation="")
    open_storage("/").put(Stream(), str(target), source=blob)  # type: ignore[arg-type]


def _create(directory: str, number: int, results: "multiprocessing.Queue[tuple[int, bool]]") -> None:
    storage = open_storage(directory)
    for each in range(40):
        if storage.create(f"{directory}/{each}", str(number).encode()):
            results.put((each, True))
    results.put((-1, False))


def test_of_many_who_create_an_object_at_once_one_succeeds(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[tuple[int, bool]] = context.Queue()
    creators = [context.Process(target=_create, args=(str(tmp_path), number, results)) for number in range(4)]

    for creator in creators:
        creator.start()
    seen = [results.get(timeout=60) for _ in range(40 + len(creators))]
    for creator in creators:
        creator.join()

    assert sorted(each for each, created in seen if created) == list(range(40))
    assert everything(tmp_path) == sorted(str(each) for each in range(40))


def test_a_writer_at_work_is_waited_for(tmp_path: Path) -> None:
    target = tmp_path / "x"
    other = threading.Thread(target=open_storage("/").write, args=(str(target), b"x"), daemon=True)

    with _temporary(target):
        other.start()
        other.join(0.2)
        waiting, written = other.is_alive(), target.exists()
    other.join(20)

    assert (waiting, written) == (True, False)
    assert target.read_bytes() == b"x"


@pytest.mark.parametrize("method", ["create", "write"])
def test_a_file_where_a_directory_should_be_is_named(tmp_path: Path, method: str) -> None:
    (tmp_path / "models").write_bytes(b"")

    with pytest.raises(StorageError, match=r"/models.*: expected .* A file stands where a directory is needed"):
        getattr(open_storage("/"), method)(f"{tmp_path}/models/rpm/x", b"")


def test_a_directory_where_a_file_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()

    with pytest.raises(StorageError, match="A directory stands where a file is needed"):
        open_storage("/").write(f"{tmp_path}/x", b"")

    assert everything(tmp_path) == ["x"]


def as_child(code: str, *arguments: str, wrapper: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Runs Python code that prints the class and message of a ReleaseError."""
    program = (
        "import sys, resource\nfrom model.errors import ReleaseError\nfrom model.storage import *\n"
        f"try:\n{textwrap.indent(code, '    ')}\n"
        "except ReleaseError as error:\n    print(type(error).__name__, error)\n"
    )
    command = [*wrapper, sys.executable, "-c", program, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_a_file_over_the_limit_of_the_process_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "x").write_bytes(bytes(100_000))
    code = (
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "(blob,) = open_storage('/').list_blobs(sys.argv[1])\n"
        "copy_blob(blob, sys.argv[2])"
    )

    done = as_child(code, f"{tmp_path}/source", f"{tmp_path}/target/x")

    assert done.stdout.startswith("StorageError "), done.stderr
    assert "larger than this process or disk may write" in done.stdout
    assert everything(tmp_path / "target") == []


def _can_mount() -> bool:
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=1m", "none", "/mnt"]
    return bool(shutil.which("unshare")) and subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _can_mount(), reason="needs user namespaces, to mount a small disk")
def test_a_full_disk_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "disk").mkdir()
    (tmp_path / "source" / "x").write_bytes(bytes(3 << 20))
    code = (
        "(blob,) = open_storage('/').list_blobs(sys.argv[1])\n"
        "try:\n    copy_blob(blob, sys.argv[2] + '/x')\n"
        "finally:\n    import os; print(os.listdir(sys.argv[2]))"
    )
    mount = f"mount -t tmpfs -o size=1m none '{tmp_path}/disk' && exec \"$@\""

    done = as_child(code, f"{tmp_path}/source", f"{tmp_path}/disk", wrapper=("unshare", "-rm", "sh", "-c", mount, "sh"))

    assert done.stdout.splitlines()[0] == "[]", done.stderr
    assert done.stdout.splitlines()[1].startswith("StorageError "), done.stdout
    assert "The disk is full. Free space, then run again" in done.stdout


@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv, to give up root's rights")
def test_a_place_without_permission_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    code = "open_storage('/').write(sys.argv[1] + '/x', b'')"
    drop = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()

    done = as_child(code, str(closed), wrapper=drop)

    assert done.stdout.startswith("StorageError "), done.stderr
    assert "Permission denied" in done.stdout
    assert "Give this user access" in done.stdout


def test_deleting_removes_the_directories_that_become_empty(tmp_path: Path) -> None:
    storage = open_storage("/")
    for name in ("1/a/x", "1/y", "2/z"):
        storage.write(f"{tmp_path}/{name}", b"")

    storage.delete([f"{tmp_path}/1/a/x", f"{tmp_path}/1/y"])

    assert everything(tmp_path) == ["2", "2/z"]


def test_a_copy_keeps_clear_of_the_longest_names(tmp_path: Path) -> None:
    name = "x" * 255
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / name).write_bytes(b"x")
    (blob,) = open_storage("/").list_blobs(f"{tmp_path}/source")

    copy_blob(blob, f"{tmp_path}/target/{name}")

    assert (tmp_path / "target" / name).read_bytes() == b"x"


def test_a_local_download_is_the_place_itself(tmp_path: Path) -> None:
    assert download(f"file://{tmp_path}/models", tmp_path / "elsewhere") == tmp_path / "models"
    assert not (tmp_path / "elsewhere").exists()
