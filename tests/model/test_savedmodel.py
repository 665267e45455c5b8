import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorflow.core.protobuf import saved_model_pb2 as tensorflow_pb

from model.errors import NotASavedModel
from model.savedmodel import INIT_SIGNATURE, SavedModel, parse_saved_model, read_saved_model
from model.signature import TensorSpec
from model.storage import open_storage
from tests import exports

READABLE = (
    exports.half_plus_two,
    exports.retail_propensity,
    exports.several_signatures,
    exports.keras_model,
    exports.every_dtype,
    exports.vectors,
    exports.unknown_rank,
    exports.vocabulary,
    exports.vocabulary_v1,
    exports.scalar_output,
    exports.parses_examples,
)
Built = Callable[[Callable[[Path], Path]], Path]


def read(directory: Path) -> SavedModel:
    return read_saved_model(str(directory), storage=open_storage(str(directory)))


def tensorflows(directory: Path) -> Any:
    """The served meta graph, decoded by TensorFlow's own messages."""
    message = tensorflow_pb.SavedModel.FromString((directory / "saved_model.pb").read_bytes())
    return next(each for each in message.meta_graphs if list(each.meta_info_def.tags) == ["serve"])


def edited(directory: Path, edit: Callable[[Any], None]) -> SavedModel:
    """The SavedModel of `directory` after `edit` has changed its first meta graph."""
    message = tensorflow_pb.SavedModel.FromString((directory / "saved_model.pb").read_bytes())
    edit(message.meta_graphs[0])
    return parse_saved_model(message.SerializeToString(), where="edited")


@pytest.mark.parametrize("build", READABLE, ids=lambda build: build.__name__)
def test_signatures_are_those_that_tensorflow_reads(build: Callable[[Path], Path], built: Built) -> None:
    tf = exports.tensorflow()
    directory = built(build)

    signatures = read(directory).signatures

    expected = {name: each for name, each in tensorflows(directory).signature_def.items() if name != INIT_SIGNATURE}
    assert [each.name for each in signatures] == sorted(expected)
    for signature in signatures:
        theirs = expected[signature.name]
        assert signature.method_name == theirs.method_name
        for ours, infos in ((signature.inputs, theirs.inputs), (signature.outputs, theirs.outputs)):
            assert [spec.name for spec in ours] == sorted(infos)
            for spec in ours:
                info = infos[spec.name]
                dims = None if info.tensor_shape.unknown_rank else tuple(dim.size for dim in info.tensor_shape.dim)
                assert (spec.dtype, spec.shape) == (tf.as_dtype(info.dtype).name, dims)
                assert spec.tensor_name == info.name


@pytest.mark.parametrize("build", READABLE, ids=lambda build: build.__name__)
def test_signatures_are_those_of_the_loaded_model(build: Callable[[Path], Path], built: Built) -> None:
    tf = exports.tensorflow()
    directory = built(build)

    loaded = tf.saved_model.load(str(directory)).signatures

    for signature in read(directory).signatures:
        _, keywords = loaded[signature.name].structured_input_signature
        if keywords:  # those of TF1 exports have none
            found = {name: (spec.dtype.name, tf.TensorShape(spec.shape)) for name, spec in keywords.items()}
            assert found == {s.name: (s.dtype, tf.TensorShape(as_tensorflow(s))) for s in signature.inputs}
        outputs = {name: spec.dtype.name for name, spec in loaded[signature.name].structured_outputs.items()}
        assert outputs == {spec.name: spec.dtype for spec in signature.outputs}


def as_tensorflow(spec: TensorSpec) -> list[int | None] | None:
    return None if spec.shape is None else [None if size == -1 else size for size in spec.shape]


@pytest.mark.parametrize("build", READABLE, ids=lambda build: build.__name__)
def test_operations_are_counted_in_the_graph_and_in_every_function(build: Callable[[Path], Path], built: Built) -> None:
    directory = built(build)

    counts = read(directory).served.graph.operation_counts()

    graph = tensorflows(directory).graph_def
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    assert counts == Counter(node.op for node in nodes)
    assert list(counts) == sorted(counts)


def test_the_sample_is_read_as_the_article_gives_it(retail_propensity: Path) -> None:
    signature = read(retail_propensity).served.signature("serving_default")

    assert signature is not None
    assert [str(spec) for spec in signature.inputs] == ["bounces float32 (-1)", "time_on_site float32 (-1)"]
    assert [str(spec) for spec in signature.outputs] == [
        "predicted_will_buy_on_return_visit string (-1, 1)",
        "will_buy_on_return_visit_probs float64 (-1, 2)",
        "will_buy_on_return_visit_values string (-1, 2)",
    ]


def test_assets_are_found_in_tf1_and_tf2_exports(vocabulary: Path, vocabulary_v1: Path) -> None:
    assert [asset.filename for asset in read(vocabulary).served.assets] == ["words.txt"]
    assert [asset.filename for asset in read(vocabulary_v1).served.assets] == ["words.txt"]


def test_the_init_operation_is_no_signature_but_known(vocabulary: Path, vocabulary_v1: Path) -> None:
    served = read(vocabulary).served

    assert INIT_SIGNATURE in tensorflows(vocabulary).signature_def
    assert [each.name for each in served.signatures] == ["serving_default"]
    assert "NoOp" in served.init_tensors
    assert read(vocabulary_v1).served.init_tensors == ("init_all_tables",)


def test_an_unknown_rank_and_a_missing_shape_are_none(unknown_rank: Path, half_plus_two: Path) -> None:
    without_shape = edited(half_plus_two, lambda graph: output_y(graph).ClearField("tensor_shape"))

    assert read(unknown_rank).signatures[0].inputs[0].shape is None
    assert without_shape.signatures[0].outputs[0].shape is None


def output_y(graph: Any) -> Any:
    return graph.signature_def["serving_default"].outputs["y"]


def test_a_sparse_tensor_has_no_single_name_but_its_parts_are_fetched(sparse_input: Path, half_plus_two: Path) -> None:
    spec = read(sparse_input).signatures[0].inputs[0]

    def make_sparse(graph: Any) -> None:
        sparse = output_y(graph).coo_sparse
        sparse.values_tensor_name, sparse.indices_tensor_name, sparse.dense_shape_tensor_name = "v:0", "i:0", "d:0"

    served = edited(half_plus_two, make_sparse).served

    assert (spec.name, spec.dtype, spec.shape, spec.tensor_name) == ("x", "float32", (-1, 4), "")
    assert served.fetches["serving_default"] == ("v:0", "i:0", "d:0")
    assert served.signatures[0].outputs[0].tensor_name == ""


def test_a_composite_tensor_is_fetched_by_its_components(half_plus_two: Path) -> None:
    def make_ragged(graph: Any) -> None:
        composite = output_y(graph).composite_tensor
        composite.components.add(name="values:0")
        composite.components.add(name="row_splits:0")

    served = edited(half_plus_two, make_ragged).served

    assert served.fetches["serving_default"] == ("values:0", "row_splits:0")


def test_an_unknown_dtype_is_named_by_its_number(half_plus_two: Path) -> None:
    def change(graph: Any) -> None:
        output_y(graph).dtype = 77

    assert edited(half_plus_two, change).signatures[0].outputs[0].dtype == "dtype_77"


def test_dtypes_of_references_and_small_floats_have_tensorflows_names(half_plus_two: Path) -> None:
    for number, name in ((101, "float32_ref"), (24, "float8_e5m2"), (29, "int4")):

        def change(graph: Any, number: int = number) -> None:
            output_y(graph).dtype = number

        assert edited(half_plus_two, change).signatures[0].outputs[0].dtype == name


def test_the_meta_graph_tagged_serve_alone_is_the_served_one(half_plus_two: Path) -> None:
    message = tensorflow_pb.SavedModel.FromString((half_plus_two / "saved_model.pb").read_bytes())
    training = message.meta_graphs.add()
    training.CopyFrom(message.meta_graphs[0])
    training.meta_info_def.tags[:] = ["train"]
    message.meta_graphs[0].meta_info_def.tags[:] = ["serve", "tpu"]
    served = message.meta_graphs.add()
    served.CopyFrom(training)
    served.meta_info_def.tags[:] = ["serve"]
    served.signature_def["only_here"].method_name = "m"

    saved_model = parse_saved_model(message.SerializeToString(), where="several")

    assert [each.tags for each in saved_model.meta_graphs] == [("serve", "tpu"), ("train",), ("serve",)]
    assert saved_model.served.signature("only_here") is not None


def test_a_model_for_training_only_is_refused_with_its_tags(half_plus_two: Path) -> None:
    def retag(graph: Any) -> None:
        graph.meta_info_def.tags[:] = ["train"]

    with pytest.raises(NotASavedModel, match=r"'serve'.*\{train\}"):
        edited(half_plus_two, retag)


def test_no_file_an_empty_one_and_another_one_are_told_apart(
    tmp_path: Path, empty_saved_model: Path, text_saved_model: Path
) -> None:
    with pytest.raises(NotASavedModel, match="no such file"):
        read(tmp_path)
    with pytest.raises(NotASavedModel, match="an empty file"):
        read(empty_saved_model)
    with pytest.raises(NotASavedModel, match=r"40 bytes .* b'<html><body>404 '"):
        read(text_saved_model)


def test_bytes_that_decode_by_luck_are_refused() -> None:
    with pytest.raises(NotASavedModel, match="no meta graph"):
        parse_saved_model(b"\x08\x01", where="luck")


def test_a_file_cut_anywhere_is_refused(half_plus_two: Path) -> None:
    data = (half_plus_two / "saved_model.pb").read_bytes()

    for length in range(0, len(data), 7):
        with pytest.raises(NotASavedModel, match=r"bytes that|empty"):
            parse_saved_model(data[:length], where="cut")


def test_damaged_bytes_are_read_or_refused_but_never_crash(several_signatures: Path) -> None:
    data = (several_signatures / "saved_model.pb").read_bytes()
    chance = random.Random(36)
    refused = 0

    for _ in range(400):
        damaged = bytearray(data)
        for _ in range(3):
            damaged[chance.randrange(len(data))] = chance.randrange(256)
        try:
            parse_saved_model(bytes(damaged), where="damaged")
        except NotASavedModel:
            refused += 1

    assert refused > 50


def test_reading_imports_neither_tensorflow_nor_numpy(retail_propensity: Path) -> None:
    program = (
        "import sys; from model.savedmodel import read_saved_model; from model.storage import open_storage; "
        f"read_saved_model({str(retail_propensity)!r}, storage=open_storage('/')); "
        "print([name for name in ('tensorflow', 'numpy', 'google.cloud.storage', 'grpc') if name in sys.modules])"
    )

    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "[]"
