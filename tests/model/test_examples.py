from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model.examples import PARSERS, needs_examples
from model.savedmodel import SavedModel, parse_saved_model, read_saved_model
from model.storage import open_storage
from tests import exports

Built = Callable[[Callable[[Path], Path]], Path]


def read(directory: Path) -> SavedModel:
    return read_saved_model(str(directory), storage=open_storage(str(directory)))


def needy(saved_model: SavedModel) -> dict[str, bool]:
    return {each.name: needs_examples(each, saved_model) for each in saved_model.signatures}


def v1_columns_and_examples(directory: Path) -> Path:
    """The same model under three signatures: from columns, from a text column, and from tf.Example named `inputs`."""

    def graph(tf: Any) -> exports.Signatures:
        x = exports.placeholder(tf, "float32", [None], "x")
        text = exports.placeholder(tf, "string", [None], "text")
        serialized = exports.placeholder(tf, "string", [None], "serialized")
        parsed = tf.io.parse_example(serialized, {"x": tf.io.FixedLenFeature([], tf.float32)})
        return {
            exports.DEFAULT: ({"x": x}, {"y": x * 2.0}),
            "text": ({"text": text}, {"y": tf.strings.length(text)}),
            "parsed": ({"inputs": serialized}, {"y": parsed["x"] * 2.0}),
        }

    return exports.save_v1(directory, graph)


def v2_columns_and_examples(directory: Path) -> Path:
    tf = exports.tensorflow()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "serialized")])
    def parse(serialized: Any) -> Any:
        parsed = tf.map_fn(
            lambda each: tf.io.parse_single_example(each, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"],
            serialized,
            fn_output_signature=tf.float32,
        )
        return {"y": parsed * 2.0}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def text(text: Any) -> Any:
        return {"length": tf.strings.length(text)}

    return exports.save_v2(directory, tf.Module(), {"parsed": parse, "text": text})


def test_examples_are_told_from_text_columns_by_what_computes_the_outputs(built: Built) -> None:
    tf1 = needy(read(built(v1_columns_and_examples)))
    tf2 = needy(read(built(v2_columns_and_examples)))

    assert tf1 == {"serving_default": False, "text": False, "parsed": True}
    assert tf2 == {"text": False, "parsed": True}


def test_an_input_called_examples_is_one_where_examples_are_parsed(parses_examples: Path) -> None:
    assert needy(read(parses_examples)) == {"serving_default": True}


@pytest.mark.parametrize("method", ["classify", "regress"])
def test_classify_and_regress_take_examples_by_definition(built: Built, method: str) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    data = (built(v1_columns_and_examples) / "saved_model.pb").read_bytes()
    message = saved_model_pb2.SavedModel.FromString(data)
    for signature in message.meta_graphs[0].signature_def.values():
        signature.method_name = f"tensorflow/serving/{method}"

    found = needy(parse_saved_model(message.SerializeToString(), where="edited"))

    assert found == {"serving_default": False, "text": True, "parsed": True}


def test_vocabularies_and_other_strings_are_columns(vocabulary: Path, every_dtype: Path) -> None:
    assert not any(needy(read(vocabulary)).values())
    assert not any(needy(read(every_dtype)).values())


def test_every_parser_is_an_operation_of_tensorflow() -> None:
    raw_ops = exports.tensorflow().raw_ops

    assert all(hasattr(raw_ops, name) for name in PARSERS)
