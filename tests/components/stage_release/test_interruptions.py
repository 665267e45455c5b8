"""Killed, raced and changed at every point: no half of a release ever counts as one."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.stage_release.claims import Place
from components.stage_release.staging import stage
from components.stage_release.withdrawal import withdraw
from model.errors import SourceChanged
from model.local_storage import TEMPORARY_SUFFIX
from model.release_layout import Release, model_dir_uri
from model.release_records import read_record
from model.storage import open_storage
from tests.components.stage_release.staged import blobs, inspection_of, outcome, start
from tests.gcs import GcsServer
from tests.gcs_proxy import Fault, GcsProxy, gcs_proxy


@pytest.fixture
def export(retail_propensity: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(retail_propensity, tmp_path / "export"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def proxy(gcs_server: GcsServer, gcs_bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[GcsProxy]:
    """What child processes reach the bucket through."""
    with gcs_proxy(gcs_server.url) as between:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", between.url)
        yield between


def require_whole(release: Release) -> None:
    """The release is recorded, and is what its digest says."""
    record = read_record(release.uri)
    assert record
    assert record.release == release
    assert inspection_of(model_dir_uri(release)).digest == release.digest


def leftovers(root: Path) -> list[Path]:
    """Half-written files. A second name of a whole one takes no room, and is never listed."""
    return [path for path in root.rglob(f"*{TEMPORARY_SUFFIX}") if path.stat().st_nlink == 1]


def test_killed_at_any_change_the_same_release_comes_of_the_next_run(export: Path, tmp_path: Path) -> None:
    inspection = inspection_of(export, version_hint=36)
    outcomes: list[object] = []

    for at in range(1, 100):
        root = tmp_path / f"models-{at}"
        outcomes.append(outcome(start(inspection, str(root), then="kill", at=at)))
        recorded = read_record(f"{root}/rpm/releases/36")
        release = stage(inspection, models_root=str(root), model_name="rpm", run_id="again")
        assert release.version == 36
        assert recorded is None or recorded.release == release
        require_whole(release)
        assert leftovers(root) == []
        assert open_storage("/").subdirectories(f"{root}/rpm/releases") == ["36"]
        if outcomes[-1] != "killed":
            break

    assert outcomes[-1] == Release("rpm", 36, inspection.digest, f"{root}/rpm/releases/36")
    assert outcomes.count("killed") == len(outcomes) - 1 >= 10


@pytest.mark.parametrize("at", range(1, 6))
def test_killed_before_any_request_that_changes_a_bucket_the_next_run_completes(
    export: Path, gcs_bucket: str, proxy: GcsProxy, at: int
) -> None:
    """Five requests change it: the claim, three copies, and the record."""
    inspection, root = inspection_of(export, version_hint=36), f"{gcs_bucket}/models"
    children: list[subprocess.Popen[str]] = []
    passed = Fault("POST /upload", status=0, times=at - 1)
    proxy.faults += [passed, Fault("POST /upload", status=503, first=lambda: children[0].kill())]

    children.append(start(inspection, root))

    assert outcome(children[0]) == "killed"
    assert read_record(f"{root}/rpm/releases/36") is None
    proxy.faults.clear()
    release = stage(inspection, models_root=root, model_name="rpm", run_id="again")
    assert release.version == 36
    require_whole(release)


def test_at_once_and_of_the_same_files_there_is_one_release(export: Path, root: Path) -> None:
    inspection = inspection_of(export, version_hint=36)

    releases = [outcome(process) for process in [start(inspection, str(root)) for _ in range(4)]]

    assert len(set(releases)) == 1
    assert isinstance(releases[0], Release)
    require_whole(releases[0])
    assert open_storage("/").subdirectories(f"{root}/rpm/releases") == ["36"]
    assert leftovers(root) == []


def test_at_once_and_of_different_files_no_version_is_shared(
    export: Path, retail_retrained: Path, half_plus_two: Path, gcs_bucket: str, proxy: GcsProxy, root: Path
) -> None:
    for place in (str(root), f"{gcs_bucket}/models"):
        inspections = [inspection_of(each, version_hint=36) for each in (export, retail_retrained, half_plus_two)]

        releases = [outcome(process) for process in [start(each, place) for each in inspections]]

        assert sorted(each.version for each in releases if isinstance(each, Release)) == [36, 37, 38]
        for inspection, release in zip(inspections, releases, strict=True):
            assert isinstance(release, Release)
            assert release.digest == inspection.digest
            require_whole(release)


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index", "fingerprint.pb", "assets/new"])
def test_an_export_that_changes_at_any_time_is_never_half_released(export: Path, tmp_path: Path, name: str) -> None:
    seen: list[object] = []
    (export / "assets").mkdir()
    inspection = inspection_of(export, version_hint=36)
    before = {path: path.read_bytes() for path in export.rglob("*") if path.is_file()}

    for at in range(1, 100):
        root = tmp_path / f"models-{at}"
        seen.append(outcome(start(inspection, str(root), then=str(export / name), at=at)))
        (export / name).unlink(missing_ok=True)
        for path, data in before.items():
            path.write_bytes(data)
        if isinstance(seen[-1], Release):
            require_whole(seen[-1])
            break
        assert seen[-1] == "SourceChanged"
        assert [path for path in root.rglob("*") if path.is_file()] == []

    assert isinstance(seen[-1], Release)
    assert len(seen) > 5


def test_a_bucket_keeps_nothing_of_an_export_that_changed(export: Path, gcs_bucket: str, proxy: GcsProxy) -> None:
    inspection = inspection_of(export, version_hint=36)

    def change() -> None:
        (export / "variables" / "variables.index").write_bytes(b"new")

    proxy.faults.append(Fault("POST /upload", status=0, first=change))

    with pytest.raises(SourceChanged):
        stage(inspection, models_root=f"{gcs_bucket}/models", model_name="rpm", run_id="run-1")

    assert proxy.faults[0].seen == 1
    assert blobs(gcs_bucket) == []


def test_a_release_is_never_withdrawn(export: Path, root: Path) -> None:
    release = stage(inspection_of(export), models_root=str(root), model_name="rpm", run_id="run-1")
    before = blobs(release.uri)

    withdraw(Place(str(root), "rpm"), release.version, storage=open_storage("/"))

    assert [(blob.path, blob.crc32c) for blob in blobs(release.uri)] == [(b.path, b.crc32c) for b in before]


def test_who_shares_a_claim_that_is_withdrawn_does_not_make_a_release(
    export: Path, gcs_bucket: str, proxy: GcsProxy
) -> None:
    """The other run withdraws between our last comparison and our record."""
    inspection, root = inspection_of(export, version_hint=36), f"{gcs_bucket}/models"

    def other() -> None:
        withdraw(Place(root, "rpm"), 36, storage=open_storage(root))

    is_record = "POST /upload"
    proxy.faults += [Fault(is_record, status=0, times=4), Fault(is_record, status=0, first=other)]

    assert outcome(start(inspection, root)) == "StorageError"
    assert blobs(root) == []


def test_an_abandoned_claim_is_not_adopted(export: Path, root: Path) -> None:
    inspection = inspection_of(export, version_hint=36)
    storage = open_storage("/")
    storage.write(
        f"{root}/rpm/releases/36/claim.json",
        f'{{"digest": "{inspection.digest}", "run_id": "", "created_at": "", "abandoned": true}}'.encode(),
    )

    assert stage(inspection, models_root=str(root), model_name="rpm", run_id="run-1").version == 37
