"""Reading `saved_model.pb` without TensorFlow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model.dtypes import dtype_name
from model.errors import NotASavedModel
from model.graph import Graph, Node
from model.signature import Shape, Signature, TensorSpec
from model.storage import Storage

if TYPE_CHECKING:
    from model.protos import saved_model_pb2 as pb

FILE_NAME = "saved_model.pb"
SERVE = "serve"
DEFAULT_SIGNATURE = "serving_default"
# tensorflow/cc/saved_model/constants.h. What stands under these runs while a server loads the model, or in training;
# nobody calls it.
INIT_SIGNATURE = "__saved_model_init_op"
TRAIN_SIGNATURE = "__saved_model_train_op"
INIT_COLLECTIONS = ("saved_model_main_op", "legacy_init_op")
#: Where TF1 keeps its AssetFileDefs.
ASSETS_COLLECTION = "saved_model_assets"
EXPORT_AGAIN = "Export the model again, with tf.saved_model.save or model.export, and pass the directory that it makes."


@dataclass(frozen=True)
class Asset:
    """A file below `assets/`, and the tensor that is fed its path when the model is loaded."""

    filename: str
    tensor_name: str


@dataclass(frozen=True)
class MetaGraph:
    """One meta graph of a SavedModel.

    signatures: those that callers can name, sorted by name.
    fetches: signature name -> the tensors of its outputs, the parts of sparse and composite ones included.
    init_tensors: what a server runs after it has restored the variables; restore_op: how it restores them.
    """

    tags: tuple[str, ...]
    tensorflow_version: str
    signatures: tuple[Signature, ...]
    fetches: Mapping[str, tuple[str, ...]]
    graph: Graph
    assets: tuple[Asset, ...]
    init_tensors: tuple[str, ...]
    restore_op: str

    def signature(self, name: str) -> Signature | None:
        return next((each for each in self.signatures if each.name == name), None)


@dataclass(frozen=True)
class SavedModel:
    """All meta graphs of a SavedModel; `served` is the one tagged `serve` and nothing else, as TensorFlow Serving
    picks it."""

    meta_graphs: tuple[MetaGraph, ...]
    served: MetaGraph

    @property
    def signatures(self) -> tuple[Signature, ...]:
        return self.served.signatures


def read_saved_model(directory_uri: str, *, storage: Storage) -> SavedModel:
    """Reads `<directory_uri>/saved_model.pb`.

    Raises:
        NotASavedModel: there is no such file, its bytes are damaged, or it holds nothing to serve.
        StorageError: the store refuses.
    """
    where = f"{directory_uri.rstrip('/')}/{FILE_NAME}"
    data = storage.read(where)
    if data is None:
        raise NotASavedModel(
            expected="a SavedModel's saved_model.pb", found="no such file", where=where, do=EXPORT_AGAIN
        )
    return parse_saved_model(data, where=where)


def parse_saved_model(data: bytes, *, where: str) -> SavedModel:
    """Decodes the bytes of a saved_model.pb; `where` names them in errors.

    Raises:
        NotASavedModel: the bytes are no SavedModel, or no meta graph of it can be served.
    """
    from google.protobuf.message import DecodeError

    if not data:
        raise NotASavedModel(expected="a SavedModel message", found="an empty file", where=where, do=EXPORT_AGAIN)
    try:
        meta_graphs = _meta_graphs(data)
    except DecodeError as error:
        raise _damaged(data, where=where, why="that do not decode as one") from error
    if not meta_graphs:
        raise _damaged(data, where=where, why="that hold no meta graph with a graph")
    served = next((each for each in meta_graphs if each.tags == (SERVE,)), None)
    if served is None:
        raise NotASavedModel(
            expected="a meta graph with the one tag 'serve', which is what a model server loads",
            found=f"meta graphs tagged {format_tags([each.tags for each in meta_graphs])}",
            where=where,
            do=EXPORT_AGAIN,
        )
    return SavedModel(meta_graphs=meta_graphs, served=served)


def format_tags(tag_sets: Sequence[Sequence[str]]) -> str:
    """`{serve} {serve, gpu}`"""
    return " ".join("{" + ", ".join(tags) + "}" for tags in tag_sets)


def _meta_graphs(data: bytes) -> tuple[MetaGraph, ...]:
    from model.protos import saved_model_pb2

    message = saved_model_pb2.SavedModel.FromString(data)
    return tuple(_meta_graph(each) for each in message.meta_graphs if each.HasField("graph_def"))


def _damaged(data: bytes, *, where: str, why: str) -> NotASavedModel:
    found = f"{len(data):,} bytes {why}; the first are {data[:16]!r}"
    do = f"The file is damaged, cut short, or no SavedModel. {EXPORT_AGAIN}"
    return NotASavedModel(expected="a SavedModel message", found=found, where=where, do=do)


def _meta_graph(message: "pb.MetaGraph") -> MetaGraph:
    # Maps come in any order from the wire: all names are sorted.
    signatures = sorted(message.signature_def.items())
    callable_ones = [each for each in signatures if each[0] not in (INIT_SIGNATURE, TRAIN_SIGNATURE)]
    return MetaGraph(
        tags=tuple(sorted(message.meta_info_def.tags)),
        tensorflow_version=message.meta_info_def.tensorflow_version,
        signatures=tuple(_signature(name, each) for name, each in callable_ones),
        fetches={name: _fetches(each) for name, each in callable_ones},
        graph=_graph(message.graph_def),
        assets=tuple(dict.fromkeys(Asset(each.filename, each.tensor_info.name) for each in _asset_files(message))),
        init_tensors=tuple(_init_tensors(message)),
        restore_op=message.saver_def.restore_op_name,
    )


def _asset_files(message: "pb.MetaGraph") -> Iterator["pb.AssetFile"]:
    from model.protos import saved_model_pb2

    yield from message.asset_file_def
    if not message.asset_file_def and ASSETS_COLLECTION in message.collection_def:
        packed = message.collection_def[ASSETS_COLLECTION].any_list.value
        yield from (saved_model_pb2.AssetFile.FromString(each.value) for each in packed)


def _init_tensors(message: "pb.MetaGraph") -> Iterator[str]:
    if INIT_SIGNATURE in message.signature_def:
        yield from _fetches(message.signature_def[INIT_SIGNATURE])
    for key in INIT_COLLECTIONS:
        if key in message.collection_def:
            yield from message.collection_def[key].node_list.value


def _graph(message: "pb.Graph") -> Graph:
    library = {each.signature.name: each.node_def for each in message.library.function}
    return Graph(
        nodes=tuple(_node(each, library) for each in message.node),
        functions={name: tuple(_node(each, library) for each in nodes) for name, nodes in library.items()},
    )


def _node(message: "pb.Node", library: Mapping[str, object]) -> Node:
    calls = [call.name for each in message.attr.values() for call in _calls(each)]
    if message.op in library:  # TF1 calls a function by an operation of its name
        calls.append(message.op)
    return Node(message.name, message.op, tuple(message.input), tuple(calls))


def _calls(attribute: "pb.Attribute") -> Iterator["pb.Attribute.Call"]:
    if attribute.HasField("func"):
        yield attribute.func
    elif attribute.HasField("list"):
        yield from attribute.list.func


def _signature(name: str, message: "pb.SignatureDef") -> Signature:
    return Signature(
        name=name,
        method_name=message.method_name,
        inputs=tuple(_tensor_spec(*each) for each in sorted(message.inputs.items())),
        outputs=tuple(_tensor_spec(*each) for each in sorted(message.outputs.items())),
    )


def _tensor_spec(name: str, info: "pb.TensorInfo") -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype_name(info.dtype), shape=_shape(info), tensor_name=info.name)


def _shape(info: "pb.TensorInfo") -> Shape:
    """None where the rank is unknown or no shape was written; -1 for a dimension of unknown size."""
    if not info.HasField("tensor_shape") or info.tensor_shape.unknown_rank:
        return None
    return tuple(max(each.size, -1) for each in info.tensor_shape.dim)


def _fetches(message: "pb.SignatureDef") -> tuple[str, ...]:
    return tuple(name for _, info in sorted(message.outputs.items()) for name in _tensors(info))


def _tensors(info: "pb.TensorInfo") -> Iterator[str]:
    """The graph's tensors that make up a dense, sparse or composite one."""
    if info.HasField("coo_sparse"):
        sparse = info.coo_sparse
        yield from (sparse.values_tensor_name, sparse.indices_tensor_name, sparse.dense_shape_tensor_name)
    elif info.HasField("composite_tensor"):
        for part in info.composite_tensor.components:
            yield from _tensors(part)
    elif info.name:
        yield info.name
