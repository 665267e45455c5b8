import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model.errors import NotASavedModel
from model.savedmodel import read_saved_model
from model.storage import open_storage
from model.table import FOOTER_BYTES
from model.variables import INDEX_PATH, OBJECT_GRAPH, Variable, check_variables_are_there, read_variables
from tests import exports

Built = Callable[[Callable[[Path], Path]], Path]


def sizes_of(directory: Path) -> dict[str, int]:
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {path.relative_to(directory).as_posix(): path.stat().st_size for path in files}


def read(directory: Path) -> tuple[Variable, ...]:
    return read_variables(str(directory), storage=open_storage(str(directory)), sizes=sizes_of(directory))


def tensorflows(directory: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Name -> (dtype, shape), as TensorFlow's own reader lists the checkpoint."""
    reader = exports.tensorflow().train.load_checkpoint(str(directory / "variables" / "variables"))
    dtypes = reader.get_variable_to_dtype_map()
    shapes = reader.get_variable_to_shape_map()
    return {name: (dtypes[name].name, tuple(shape)) for name, shape in shapes.items() if name != OBJECT_GRAPH}


@pytest.mark.parametrize(
    "build",
    [
        exports.half_plus_two,
        exports.retail_propensity,
        exports.several_signatures,
        exports.keras_model,
        exports.large_variables,
    ],
    ids=lambda build: build.__name__,
)
def test_variables_are_those_that_tensorflow_lists(build: Callable[[Path], Path], built: Built) -> None:
    directory = built(build)

    variables = read(directory)

    assert {each.name: (each.dtype, each.shape) for each in variables} == tensorflows(directory)
    assert [each.name for each in variables] == sorted(each.name for each in variables)


def test_bytes_are_those_of_the_values(large_variables: Path, half_plus_two: Path) -> None:
    (weights,) = read(large_variables)

    assert (weights.name, weights.size) == ("weights", 1024 * 2048 * 4)
    assert [each.size for each in read(half_plus_two)] == [4, 4]


def many_variables(directory: Path) -> Path:
    """3,000 variables with long names that share beginnings, so that the index has several blocks."""

    def graph(tf: Any) -> exports.Signatures:
        x = exports.placeholder(tf, "float32", [None], "x")
        for number in range(1500):
            name = f"a_long_scope_that_all_variables_share/block_{number:04d}"
            tf.compat.v1.get_variable(f"{name}/kernel", initializer=tf.zeros([number % 7, 3], tf.float64))
            tf.compat.v1.get_variable(f"{name}/steps", initializer=tf.constant(number % 2 == 0))
        return {exports.DEFAULT: ({"x": x}, {"y": x * 2.0})}

    return exports.save_v1(directory, graph)


def test_an_index_of_several_blocks_is_read_whole(built: Built) -> None:
    directory = built(many_variables)

    variables = read(directory)

    assert len(variables) == 3000
    assert {each.name: (each.dtype, each.shape) for each in variables} == tensorflows(directory)
    assert sum(each.size for each in variables) == sum(number % 7 * 3 * 8 + 1 for number in range(1500))


def partitioned(directory: Path) -> Path:
    def graph(tf: Any) -> exports.Signatures:
        x = exports.placeholder(tf, "float32", [None], "x")
        partitioner = tf.compat.v1.fixed_size_partitioner(3)
        weights = tf.compat.v1.get_variable("w", shape=[9, 2], partitioner=partitioner)
        return {exports.DEFAULT: ({"x": x}, {"y": x * tf.reduce_sum(tf.convert_to_tensor(weights))})}

    return exports.save_v1(directory, graph)


def test_a_partitioned_variable_is_one(built: Built) -> None:
    directory = built(partitioned)

    assert read(directory) == (Variable("w", "float32", (9, 2), 72),)
    assert tensorflows(directory) == {"w": ("float32", (9, 2))}


def strings(directory: Path) -> Path:
    tf = exports.tensorflow()
    module = tf.Module()
    module.words = tf.Variable(["red", "ultramarine"])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, "index")])
    def look_up(index: Any) -> Any:
        return {"word": tf.gather(module.words, index)}

    return exports.save_v2(directory, module, {exports.DEFAULT: look_up})


def test_variables_of_strings_are_read(built: Built) -> None:
    (words,) = read(built(strings))

    assert (words.dtype, words.shape) == ("string", (2,))
    assert words.size >= len("redultramarine")


def test_a_model_without_variables_has_none(no_variables: Path, tmp_path: Path) -> None:
    assert read(no_variables) == ()
    assert read(tmp_path) == ()


def test_a_shard_that_is_cut_short_is_named_with_its_bytes(truncated_variables: Path) -> None:
    with pytest.raises(NotASavedModel, match=r"variables\.data-00000-of-00001: expected 24 bytes.*found 18 bytes"):
        read(truncated_variables)


def test_a_shard_that_is_missing_is_named(missing_variables: Path) -> None:
    with pytest.raises(NotASavedModel, match=r"variables\.data-00000-of-00001: .*found no such file"):
        read(missing_variables)


def test_a_shard_without_its_index_is_refused(half_plus_two: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(half_plus_two, tmp_path / "export"))
    (directory / INDEX_PATH).unlink()

    with pytest.raises(NotASavedModel, match=r"variables\.index: expected the index of"):
        read(directory)


def test_a_graph_that_restores_variables_needs_their_folder(
    half_plus_two: Path, several_signatures: Path, no_variables: Path
) -> None:
    storage = open_storage("/")
    for directory, count in ((half_plus_two, 2), (several_signatures, 1)):
        served = read_saved_model(str(directory), storage=storage).served
        with pytest.raises(NotASavedModel, match=rf"restores {count} variables"):
            check_variables_are_there(served, directory_uri="moved", sizes={"saved_model.pb": 1})
        check_variables_are_there(served, directory_uri=str(directory), sizes=sizes_of(directory))

    served = read_saved_model(str(no_variables), storage=storage).served
    check_variables_are_there(served, directory_uri="moved", sizes={"saved_model.pb": 1})


def test_every_damaged_byte_of_the_table_is_found(half_plus_two: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(half_plus_two, tmp_path / "export"))
    index = directory / INDEX_PATH
    data = index.read_bytes()
    expected = read(directory)
    harmless = 0

    for position in range(len(data)):
        index.write_bytes(data[:position] + bytes([data[position] ^ 0x55]) + data[position + 1 :])
        with contextlib.suppress(NotASavedModel):
            assert read(directory) == expected
            harmless += 1

    assert harmless < FOOTER_BYTES + 16  # padding of the footer, and the metaindex, which nobody reads


def test_an_index_cut_anywhere_is_refused(half_plus_two: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(half_plus_two, tmp_path / "export"))
    data = (directory / INDEX_PATH).read_bytes()

    for length in range(len(data)):
        (directory / INDEX_PATH).write_bytes(data[:length])
        with pytest.raises(NotASavedModel, match=r"variables\.index: expected an intact table"):
            read(directory)


def test_a_compressed_block_is_said_to_be_one(half_plus_two: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(half_plus_two, tmp_path / "export"))
    index = directory / INDEX_PATH
    data = bytearray(index.read_bytes())
    _, _, offset, size, *_ = data[-FOOTER_BYTES:]  # one byte each in so small a table
    data[offset + size] = 1
    index.write_bytes(bytes(data))

    with pytest.raises(NotASavedModel, match="compressed by snappy"):
        read(directory)
