"""Operations that touch files, reach for the network or run foreign code when a model is served.

A SavedModel is a program. Whoever serves it runs, with the server's rights, whatever stands in its graph and in any
function of its library: also in the branches of a `tf.cond`, the body of a loop, the function of a `Dataset.map`. So
every node is looked at, wherever it stands.

Two kinds are honest in one place and not in another:

- Every export carries a saver (SaveV2, RestoreV2, MergeV2Checkpoints). No request runs it, and loading runs its
  restoring half only. Such an operation counts if what callers ask for, or what runs on loading, leads to it.
- A vocabulary table reads an asset (InitializeTableFromTextFileV2) on loading. It counts if its file is not one.

Limits. Names are TensorFlow's of version 2.21; an operation from a custom library is not known here (nor to TensorFlow
Serving, unless it was built with it). A function counts whole as soon as it is called, and inside a function an
argument is taken for an asset if the model has any. What an allowed operation does is not looked at. A graph may still
be wrong, or slow, or hungry for memory, or end the server (Abort): validation, in a process of its own, is for that.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from model.errors import InvalidValue, UnsafeOperations
from model.graph import Node, node_of
from model.savedmodel import MetaGraph, SavedModel

_READS = "reads files of the server"
_WRITES = "writes files on the server"
_FINDS = "lists files of the server"
_CALLS = "talks to other machines"
_RUNS = "runs Python code of the process that loads it"

_BY_REASON: Mapping[str, str] = {
    _WRITES: """WriteFile CreateSummaryFileWriter CreateSummaryDbWriter WriteAudioSummary WriteGraphSummary
        WriteHistogramSummary WriteImageSummary WriteRawProtoSummary WriteScalarSummary WriteSummary DatasetToTFRecord
        ExperimentalDatasetToTFRecord SaveDataset SaveDatasetV2 SnapshotDataset SnapshotDatasetV2 CacheDataset
        CacheDatasetV2 CalibrationStatisticsSaver DumpTensor DebugIdentity DebugIdentityV2 DebugIdentityV3 DebugNanCount
        DebugNumericSummary DebugNumericSummaryV2""",
    _READS: """ReadFile FixedLengthRecordDataset FixedLengthRecordDatasetV2 FixedLengthRecordReader
        FixedLengthRecordReaderV2 TFRecordDataset TFRecordDatasetV2 TFRecordReader TFRecordReaderV2 TextLineDataset
        TextLineReader TextLineReaderV2 WholeFileReader WholeFileReaderV2 CSVDataset CSVDatasetV2 ExperimentalCSVDataset
        LMDBDataset LMDBReader ExperimentalLMDBDataset LoadDataset SnapshotDatasetReader SnapshotNestedDatasetReader
        SnapshotChunkDataset SqlDataset ExperimentalSqlDataset RecordInput ImmutableConst
        LoadAndRemapMatrix GenerateVocabRemapping""",
    _FINDS: "MatchingFiles MatchingFilesDataset ExperimentalMatchingFilesDataset ListSnapshotChunksDataset",
    _CALLS: """RpcCall RpcClient RpcServer RpcServerRegister RpcServerStart
        DataServiceDataset DataServiceDatasetV2 DataServiceDatasetV3 DataServiceDatasetV4 RegisterDataset
        RegisterDatasetV2 DistributedSave""",
    "changes how the server reaches its file systems": "FileSystemSetConfiguration",
    _RUNS: "PyFunc PyFuncStateless EagerPyFunc",
    "prints the values of requests to the server's log, or into any file": "PrintV2",
}
#: Operation -> what it does that a served model should not.
UNSAFE: dict[str, str] = {name: reason for reason, names in _BY_REASON.items() for name in names.split()}

_SAVES = ("Save", "SaveSlices", "SaveV2", "MergeV2Checkpoints")
_RESTORES = ("Restore", "RestoreSlice", "RestoreV2", "DTensorRestoreV2")
#: Operations of the saver that stands in every export; unsafe where requests, or loading, lead to them.
SAVER: dict[str, str] = {
    **dict.fromkeys(_SAVES, "writes a checkpoint when a request, or loading, comes to it"),
    **dict.fromkeys(_RESTORES, "reads a checkpoint when a request, or what runs after loading, comes to it"),
}
#: Operations that fill a vocabulary table from a file: their file is input number 1.
_TABLES = ("InitializeTableFromTextFile", "InitializeTableFromTextFileV2")
_TABLE_REASON = "fills a table from a file that is none of the model's assets"
_PASSES_ON = ("Identity", "ReadVariableOp", "PlaceholderWithDefault")


@dataclass(frozen=True)
class UnsafeOperation:
    """One operation that a served model should not have. `places`: where it stands, as `function/node` or `node`."""

    operation: str
    reason: str
    places: tuple[str, ...]
    allowed: bool = False


def parse_allowed(operations: str) -> tuple[str, ...]:
    """The names in a comma-separated list.

    Raises:
        InvalidValue: a name that this check knows nothing of: it would allow nothing, and hides a typing error.
    """
    names = tuple(name.strip() for name in operations.split(",") if name.strip())
    check_allowed(names)
    return names


def check_allowed(names: Sequence[str]) -> None:
    """See parse_allowed."""
    known = {*UNSAFE, *SAVER, *_TABLES}
    strangers = [name for name in names if name not in known]
    if strangers:
        raise InvalidValue(
            expected=f"names of operations that are refused otherwise, such as {', '.join(sorted(known)[:3])}",
            found=", ".join(map(repr, strangers)),
            where="allow_operations",
            do="Names are TensorFlow's own, in their case; leave out those that are not refused.",
        )


def find_unsafe(saved_model: SavedModel, *, allowed: Collection[str] = ()) -> tuple[UnsafeOperation, ...]:
    """Every unsafe operation of the served meta graph, sorted by name; those in `allowed` are marked so."""
    places: dict[tuple[str, str], list[str]] = {}
    for operation, reason, place in _findings(saved_model.served):
        places.setdefault((operation, reason), []).append(place)
    return tuple(
        UnsafeOperation(operation, reason, tuple(places[operation, reason]), allowed=operation in allowed)
        for operation, reason in sorted(places)
    )


def refuse_unsafe(findings: Sequence[UnsafeOperation], *, where: str) -> None:
    """
    Raises:
        UnsafeOperations: there are findings that are not allowed.
    """
    refused = [each for each in findings if not each.allowed]
    if refused:
        names = ",".join(dict.fromkeys(each.operation for each in refused))
        raise UnsafeOperations(
            expected="a graph that touches no files, reaches for no network and runs no foreign code when it is served",
            found="; ".join(f"{each.operation}, which {each.reason}, at {_shorten(each.places)}" for each in refused),
            where=where,
            do=f"Export the model without them, or, if you trust its source, set allow_operations={names}.",
        )


def _shorten(places: tuple[str, ...]) -> str:
    more = f" and {len(places) - 3} more" if len(places) > 3 else ""
    return ", ".join(places[:3]) + more


def _findings(graph: MetaGraph) -> Iterator[tuple[str, str, str]]:
    """(operation, reason, place)"""
    saver_reached = _reached_by_saver_operation(graph)
    assets = {node_of(asset.tensor_name) for asset in graph.assets}
    for function, node in graph.graph.everywhere():
        place = f"{function}/{node.name}" if function else node.name
        if node.op in UNSAFE:
            yield node.op, UNSAFE[node.op], place
        elif (function, node.name) in saver_reached.get(node.op, ()):
            yield node.op, SAVER[node.op], place
        elif node.op in _TABLES and not _reads_asset(node, function=function, graph=graph, assets=assets):
            yield node.op, _TABLE_REASON, place


def _reached_by_saver_operation(graph: MetaGraph) -> Mapping[str, frozenset[tuple[str, str]]]:
    """Operation of the saver -> where it is unsafe. Loading restores: there restoring is honest, and saving is not."""
    fetched = [tensor for tensors in graph.fetches.values() for tensor in tensors]
    asked = graph.graph.reached([*fetched, *graph.init_tensors])
    loaded = asked | graph.graph.reached([graph.restore_op])
    return {**dict.fromkeys(_RESTORES, asked), **dict.fromkeys(_SAVES, loaded)}


def _reads_asset(node: Node, *, function: str, graph: MetaGraph, assets: Collection[str]) -> bool:
    siblings = graph.graph.functions[function] if function else graph.graph.nodes
    by_name = {each.name: each for each in siblings}
    name = node_of(node.inputs[1]) if len(node.inputs) > 1 else ""
    while name in by_name and by_name[name].op in _PASSES_ON and name not in assets:
        name = node_of(by_name[name].inputs[0]) if by_name[name].inputs else ""
    if function and name not in by_name:  # an argument: its callers capture the asset's tensor
        return bool(assets)
    return not function and name in assets
