import subprocess
import sys
from pathlib import Path

from components.platforms.local.locks import FileLock


def test_an_exclusive_lock_is_had_once_and_names_its_holder(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "a.lock"), FileLock(tmp_path / "a.lock")

    assert first.try_acquire(note="run 1")
    assert not second.try_acquire(note="run 2")
    assert second.note() == "run 1"
    first.release()
    assert second.try_acquire(note="run 2")
    second.release()


def test_shared_locks_keep_out_an_exclusive_one(tmp_path: Path) -> None:
    locks = [FileLock(tmp_path / "a.lock") for _ in range(3)]

    assert locks[0].try_acquire(shared=True)
    assert locks[1].try_acquire(shared=True)
    assert not locks[2].try_acquire()
    for lock in locks:
        lock.release()


def test_a_lock_ends_with_a_killed_holder(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time\nfrom components.platforms.local.locks import FileLock\n"
        "lock = FileLock(pathlib.Path(sys.argv[1])); lock.try_acquire()\n"
        "print('held', flush=True); time.sleep(60)"
    )
    path = tmp_path / "a.lock"
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        taken = FileLock(path)
        assert not taken.try_acquire()
        holder.kill()
        holder.wait()

        assert taken.try_acquire()
        taken.release()
