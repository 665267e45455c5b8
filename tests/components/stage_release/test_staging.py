import json
import shutil
from pathlib import Path

import pytest

from components.contracts import Inspection
from components.stage_release.claims import MAX_VERSION, Claim
from components.stage_release.component import stage_release
from components.stage_release.staging import stage
from model import json_codec
from model.errors import InvalidValue, NotASavedModel, SourceChanged, StorageError
from model.release_files import release_files
from model.release_layout import Release, model_dir_uri, record_uri
from model.release_records import read_record
from model.savedmodel import read_saved_model
from model.storage import copy_blob, open_storage
from tests.components.stage_release.staged import blobs, inspection_of

KINDS = ("local", "gs")


@pytest.fixture(params=KINDS)
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "gs":
        return f"{request.getfixturevalue('gcs_bucket')}/models"
    return str(tmp_path / "models")


@pytest.fixture
def export(retail_propensity: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(retail_propensity, tmp_path / "V_36"))


@pytest.fixture
def retrained(retail_retrained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(retail_retrained, tmp_path / "V_37"))


def staged(export: object, root: str, *, hint: int = 0, name: str = "rpm") -> Release:
    return stage(inspection_of(export, version_hint=hint), models_root=root, model_name=name, run_id="run-1")


def paths(uri: str) -> list[str]:
    return [blob.path for blob in blobs(uri)]


def test_a_release_is_laid_out_as_a_base_path_with_one_version(export: Path, root: str) -> None:
    release = staged(export, root, hint=36)

    assert release == Release("rpm", 36, inspection_of(export).digest, f"{root}/rpm/releases/36")
    assert paths(root) == sorted(
        ["rpm/releases/36/claim.json", "rpm/releases/36/release.json"]
        + [f"rpm/releases/36/36/{path.relative_to(export)}" for path in export.rglob("*") if path.is_file()]
    )


def test_the_record_holds_signatures_files_and_source(several_signatures: Path, root: str) -> None:
    release = staged(several_signatures, root)
    record = read_record(release.uri)

    assert record
    assert record.release == release
    assert record.signatures == read_saved_model(model_dir_uri(release), storage=open_storage(root)).signatures
    assert {signature.name for signature in record.signatures} == {"serving_default", "scaled"}
    assert [(file.path, file.size, file.crc32c) for file in record.files] == [
        (blob.path, blob.size, blob.crc32c) for blob in blobs(model_dir_uri(release))
    ]
    assert (record.source_uri, record.run_id) == (str(several_signatures), "run-1")
    assert record.created_at.endswith("+00:00")


def test_only_what_belongs_to_the_model_is_released(vocabulary: Path, tmp_path: Path, root: str) -> None:
    export = Path(shutil.copytree(vocabulary, tmp_path / "export"))
    (export / "assets.extra").mkdir()
    for name in ("events.out", "keras_metadata.pb", "assets.extra/requests"):
        (export / name).write_bytes(b"x")
    (export / "checkpoints").mkdir()
    (export / "checkpoints" / "saved_model.pb").write_bytes(b"x")

    release = staged(export, root)

    kept = {blob.path for blob in release_files(blobs(str(export)))}
    assert set(paths(model_dir_uri(release))) == kept
    assert {"assets/words.txt", "assets.extra/requests", "saved_model.pb"} <= kept
    assert not {"events.out", "checkpoints/saved_model.pb"} & kept


def test_the_same_files_again_are_the_same_release(export: Path, retrained: Path, root: str, tmp_path: Path) -> None:
    first = staged(export, root, hint=36)
    second = staged(retrained, root, hint=37)
    copy = shutil.copytree(export, tmp_path / "elsewhere" / "V_99")
    before = blobs(root)

    assert staged(export, root, hint=36) == first
    assert staged(copy, root, hint=99) == first
    assert staged(retrained, root) == second
    assert blobs(root) == before


def test_a_release_may_be_released_under_another_name_or_kind_of_store(
    export: Path, root: str, tmp_path: Path, gcs_bucket: str
) -> None:
    first = staged(export, root, hint=36)

    for other in (f"{tmp_path}/other", f"{gcs_bucket}/other"):
        copied = staged(model_dir_uri(first), other, hint=36)
        assert copied.digest == first.digest
        assert [(blob.path, blob.crc32c) for blob in blobs(model_dir_uri(copied))] == [
            (blob.path, blob.crc32c) for blob in blobs(model_dir_uri(first))
        ]


def test_an_earlier_release_is_found_when_it_is_given_as_export(export: Path, retrained: Path, root: str) -> None:
    first = staged(export, root)
    staged(retrained, root)

    assert staged(model_dir_uri(first), root) == first


def test_a_root_that_was_moved_keeps_its_releases(export: Path, tmp_path: Path) -> None:
    first = staged(export, f"{tmp_path}/before", hint=36)
    (tmp_path / "before").rename(tmp_path / "after")

    found = staged(export, f"{tmp_path}/after")

    assert found.uri == first.uri.replace("/before/", "/after/")
    assert found.version == 36


def test_version_numbers(export: Path, retrained: Path, half_plus_two: Path, no_variables: Path, root: str) -> None:
    assert staged(export, root, hint=36).version == 36
    assert staged(retrained, root, hint=36).version == 37
    assert staged(half_plus_two, root, hint=5).version == 5
    assert staged(no_variables, root).version == 38


def test_a_number_that_json_readers_would_round_is_no_version(export: Path, root: str) -> None:
    assert staged(export, root, hint=MAX_VERSION + 1).version == 1


def test_the_first_release_without_a_number_is_1(export: Path, root: str) -> None:
    assert staged(export, root).version == 1


def test_directories_that_are_no_versions_are_left_alone(export: Path, root: str) -> None:
    for name in ("latest/x", "007/x", "-3/x", "12abc/x", "notes.txt"):
        open_storage(root).write(f"{root}/rpm/releases/{name}", b"x")

    assert staged(export, root).version == 1


def test_what_somebody_else_put_there_takes_its_number(export: Path, root: str) -> None:
    open_storage(root).write(f"{root}/rpm/releases/36/36/saved_model.pb", b"x")

    release = staged(export, root, hint=36)

    assert release.version == 37
    assert open_storage(root).read(f"{root}/rpm/releases/36/36/saved_model.pb") == b"x"


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"release": 3}', b"\xff\xfe"])
def test_a_damaged_record_or_claim_takes_its_number(export: Path, root: str, damage: bytes) -> None:
    open_storage(root).write(f"{root}/rpm/releases/3/release.json", damage)
    open_storage(root).write(f"{root}/rpm/releases/5/claim.json", damage)

    assert staged(export, root).version == 6
    with pytest.raises(StorageError, match=r"releases/3/release.json: expected the record of a release"):
        read_record(f"{root}/rpm/releases/3")


def claim(root: str, version: int, *, digest: str) -> None:
    data = json_codec.to_json(Claim(digest=digest, run_id="other", created_at="2026-01-01T00:00:00+00:00"))
    open_storage(root).write(f"{root}/rpm/releases/{version}/claim.json", data.encode())


def test_a_claim_for_the_same_files_is_completed(export: Path, root: str) -> None:
    inspection = inspection_of(export, version_hint=36)
    claim(root, 12, digest=inspection.digest)
    first = next(blob for blob in blobs(str(export)) if blob.path.startswith("variables/"))
    copy_blob(first, f"{root}/rpm/releases/12/12/{first.path}")

    release = stage(inspection, models_root=root, model_name="rpm", run_id="run-1")

    assert release.version == 12
    assert inspection_of(model_dir_uri(release)).digest == inspection.digest


def test_a_claim_for_other_files_is_left_alone(export: Path, root: str) -> None:
    claim(root, 36, digest="sha256:other")

    assert staged(export, root, hint=36).version == 37
    assert paths(f"{root}/rpm/releases/36") == ["claim.json"]


def test_a_foreign_file_in_the_claimed_place_is_not_replaced(export: Path, root: str) -> None:
    inspection = inspection_of(export)
    claim(root, 4, digest=inspection.digest)
    place = f"{root}/rpm/releases/4"
    open_storage(root).write(f"{place}/4/saved_model.pb", b"foreign")

    with pytest.raises(StorageError, match=r"4/4/saved_model.pb: expected nothing, or .* found 7 bytes") as refused:
        stage(inspection, models_root=root, model_name="rpm", run_id="run-1")

    assert not isinstance(refused.value, SourceChanged)
    assert read_record(place) is None
    assert open_storage(root).read(f"{place}/4/saved_model.pb") == b"foreign"


def test_a_foreign_file_too_many_is_refused(export: Path, root: str) -> None:
    inspection = inspection_of(export)
    claim(root, 4, digest=inspection.digest)
    place = f"{root}/rpm/releases/4"
    open_storage(root).write(f"{place}/4/assets/foreign", b"foreign")

    with pytest.raises(StorageError, match=r"4/4/assets/foreign: expected no file; found 7 bytes"):
        stage(inspection, models_root=root, model_name="rpm", run_id="run-1")

    assert read_record(place) is None


def test_a_release_that_lost_a_file_is_not_handed_out(export: Path, root: str) -> None:
    release = staged(export, root)
    open_storage(root).delete([f"{model_dir_uri(release)}/variables/variables.index"])

    with pytest.raises(StorageError, match=r"variables.index: expected \d+ bytes .* found no file"):
        staged(export, root)


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index", "variables/new", "assets/new"])
def test_an_export_that_changed_since_its_inspection_is_refused_untouched(export: Path, root: str, name: str) -> None:
    inspection = inspection_of(export)
    (export / name).parent.mkdir(exist_ok=True)
    with (export / name).open("ab") as file:
        file.write(b"more")

    with pytest.raises(SourceChanged, match=f"{export}: expected the files that were inspected, sha256:"):
        stage(inspection, models_root=root, model_name="rpm", run_id="run-1")

    assert blobs(root) == []


def test_what_is_no_savedmodel_is_refused_untouched(export: Path, root: str) -> None:
    (export / "saved_model.pb").write_bytes(b"\xff" * 100)

    with pytest.raises(NotASavedModel):
        staged(export, root)
    (export / "saved_model.pb").unlink()
    with pytest.raises(SourceChanged, match="no such file"):
        staged(export, root)

    assert blobs(root) == []


@pytest.mark.parametrize("name", ["", "a/b", "..", "a..b", "-x", "x-candidate", "x" * 54, "a b", "ä", "x\n"])
def test_a_model_name_that_breaks_the_rule_is_refused(export: Path, root: str, name: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        staged(export, root, name=name)

    assert refused.value.found == repr(name)
    assert blobs(root) == []


@pytest.mark.parametrize("uri", ["", "s3://bucket/models", "gs://", "gs:/bucket/models", "gs://bucket/../x"])
def test_a_root_of_no_store_is_refused(export: Path, uri: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        staged(export, uri)

    assert refused.value.found == repr(uri)


def test_releases_inside_their_export_are_refused(export: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(export / "assets")

    for root in (export, export / "variables", tmp_path / "link"):
        with pytest.raises(InvalidValue, match="models_root: expected a place outside the export"):
            staged(export, str(root))


def test_an_export_inside_the_releases_that_is_none_is_refused(export: Path, root: str) -> None:
    for blob in blobs(str(export)):
        copy_blob(blob, f"{root}/rpm/releases/7/7/{blob.path}")

    with pytest.raises(InvalidValue, match="export_uri: expected an export outside the releases"):
        staged(f"{root}/rpm/releases/7/7", root)


def test_a_root_that_is_a_file_is_named(export: Path, tmp_path: Path) -> None:
    (tmp_path / "models").write_bytes(b"")

    with pytest.raises(StorageError, match=f"{tmp_path}/models.* A file stands where a directory is needed"):
        staged(export, f"{tmp_path}/models")


def test_the_component_hands_over_the_release_as_json(export: Path, root: str) -> None:
    inspection = inspection_of(export, version_hint=36)

    release, version = stage_release(inspection.to_json(), models_root=root, model_name="rpm", run_id="run-1")

    assert version == 36
    assert Release.from_json(release) == staged(export, root)


def test_the_component_ends_red_with_the_reason(export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAVEDMODEL_RELEASE_RUN_DIRECTORY", str(tmp_path))
    inspection = Inspection(str(export), "sha256:other", 0, inspection_of(export).signature)

    with pytest.raises(SystemExit) as ended:
        stage_release(inspection.to_json(), models_root=f"{tmp_path}/models", model_name="rpm", run_id="run-1")

    failure = json.loads((tmp_path / "failure.json").read_text())
    assert ended.value.code == 1
    assert (failure["failed_step"], failure["error"]["kind"]) == ("stage_release", "SourceChanged")


def test_among_many_releases_the_same_files_are_found(export: Path, tmp_path: Path) -> None:
    first = staged(export, f"{tmp_path}/models", hint=1)
    record = Path(record_uri(first.uri)).read_text()
    for version in range(2, 60):
        other = tmp_path / "models" / "rpm" / "releases" / str(version) / "release.json"
        other.parent.mkdir()
        other.write_text(record.replace(first.digest, f"sha256:{version}"))

    assert staged(export, f"{tmp_path}/models") == first
