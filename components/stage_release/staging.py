"""Making an immutable release of an export.

The order is what makes it safe: claim a version number, copy, compare both ends, write the record. A release exists if
and only if its record does, so a crash at any point leaves none, and the next run completes what it finds.
"""

import logging
import os
from collections.abc import Sequence

from components.contracts import Inspection
from components.parameters import check_model_name
from components.stage_release.claims import Place, adoptable, claim_version
from components.stage_release.clock import now
from components.stage_release.copying import SAVED_MODEL, compare, copy_files
from components.stage_release.search import find
from components.stage_release.withdrawal import withdraw
from model.errors import InvalidValue, SourceChanged, StorageError
from model.release_files import content_digest, list_release_files
from model.release_layout import (
    Release,
    ReleasedFile,
    ReleaseRecord,
    model_dir_uri,
    record_uri,
    releases_uri,
)
from model.release_records import parse_record
from model.savedmodel import parse_saved_model
from model.signature import Signature
from model.storage import Blob, Storage, canonical_uri, local_path, open_storage

log = logging.getLogger(__name__)


def stage(
    inspection: Inspection, *, models_root: str, model_name: str, run_id: str, platform: str = "local"
) -> Release:
    """Copies the inspected export into a release of its own, or finds the release that holds these very files.

    Raises:
        InvalidValue: a name or URI that breaks a rule, or one place inside the other.
        SourceChanged: the export is not, or does not stay, what was inspected; nothing is left of the release.
        StorageError: a store refuses, or something else stands where the release should.
    """
    place = Place(canonical_uri(models_root), check_model_name(model_name, platform=platform))
    export_uri = canonical_uri(inspection.export_uri)
    _refuse_nesting(export_uri, place)
    files = _inspected_files(inspection, export_uri)
    storage = open_storage(place.models_root)
    found = find(place, digest=inspection.digest, storage=storage)
    if found.record:
        return _existing(place, found.version, found.record, storage=storage)
    _refuse_leftover(export_uri, place)
    signatures = _signatures(files)
    version = found.version or claim_version(
        place,
        digest=inspection.digest,
        run_id=run_id,
        hint=inspection.version_hint,
        taken=found.taken,
        storage=storage,
    )
    release = Release(model_name=model_name, version=version, digest=inspection.digest, uri=place.uri(version))
    record = ReleaseRecord(
        release=release,
        signatures=signatures,
        files=tuple(ReleasedFile(file.path, file.size, file.crc32c) for file in files),
        source_uri=export_uri,
        run_id=run_id,
        created_at=now(),
    )
    _complete(record, files, place=place, storage=storage)
    return release


def _complete(record: ReleaseRecord, files: Sequence[Blob], *, place: Place, storage: Storage) -> None:
    release = record.release
    total = sum(file.size for file in files)
    log.info(
        "staging %s as version %d: %d files, %s bytes", record.source_uri, release.version, len(files), f"{total:,}"
    )
    try:
        copy_files(files, model_dir_uri(release), storage=storage)
        compare(files, model_dir_uri(release), storage=storage)
        _require_unchanged(record.source_uri, digest=release.digest, do="Nothing was released. Run again.")
        _write_record(record, place=place, storage=storage)
    except SourceChanged:
        withdraw(place, release.version, storage=storage)
        raise
    log.info("%s is release %d of %s", release.uri, release.version, release.model_name)


def _write_record(record: ReleaseRecord, *, place: Place, storage: Storage) -> None:
    """Makes the release one. Another run that did the same meanwhile is as well: its record stands."""
    release, uri = record.release, record_uri(record.release.uri)
    if not storage.create(uri, record.to_json().encode()):
        other = storage.read(uri)
        if other is None or parse_record(other, where=uri).release.digest != release.digest:
            found = "the record of another release"
            raise StorageError(expected="no record yet", found=found, where=uri, do="Run again.")
    if not adoptable(place, release.version, digest=release.digest, storage=storage):
        # A run that shared this claim saw its export change, and is removing the files.
        storage.delete([uri])
        do = "Another run of the same files gave them up. Run again."
        raise StorageError(expected="the claim of this version", found="none any more", where=release.uri, do=do)


def _existing(place: Place, version: int, record: ReleaseRecord, *, storage: Storage) -> Release:
    """The release as it stands, whole; its place is where it was found, in case the root has been moved."""
    release = Release(place.model_name, version, record.release.digest, place.uri(version))
    recorded = [Blob(file.path, file.path, file.size, file.crc32c, "") for file in record.files]
    compare(recorded, model_dir_uri(release), storage=storage)
    log.info("these files are release %d already: %s", version, release.uri)
    return release


def _inspected_files(inspection: Inspection, export_uri: str) -> tuple[Blob, ...]:
    storage = open_storage(export_uri)
    files = list_release_files(export_uri, storage=storage)
    _require_digest(files, export_uri, digest=inspection.digest, do="Inspect it again.")
    return files


def _require_unchanged(export_uri: str, *, digest: str, do: str) -> None:
    files = list_release_files(export_uri, storage=open_storage(export_uri))
    _require_digest(files, export_uri, digest=digest, do=do)


def _require_digest(files: Sequence[Blob], export_uri: str, *, digest: str, do: str) -> None:
    found = content_digest(files)
    if found != digest:
        raise SourceChanged(
            expected=f"the files that were inspected, {digest}",
            found=f"{len(files)} files, {found}",
            where=export_uri,
            do=f"The export changed, or is still being written. Release it when its writer is done. {do}",
        )


def _signatures(files: Sequence[Blob]) -> tuple[Signature, ...]:
    """All signatures, for later releases to be compared with."""
    file = next((each for each in files if each.path == SAVED_MODEL), None)
    data = open_storage(file.uri).read(file.uri) if file else None
    if file is None or data is None:
        where = file.uri if file else SAVED_MODEL
        raise SourceChanged(expected=SAVED_MODEL, found="no such file", where=where, do="Run again.")
    return parse_saved_model(data, where=file.uri).signatures


def _refuse_nesting(export_uri: str, place: Place) -> None:
    """A release below its own export would be lost with it."""
    if _is_below(releases_uri(place.models_root, place.model_name), export_uri):
        raise InvalidValue(
            expected="a place outside the export",
            found=place.models_root,
            where="models_root",
            do=f"Releases would stand inside {export_uri}. Choose another models_root.",
        )


def _refuse_leftover(export_uri: str, place: Place) -> None:
    """An export below the releases that is none of them: half of one, or put there by hand."""
    if _is_below(export_uri, releases_uri(place.models_root, place.model_name)):
        raise InvalidValue(
            expected="an export outside the releases, or one of the releases",
            found=export_uri,
            where="export_uri",
            do="Nothing below the releases is ever changed or released anew. Give the trainer's own export.",
        )


def _is_below(uri: str, parent: str) -> bool:
    """Whether one place is, or is inside, the other; symbolic links are seen through."""
    places = [local_path(each) for each in (uri, parent)]
    inner, outer = (os.path.realpath(path) if path else each for path, each in zip(places, (uri, parent), strict=True))
    return f"{inner}/".startswith(f"{outer}/")
