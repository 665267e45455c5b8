"""Reading what `release.json` says of a release."""

from model.errors import StorageError
from model.release_layout import ReleaseRecord, record_uri
from model.storage import open_storage


def read_record(uri: str) -> ReleaseRecord | None:
    """The record of the release whose base path is `uri`; None where no release stands.

    Raises:
        InvalidValue: `uri` names no store of ours.
        StorageError: the store refuses, or the record is damaged.
    """
    data = open_storage(uri).read(record_uri(uri))
    return None if data is None else parse_record(data, where=record_uri(uri))


def parse_record(data: bytes, *, where: str) -> ReleaseRecord:
    """Decodes a release.json; `where` names it in errors.

    Raises:
        StorageError: it is damaged.
    """
    try:
        return ReleaseRecord.from_json(data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageError(
            expected="the record of a release, as JSON",
            found=f"{data[:40]!r}… ({error})",
            where=where,
            do="Something else wrote there. Restore the file, or remove the release's directory and release again.",
        ) from error
