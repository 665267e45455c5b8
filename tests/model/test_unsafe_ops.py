from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session

from model.errors import InvalidValue, UnsafeOperations
from model.savedmodel import read_saved_model
from model.storage import open_storage
from model.unsafe_ops import SAVER, UNSAFE, UnsafeOperation, find_unsafe, parse_allowed, refuse_unsafe
from tests import bad_exports, exports
from tests.conftest import BUILDERS

Built = Callable[[Callable[[Path], Path]], Path]

#: Exports of tests/exports.py that are single SavedModels: all of them honest.
HONEST = [build for name, build in BUILDERS.items() if hasattr(exports, name)]


def find(directory: Path, *, allowed: tuple[str, ...] = ()) -> tuple[UnsafeOperation, ...]:
    return find_unsafe(read_saved_model(str(directory), storage=open_storage(str(directory))), allowed=allowed)


def found_names(directory: Path) -> list[str]:
    return [each.operation for each in find(directory)]


def v2_module(directory: Path, function: Callable[[Any, Any], Any], *, dtype: str = "float32") -> Path:
    """A TF2 module whose signature is `function(tf, x)`."""
    tf = exports.tensorflow()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.as_dtype(dtype), "x")])
    def signature(x: Any) -> Any:
        return {"y": function(tf, x)}

    return exports.save_v2(directory, tf.Module(), {exports.DEFAULT: signature})


def test_every_name_is_an_operation_of_tensorflow() -> None:
    registered = op_def_pb2.OpList.FromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))

    assert {*UNSAFE, *SAVER} - {each.name for each in registered.op} == set()


def test_whatever_saved_model_cli_scan_denies_is_denied_here() -> None:
    from tensorflow.python.tools import saved_model_cli

    assert set(UNSAFE) >= saved_model_cli._OP_DENYLIST


@pytest.mark.parametrize("build", HONEST, ids=lambda build: build.__name__)
def test_honest_exports_are_clean(build: Callable[[Path], Path], built: Built) -> None:
    assert find(built(build)) == ()


def test_honest_exports_do_carry_savers_and_vocabulary_tables(
    half_plus_two: Path, several_signatures: Path, vocabulary: Path, vocabulary_v1: Path
) -> None:
    def operations(directory: Path) -> dict[str, int]:
        return read_saved_model(str(directory), storage=open_storage("/")).served.graph.operation_counts()

    for directory in (half_plus_two, several_signatures):
        assert {"SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename"} <= set(operations(directory))
    for directory in (vocabulary, vocabulary_v1):
        assert "InitializeTableFromTextFileV2" in operations(directory)


@pytest.mark.parametrize(
    ("build", "operation", "place"),
    [
        (bad_exports.writes_file_in_cond, "WriteFile", "cond_true"),
        (bad_exports.reads_file_in_map, "ReadFile", "Dataset_map"),
        (bad_exports.matches_files, "MatchingFiles", "MatchingFiles"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_operations_are_found_wherever_they_stand(
    build: Callable[[Path], Path], operation: str, place: str, built: Built
) -> None:
    (found,) = find(built(build))

    assert found.operation == operation
    assert place in found.places[0]
    assert not found.allowed


def test_what_saved_model_cli_scan_misses_is_found(writes_file_in_cond: Path) -> None:
    from tensorflow.python.tools import saved_model_cli

    graph = exports.tensorflow().compat.v1.MetaGraphDef.FromString(_served(writes_file_in_cond).SerializeToString())
    used = saved_model_cli.meta_graph_lib.ops_used_by_graph_def(graph.graph_def)

    assert "WriteFile" not in used
    assert found_names(writes_file_in_cond) == ["WriteFile"]


def _served(directory: Path) -> Any:
    from tensorflow.core.protobuf import saved_model_pb2

    return saved_model_pb2.SavedModel.FromString((directory / "saved_model.pb").read_bytes()).meta_graphs[0]


def writes_in_loop(directory: Path) -> Path:
    def loop(tf: Any, x: Any) -> Any:
        def body(i: Any) -> Any:
            tf.io.write_file("/nonexistent/x", "x")
            return i + 1

        return x + tf.cast(tf.while_loop(lambda i: i < 3, body, [tf.constant(0)])[0], tf.float32)

    return v2_module(directory, loop)


def prints(directory: Path) -> Path:
    def printing(tf: Any, x: Any) -> Any:
        tf.print(x, output_stream="file:///nonexistent/x")
        return x

    return v2_module(directory, printing)


def runs_python(directory: Path) -> Path:
    return v2_module(directory, lambda tf, x: tf.numpy_function(lambda value: value, [x], tf.float32))


def reads_records(directory: Path) -> Path:
    def read(tf: Any, path: Any) -> Any:
        return tf.data.TFRecordDataset(path).reduce(tf.constant(0, tf.int64), lambda count, _: count + 1)

    return v2_module(directory, read, dtype="string")


def lists_files_in_map_fn(directory: Path) -> Path:
    def listing(tf: Any, pattern: Any) -> Any:
        return tf.map_fn(lambda each: tf.strings.reduce_join(tf.io.matching_files(each)), pattern)

    return v2_module(directory, listing, dtype="string")


@pytest.mark.parametrize(
    ("build", "operation"),
    [
        (writes_in_loop, "WriteFile"),
        (prints, "PrintV2"),
        (runs_python, "PyFunc"),
        (reads_records, "TFRecordDatasetV2"),
        (lists_files_in_map_fn, "MatchingFiles"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_loops_datasets_and_python_functions_are_looked_into(
    build: Callable[[Path], Path], operation: str, built: Built
) -> None:
    assert any(name.startswith(operation.removesuffix("V2")) for name in found_names(built(build)))


def saves_in_signature(directory: Path) -> Path:
    def save(tf: Any, x: Any) -> Any:
        tf.raw_ops.SaveV2(prefix="/nonexistent/x", tensor_names=["x"], shape_and_slices=[""], tensors=[x])
        return x

    return v2_module(directory, save)


def restores_in_signature(directory: Path) -> Path:
    def graph(tf: Any) -> exports.Signatures:
        path = exports.placeholder(tf, "string", [], "path")
        (read,) = tf.raw_ops.RestoreV2(prefix=path, tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.float32])
        return {exports.DEFAULT: ({"path": path}, {"y": read})}

    return exports.save_v1(directory, graph)


def saves_on_load(directory: Path) -> Path:
    def save(tf: Any) -> Any:
        return tf.raw_ops.SaveV2(
            prefix="/nonexistent/x", tensor_names=["x"], shape_and_slices=[""], tensors=[tf.constant(1.0)]
        )

    def graph(tf: Any) -> exports.Signatures:
        x = exports.placeholder(tf, "float32", [None], "x")
        return {exports.DEFAULT: ({"x": x}, {"y": x * 2.0})}

    return exports.save_v1(directory, graph, main_op=save)


@pytest.mark.parametrize(
    ("build", "operation"),
    [(saves_in_signature, "SaveV2"), (restores_in_signature, "RestoreV2"), (saves_on_load, "SaveV2")],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_saver_that_requests_or_loading_come_to_is_unsafe(
    build: Callable[[Path], Path], operation: str, built: Built
) -> None:
    assert found_names(built(build)) == [operation]


def test_a_restore_operation_that_saves_is_unsafe(half_plus_two: Path, tmp_path: Path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    message = saved_model_pb2.SavedModel.FromString((half_plus_two / "saved_model.pb").read_bytes())
    saver = message.meta_graphs[0].saver_def
    saver.restore_op_name = saver.save_tensor_name
    (tmp_path / "saved_model.pb").write_bytes(message.SerializeToString())

    assert "SaveV2" in found_names(tmp_path)


def table_of_foreign_file(directory: Path) -> Path:
    """A TF1 vocabulary whose file is no asset: it stays outside of the export."""
    words = directory.with_name("passwords.txt")
    words.parent.mkdir(parents=True, exist_ok=True)
    words.write_text("secret\n")

    def graph(tf: Any) -> exports.Signatures:
        word = exports.placeholder(tf, "string", [None], "word")
        table = exports._vocabulary_table(tf, tf.constant(str(words)))
        tf.compat.v1.get_collection_ref(tf.compat.v1.GraphKeys.ASSET_FILEPATHS).clear()
        return {exports.DEFAULT: ({"word": word}, {"index": table.lookup(word)})}

    return exports.save_v1(directory, graph, main_op=lambda tf: tf.compat.v1.tables_initializer())


def test_a_table_from_a_file_that_is_no_asset_is_unsafe(built: Built) -> None:
    (found,) = find(built(table_of_foreign_file))

    assert found.operation == "InitializeTableFromTextFileV2"
    assert "none of the model's assets" in found.reason


def test_a_vocabulary_whose_asset_was_exchanged_for_a_path_is_unsafe(vocabulary: Path, tmp_path: Path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    message = saved_model_pb2.SavedModel.FromString((vocabulary / "saved_model.pb").read_bytes())
    del message.meta_graphs[0].asset_file_def[:]
    (tmp_path / "saved_model.pb").write_bytes(message.SerializeToString())

    assert found_names(tmp_path) == ["InitializeTableFromTextFileV2"]


def test_an_operation_that_is_allowed_by_name_is_told_but_not_refused(matches_files: Path) -> None:
    findings = find(matches_files, allowed=("MatchingFiles",))

    refuse_unsafe(findings, where="here")

    assert [(each.operation, each.allowed) for each in findings] == [("MatchingFiles", True)]


def test_a_refusal_names_operation_reason_place_and_way_out(writes_file_in_cond: Path) -> None:
    with pytest.raises(UnsafeOperations) as refused:
        refuse_unsafe(find(writes_file_in_cond), where="gs://b/export/36")

    message = str(refused.value)
    assert message.startswith("gs://b/export/36: ")
    assert "WriteFile, which writes files on the server, at cond_true" in message
    assert message.endswith("set allow_operations=WriteFile.")


@pytest.mark.parametrize(
    "names", ["", " , ", "WriteFile", " ReadFile ,WriteFile,", "SaveV2,InitializeTableFromTextFile"]
)
def test_allowed_operations_are_a_comma_separated_list(names: str) -> None:
    assert parse_allowed(names) == tuple(name.strip() for name in names.split(",") if name.strip())


@pytest.mark.parametrize("names", ["writefile", "WriteFile;ReadFile", "WriteFile,MatMul", "*"])
def test_an_allowed_name_that_allows_nothing_is_refused(names: str) -> None:
    with pytest.raises(InvalidValue, match="allow_operations"):
        parse_allowed(names)
