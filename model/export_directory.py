"""Which SavedModel a URI means: the directory itself, or the newest of several exports in it.

    export/                     the URI that a user gives
    ├── 36/saved_model.pb       a number, as Keras and TensorFlow Serving users name exports
    ├── V_37/saved_model.pb     a name that ends in a number: the newest, since 37 > 36
    ├── temp-1646034756/        half-written, as Estimators name what they have not finished: passed over
    └── notes/                  no saved_model.pb: passed over

The rule: of the directories directly below that hold a saved_model.pb, the one whose name ends in the highest number
counts, whatever stands before it. One that has no number counts only if it is the only export.
"""

import logging
import re
from collections.abc import Sequence

from model.errors import InvalidValue, NotASavedModel
from model.savedmodel import EXPORT_AGAIN, FILE_NAME
from model.storage import Storage, canonical_uri

log = logging.getLogger(__name__)

#: TensorFlow Serving keeps versions in an int64.
MAX_VERSION = 2**63 - 1
TEXT_FILE_NAME = "saved_model.pbtxt"
_NUMBER_AT_END = re.compile(r"(?a:\d+)$")
_SHOWN_NAMES = 12


def resolve_export(export_uri: str, *, storage: Storage) -> str:
    """The URI of the SavedModel directory that `export_uri` means: an absolute path or gs://, no slash at its end.

    Raises:
        InvalidValue: no store has such a URI, or several exports could be meant.
        NotASavedModel: there is no SavedModel at or directly below the URI.
        StorageError: the store refuses.
    """
    uri = canonical_uri(export_uri)
    if _holds_saved_model(uri, storage=storage):
        return uri
    names = [name for name in storage.subdirectories(uri) if not name.startswith("temp-")]
    newest_first = sorted(names, key=lambda name: (-version_hint(name), name))
    numbered = [name for name in newest_first if version_hint(name)]
    for position, name in enumerate(numbered):
        if _holds_saved_model(f"{uri}/{name}", storage=storage):
            _refuse_equals(name, others=numbered[position + 1 :], uri=uri, storage=storage)
            if len(numbered) > 1:
                log.info("%s holds several exports: %s is the newest", uri, name)
            return f"{uri}/{name}"
    return f"{uri}/{_only_export(newest_first[len(numbered) :], uri=uri, storage=storage)}"


def version_hint(uri: str) -> int:
    """The number at the end of the directory's name: 36 for `…/V_36` and `…/0036`, 0 where there is none or where it is
    above 2**63 - 1."""
    number = _NUMBER_AT_END.search(uri.rstrip("/").rpartition("/")[2])
    hint = int(number[0]) if number and len(number[0].lstrip("0")) <= len(str(MAX_VERSION)) else 0
    return hint if hint <= MAX_VERSION else 0


def _holds_saved_model(uri: str, *, storage: Storage) -> bool:
    return storage.read(f"{uri}/{FILE_NAME}") is not None


def _refuse_equals(name: str, *, others: Sequence[str], uri: str, storage: Storage) -> None:
    equals = [other for other in others if version_hint(other) == version_hint(name)]
    equals = [other for other in equals if _holds_saved_model(f"{uri}/{other}", storage=storage)]
    if equals:
        raise InvalidValue(
            expected="one newest export",
            found=f"{', '.join([name, *equals])}, which end in the same number",
            where=uri,
            do="Set export_uri to the one that is meant.",
        )


def _only_export(names: Sequence[str], *, uri: str, storage: Storage) -> str:
    exports = [name for name in names if _holds_saved_model(f"{uri}/{name}", storage=storage)]
    if len(exports) > 1:
        raise InvalidValue(
            expected="one export, or several whose names end in a number",
            found=f"{_list(exports)}, of which none says that it is the newest",
            where=uri,
            do="Set export_uri to the one that is meant.",
        )
    if not exports:
        raise _nothing_there(uri, storage=storage)
    return exports[0]


def _nothing_there(uri: str, *, storage: Storage) -> NotASavedModel:
    paths = [blob.path for blob in storage.list_blobs(uri)]
    names = sorted({path.partition("/")[0] + "/" * ("/" in path) for path in paths})
    found = _list(names) if names else "nothing there"
    if not names and storage.read(uri) is not None:
        names, found = [uri.rpartition("/")[2]], "a file"
    return NotASavedModel(
        expected=f"a SavedModel directory (it holds {FILE_NAME}), or a directory of such exports",
        found=found,
        where=uri,
        do=_what_to_do(names, deeper=_deeper(paths, uri=uri)),
    )


def _deeper(paths: Sequence[str], *, uri: str) -> list[str]:
    """The directories below, of exports that stand too deep to be found."""
    found = {path.removesuffix(f"/{FILE_NAME}").rpartition("/")[0] for path in paths if path.endswith(f"/{FILE_NAME}")}
    return sorted(f"{uri}/{each}" for each in found if each)


def _what_to_do(names: Sequence[str], *, deeper: Sequence[str]) -> str:
    if deeper:
        return f"There are exports below it: pass {_list(deeper)}."
    if FILE_NAME in names:
        return f"Pass the directory that holds {FILE_NAME}."
    if TEXT_FILE_NAME in names:
        return f"Model servers do not load {TEXT_FILE_NAME}: export with as_text=False."
    if not names:
        return "Check export_uri for typing errors."
    if any(name.startswith("temp-") for name in names):
        return "A temp- directory is an export that was never finished: export again."
    if any(name.endswith((".keras", ".h5", ".hdf5")) for name in names):
        return "A .keras or .h5 file is no SavedModel: load it and call model.export(directory)."
    if any(name.startswith("model.ckpt") or name == "checkpoint" for name in names):
        return f"A checkpoint holds variables and no graph. {EXPORT_AGAIN}"
    return EXPORT_AGAIN


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(names[:_SHOWN_NAMES]) + more
