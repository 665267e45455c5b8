"""What an export holds, and whether it can be released."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model.dtypes import COLUMN_DTYPES
from model.errors import NotASavedModel, RowsMismatch, SignatureNotFound
from model.examples import needs_examples
from model.export_directory import resolve_export, version_hint
from model.release_files import content_digest, list_release_files
from model.savedmodel import DEFAULT_SIGNATURE, SavedModel, read_saved_model
from model.signature import Signature, TensorSpec, format_shape
from model.storage import Blob, Storage, open_storage
from model.unsafe_ops import UnsafeOperation, check_allowed, find_unsafe, refuse_unsafe
from model.variables import Variable, check_variables_are_there, read_variables

if TYPE_CHECKING:
    from components.contracts import Inspection

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class File:
    """One file of the export; `size` in bytes."""

    path: str
    size: int


@dataclass(frozen=True)
class Description:
    """Everything that can be told about an export without running it.

    export_uri: the SavedModel directory that was resolved. tag_sets: of all its meta graphs.
    signatures, operations (name -> how often), assets (file names), unsafe: of the meta graph that is served.
    files: those that belong to a release.
    """

    export_uri: str
    tensorflow_version: str
    tag_sets: tuple[tuple[str, ...], ...]
    signatures: tuple[Signature, ...]
    operations: Mapping[str, int]
    variables: tuple[Variable, ...]
    assets: tuple[str, ...]
    files: tuple[File, ...]
    unsafe: tuple[UnsafeOperation, ...]


@dataclass(frozen=True)
class _Export:
    """An export that was read whole, and is the same from here on."""

    uri: str
    saved_model: SavedModel
    blobs: tuple[Blob, ...]
    variables: tuple[Variable, ...]


def describe(export_uri: str, *, storage: Storage | None = None) -> Description:
    """Describes an export, releasable or not.

    Raises:
        InvalidValue: it is not clear which of several exports is meant.
        NotASavedModel: there is none, or it is damaged, or its variables are cut short.
        StorageError: the store refuses.
    """
    return _description(_read(export_uri, storage=storage or open_storage(export_uri)), allow_operations=())


def inspect(
    export_uri: str,
    *,
    signature_name: str = DEFAULT_SIGNATURE,
    allow_operations: Sequence[str] = (),
    storage: Storage | None = None,
) -> "tuple[Inspection, Description]":
    """Describes an export and refuses it unless it can be released.

    Raises:
        InvalidValue: an operation is allowed that no check refuses, or several exports could be meant.
        NotASavedModel: there is none, or it is damaged, or its variables are cut short.
        SignatureNotFound: it has no signature of that name.
        UnsafeOperations: its graph or function library holds some that are not allowed.
        RowsMismatch: the signature takes something that no column can hold, such as serialized tf.Example.
        StorageError: the store refuses.
    """
    from components.contracts import Inspection  # a tenth of the time that describing takes, and not needed for it

    check_allowed(allow_operations)
    export = _read(export_uri, storage=storage or open_storage(export_uri))
    description = _description(export, allow_operations=allow_operations)
    signature = _signature(export, signature_name)
    refuse_unsafe(description.unsafe, where=export.uri)
    refuse_unfeedable(signature, saved_model=export.saved_model, where=export.uri)
    digest = content_digest(export.blobs)
    log.info("%s: signature %s, %s", export.uri, signature.name, digest)
    return Inspection(export.uri, digest, version_hint(export.uri), signature), description


def _read(export_uri: str, *, storage: Storage) -> _Export:
    uri = resolve_export(export_uri, storage=storage)
    saved_model = read_saved_model(uri, storage=storage)
    blobs = list_release_files(uri, storage=storage)
    sizes = {blob.path: blob.size for blob in blobs}
    variables = read_variables(uri, storage=storage, sizes=sizes)
    check_variables_are_there(saved_model.served, directory_uri=uri, sizes=sizes)
    _check_assets_are_there(saved_model, uri=uri, sizes=sizes)
    return _Export(uri, saved_model, blobs, variables)


def _check_assets_are_there(saved_model: SavedModel, *, uri: str, sizes: Mapping[str, int]) -> None:
    for asset in saved_model.served.assets:
        path = f"assets/{asset.filename}"
        if path not in sizes:
            do = "Copy the whole export again, or export the model again."
            raise NotASavedModel(expected=f"{path}, which the graph reads", found="no such file", where=uri, do=do)


def _description(export: _Export, *, allow_operations: Sequence[str]) -> Description:
    served = export.saved_model.served
    return Description(
        export_uri=export.uri,
        tensorflow_version=served.tensorflow_version,
        tag_sets=tuple(each.tags for each in export.saved_model.meta_graphs),
        signatures=served.signatures,
        operations=served.graph.operation_counts(),
        variables=export.variables,
        assets=tuple(dict.fromkeys(asset.filename for asset in served.assets)),
        files=tuple(File(blob.path, blob.size) for blob in export.blobs),
        unsafe=find_unsafe(export.saved_model, allowed=allow_operations),
    )


def _signature(export: _Export, name: str) -> Signature:
    signature = export.saved_model.served.signature(name)
    if signature is None:
        names = [each.name for each in export.saved_model.signatures]
        raise SignatureNotFound(
            expected=f"a signature named {name!r}",
            found=", ".join(map(repr, names)) or "no signature at all",
            where=export.uri,
            do="Set signature_name to one of them." if names else "Export the model again with signatures=….",
        )
    return signature


def refuse_unfeedable(signature: Signature, *, saved_model: SavedModel, where: str) -> None:
    """
    Raises:
        RowsMismatch: rows with columns cannot feed the signature.
    """
    at = f"signature {signature.name} of {where}"
    if needs_examples(signature, saved_model):
        raise RowsMismatch(
            expected="inputs that columns of a CSV or Parquet file can feed",
            found=f"the one input {signature.inputs[0].name}, which takes serialized tf.Example messages",
            where=at,
            do="Rows have columns, not tf.Example: export a signature that takes each column as an input of its own "
            "(for an Estimator, build_raw_serving_input_receiver_fn), or set signature_name to one that does.",
        )
    found = [spec for spec in signature.inputs if not _feedable(spec)]
    if found or not signature.inputs:
        raise RowsMismatch(
            expected=f"at least one input, and each a dense tensor of {', '.join(COLUMN_DTYPES)}",
            found=", ".join(map(_explain, found)) or "no input",
            where=at,
            do="Export a signature that takes columns, or set signature_name to one that does.",
        )


def _feedable(spec: TensorSpec) -> bool:
    return spec.dtype in COLUMN_DTYPES and bool(spec.tensor_name)


def _explain(spec: TensorSpec) -> str:
    kind = "" if spec.tensor_name else "sparse or composite "
    return f"{spec.name}, a {kind}tensor of {spec.dtype} {format_shape(spec.shape)}"
