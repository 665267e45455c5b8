"""A SavedModel's variables, from the index of its checkpoint, without TensorFlow.

<export>/variables/variables.index                  name -> dtype, shape, and which bytes of which shard
<export>/variables/variables.data-00000-of-00001    the values
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model.dtypes import dtype_name
from model.errors import NotASavedModel
from model.savedmodel import EXPORT_AGAIN, MetaGraph
from model.storage import Storage
from model.table import DamagedTable, read_table

if TYPE_CHECKING:
    from model.protos import checkpoint_pb2 as pb

FOLDER = "variables"
INDEX_PATH = f"{FOLDER}/variables.index"
#: A TF2 checkpoint's own description of which Python object owned which variable.
OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
#: What TF2 puts behind the path of a variable's owner.
VALUE_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
_VARIABLE_OPERATIONS = ("VarHandleOp", "VariableV2", "Variable")


@dataclass(frozen=True)
class Variable:
    """One variable as the checkpoint names it. `size` is in bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int

    @property
    def short_name(self) -> str:
        """The name without what TF2 puts behind each."""
        return self.name.removesuffix(VALUE_SUFFIX)


def read_variables(directory_uri: str, *, storage: Storage, sizes: Mapping[str, int]) -> tuple[Variable, ...]:
    """Lists the variables, sorted by name, and checks that every byte that the index promises is there.

    sizes: path below the export -> bytes, of every file of the export.

    Raises:
        NotASavedModel: the index is damaged, or a shard is missing or too short.
    """
    where = f"{directory_uri.rstrip('/')}/{INDEX_PATH}"
    data = storage.read(where)
    if data is None:
        _refuse_shards_alone(sizes, where=where)
        return ()
    try:
        header, entries = _decode(data)
    except DamagedTable as error:
        expected = "an intact table of variables"
        raise NotASavedModel(expected=expected, found=str(error), where=where, do=EXPORT_AGAIN) from error
    _check_shards(header, list(entries.values()), directory_uri=directory_uri, sizes=sizes)
    return tuple(_variables(entries))


def check_variables_are_there(graph: MetaGraph, *, directory_uri: str, sizes: Mapping[str, int]) -> None:
    """A graph that restores variables needs them; a model without variables needs no folder.

    Raises:
        NotASavedModel: the folder `variables` has been left behind.
    """
    count = sum(node.op in _VARIABLE_OPERATIONS for node in graph.graph.nodes)
    if count and graph.restore_op and INDEX_PATH not in sizes:
        raise NotASavedModel(
            expected=f"{INDEX_PATH}, since the graph restores {count} variables",
            found="no such file",
            where=directory_uri,
            do=f"Copy the whole export, or export again. {EXPORT_AGAIN}",
        )


def _decode(data: bytes) -> "tuple[pb.BundleHeader, dict[str, pb.BundleEntry]]":
    from google.protobuf.message import DecodeError

    from model.protos import checkpoint_pb2

    header, entries = None, {}
    try:
        for key, value in read_table(data):
            if key == b"":  # sorts first
                header = checkpoint_pb2.BundleHeader.FromString(value)
            else:
                entries[key.decode("utf-8", "backslashreplace")] = checkpoint_pb2.BundleEntry.FromString(value)
    except DecodeError as error:
        raise DamagedTable(f"an entry that does not decode ({error})") from error
    if header is None or header.num_shards < 1:
        raise DamagedTable("a table without a header")
    return header, entries


def _variables(entries: "Mapping[str, pb.BundleEntry]") -> "Iterator[Variable]":
    for name, entry in sorted(entries.items()):
        # The parts of a partitioned variable have keys that begin with a zero byte (OrderedCode of name and slice).
        if name == OBJECT_GRAPH or name.startswith("\0"):
            continue
        shape = tuple(dim.size for dim in entry.shape.dim)
        dtype = dtype_name(entry.dtype)
        yield Variable(name, dtype, shape, _partitioned_size(dtype, shape) if entry.slices else entry.size)


def _partitioned_size(dtype: str, shape: tuple[int, ...]) -> int:
    """Bytes of a variable whose values stand in parts: its own entry says 0. Strings count as 0."""
    digits = re.search(r"\d+$", dtype)
    bits = 8 if dtype == "bool" else int(digits[0]) if digits else 0
    return math.prod(shape) * bits // 8


def shard_path(shard: int, *, shards: int) -> str:
    return f"{FOLDER}/variables.data-{shard:05d}-of-{shards:05d}"


def _check_shards(
    header: "pb.BundleHeader", entries: "list[pb.BundleEntry]", *, directory_uri: str, sizes: Mapping[str, int]
) -> None:
    needed: dict[int, int] = {}
    for entry in entries:
        needed[entry.shard_id] = max(needed.get(entry.shard_id, 0), entry.offset + entry.size)
    for shard in range(max(header.num_shards, max(needed, default=0) + 1)):  # the first that is missing ends it
        size = needed.get(shard, 0)
        path = shard_path(shard, shards=header.num_shards)
        if path not in sizes or sizes[path] < size:
            raise NotASavedModel(
                expected=f"{size:,} bytes, which {INDEX_PATH} promises",
                found=f"{sizes[path]:,} bytes" if path in sizes else "no such file",
                where=f"{directory_uri.rstrip('/')}/{path}",
                do="The variables are cut short: copy the whole export again, or export the model again.",
            )


def _refuse_shards_alone(sizes: Mapping[str, int], *, where: str) -> None:
    shards = [path for path in sizes if path.startswith(f"{FOLDER}/variables.data-")]
    if shards:
        do = "Copy the whole export again, or export the model again."
        raise NotASavedModel(expected=f"the index of {shards[0]}", found="no such file", where=where, do=do)
