"""The sample below a URI of any store, where the compiled pipeline's defaults look for it."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from model.sample.export import export
from model.sample.places import EXPORTS, VISITS
from model.sample.visits import write_visits
from model.storage import copy_blob, open_storage

#: As an Estimator names the directory of an export: by its second.
EXPORT = f"{EXPORTS}/1646034756"


def publish(root: str, *, rows: int, told: Callable[[str], None] = lambda uri: None) -> None:
    """Writes the model to root/sample/exports/1646034756, and labelled visits to root/sample/visits.csv; what stands
    there already stays. told: is given each object's URI when it is there.

    Raises:
        InvalidValue: `root` names no store of ours, or `rows` is out of range.
        StorageError: the store refuses, or something else stands there.
    """
    open_storage(root)
    with tempfile.TemporaryDirectory() as directory:
        export(Path(directory, EXPORT))
        write_visits(Path(directory, VISITS), rows=rows)
        blobs = open_storage(directory).list_blobs(directory)
        # What makes it a SavedModel comes last, so that half a copy is none.
        for blob in sorted(blobs, key=lambda blob: blob.path.endswith("saved_model.pb")):
            uri = f"{root.rstrip('/')}/{blob.path}"
            copy_blob(blob, uri)
            told(uri)
