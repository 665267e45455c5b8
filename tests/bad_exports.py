"""SavedModels that a release must refuse, and directories that are none. Same form as tests/exports.py.

inspect_signature refuses what is no SavedModel, has damaged variables, or touches files in its graph.
validate_release refuses what does not load (aborts_on_load and exits_on_load end its child process; inspect_signature
may have refused them for their Abort operation), answers NaN, or answers otherwise than its signature says.
deploy_candidate refuses aborts_in_warmup and fails_in_warmup, since only a server runs warm-up requests.
smoke_test_webapp refuses retail_random, which never answers twice the same.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.sample import export, retail
from tests.exports import (
    DEFAULT,
    Signatures,
    half_plus_two,
    placeholder,
    retail_outputs,
    retail_propensity,
    save_v1,
    save_v2,
    tensorflow,
)

#: Holds what writes_file_in_cond wrote, if anybody let it.
WRITTEN_FILE = "written-by-the-model.txt"


def no_saved_model(directory: Path) -> Path:
    directory.mkdir(parents=True)
    (directory / "model.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    (directory / "notes.txt").write_text("trained on Tuesday\n")
    return directory


def empty_saved_model(directory: Path) -> Path:
    directory.mkdir(parents=True)
    (directory / "saved_model.pb").touch()
    return directory


def text_saved_model(directory: Path) -> Path:
    directory.mkdir(parents=True)
    (directory / "saved_model.pb").write_text("<html><body>404 Not Found</body></html>\n")
    return directory


def pbtxt_saved_model(directory: Path) -> Path:
    """Written in protobuf's text format, which TensorFlow Serving does not read."""
    from google.protobuf import text_format
    from tensorflow.core.protobuf import saved_model_pb2

    half_plus_two(directory)
    binary = directory / "saved_model.pb"
    message = saved_model_pb2.SavedModel.FromString(binary.read_bytes())
    (directory / "saved_model.pbtxt").write_text(text_format.MessageToString(message))
    binary.unlink()
    return directory


def truncated_variables(directory: Path) -> Path:
    """The sample, with the last bytes of its weights missing."""
    retail_propensity(directory)
    data = directory / export.DATA_FILE
    data.write_bytes(data.read_bytes()[:-6])
    return directory


def missing_variables(directory: Path) -> Path:
    """The sample without the file that holds its weights."""
    retail_propensity(directory)
    (directory / export.DATA_FILE).unlink()
    return directory


def writes_file_in_cond(directory: Path) -> Path:
    """A TF2 module that writes a file beside itself if x is large, inside tf.cond: x float32 (-1) -> y float32 (-1)."""
    tf = tensorflow()
    path = str(directory.parent / WRITTEN_FILE)

    def write(x: Any) -> Any:
        tf.io.write_file(path, tf.strings.as_string(tf.reduce_sum(x)))
        return x

    def leak(x: Any) -> Any:
        return {"y": tf.cond(tf.reduce_sum(x) > 1e6, lambda: write(x), lambda: x * 1.0)}

    leak_function = tf.function(leak, input_signature=[tf.TensorSpec([None], tf.float32, "x")])

    return save_v2(directory, tf.Module(), {DEFAULT: leak_function})


def reads_file_in_map(directory: Path) -> Path:
    """A TF2 module that reads files that its caller names, in Dataset.map: path string (-1) -> content string (-1)."""
    tf = tensorflow()

    def read(path: Any) -> Any:
        contents = tf.data.Dataset.from_tensor_slices(path).map(tf.io.read_file).batch(1 << 20)
        return {"content": tf.data.experimental.get_single_element(contents)}

    read_function = tf.function(read, input_signature=[tf.TensorSpec([None], tf.string, "path")])

    return save_v2(directory, tf.Module(), {DEFAULT: read_function})


def matches_files(directory: Path) -> Path:
    """A TF1 graph that lists files: pattern string (-1) -> path string (-1)."""

    def graph(tf: Any) -> Signatures:
        pattern = placeholder(tf, "string", [None], "pattern")
        return {DEFAULT: ({"pattern": pattern}, {"path": tf.io.matching_files(pattern)})}

    return save_v1(directory, graph)


def aborts_on_load(directory: Path) -> Path:
    """Kills the process that loads it (SIGABRT)."""
    return save_v1(directory, _half, main_op=lambda tf: tf.raw_ops.Abort(error_msg="the model aborts"))


def exits_on_load(directory: Path) -> Path:
    """Ends the process that loads it, with exit status 0."""
    return save_v1(directory, _half, main_op=lambda tf: tf.raw_ops.Abort(exit_without_error=True))


def fails_on_load(directory: Path) -> Path:
    """Fails its own check when it is loaded."""
    return save_v1(directory, _half, main_op=lambda tf: tf.debugging.Assert(tf.constant(False), ["no licence found"]))


def _half(tf: Any) -> Signatures:
    x = placeholder(tf, "float32", [None], "x")
    return {DEFAULT: ({"x": x}, {"y": x * 0.5 + 2.0})}


def aborts_in_warmup(directory: Path) -> Path:
    """The sample, which answers well, but whose warm-up request kills the server (SIGABRT)."""

    def abort(tf: Any) -> Any:
        with tf.control_dependencies([tf.raw_ops.Abort(error_msg="the model aborts when it is warmed up")]):
            return tf.constant([0.0])

    return _warmed_up(directory, abort)


def fails_in_warmup(directory: Path) -> Path:
    """The sample, which answers well, but whose warm-up request fails, so that servers refuse to load it."""

    def fail(tf: Any) -> Any:
        with tf.control_dependencies([tf.debugging.Assert(tf.constant(False), ["cold"])]):
            return tf.constant([0.0])

    return _warmed_up(directory, fail)


def _warmed_up(directory: Path, warm_up: Any) -> Path:
    def graph(tf: Any) -> Signatures:
        inputs = _retail_inputs(tf)
        unused = placeholder(tf, "float32", [None], "unused")
        answer = (inputs, retail_outputs(tf, _probability(tf, inputs)))
        return {DEFAULT: answer, "warm_up": ({"unused": unused}, {"warmed": warm_up(tf) + tf.reduce_sum(unused)})}

    save_v1(directory, graph)
    _write_warmup_request(directory / "assets.extra" / "tf_serving_warmup_requests")
    return directory


def _write_warmup_request(path: Path) -> None:
    """A TFRecord of one PredictionLog { predict_log { request { model_spec { signature_name }, inputs } } }; field
    numbers as in tensorflow_serving/apis/{prediction_log,predict,model}.proto."""
    tf = tensorflow()
    tensor = tf.make_tensor_proto([1.0]).SerializeToString()
    model_spec = _field(1, b"m") + _field(3, b"warm_up")
    request = _field(1, model_spec) + _field(2, _field(1, b"unused") + _field(2, tensor))
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(_field(6, _field(1, request)))


def _field(number: int, data: bytes) -> bytes:
    """A length-delimited protobuf field, of at most 127 bytes."""
    return bytes([number << 3 | 2, len(data)]) + data


def nan_always(directory: Path) -> Path:
    """The sample with a weight that is not a number."""
    export.build(directory, weights={**export.VARIABLES, "intercept": float("nan")})
    return directory


def nan_for_negative(directory: Path) -> Path:
    """x float32 (-1) -> doubled, root float32 (-1); the root of a negative x is not a number."""

    def graph(tf: Any) -> Signatures:
        x = placeholder(tf, "float32", [None], "x")
        return {DEFAULT: ({"x": x}, {"doubled": x * 2.0, "root": tf.sqrt(x)})}

    return save_v1(directory, graph)


def infinite_for_zero(directory: Path) -> Path:
    """x float32 (-1) -> inverse float32 (-1, 2): [1, 1 / x]."""

    def graph(tf: Any) -> Signatures:
        x = placeholder(tf, "float32", [None], "x")
        return {DEFAULT: ({"x": x}, {"inverse": tf.stack([tf.ones_like(x), 1.0 / x], axis=1)})}

    return save_v1(directory, graph)


def fewer_rows_out(directory: Path) -> Path:
    """x float32 (-1) -> y float32 (-1), every second x only."""

    def graph(tf: Any) -> Signatures:
        x = placeholder(tf, "float32", [None], "x")
        return {DEFAULT: ({"x": x}, {"y": x[::2]})}

    return save_v1(directory, graph)


def wrong_dtype(directory: Path) -> Path:
    """x float32 (-1) -> y, int64 by its signature and float32 in truth."""
    return _edit_output(half_plus_two(directory), dtype=9)


def wrong_shape(directory: Path) -> Path:
    """x float32 (-1) -> y, (-1, 3) by its signature and (-1) in truth."""
    return _edit_output(half_plus_two(directory), shape=(-1, 3))


def _edit_output(directory: Path, *, dtype: int = 0, shape: tuple[int, ...] = ()) -> Path:
    from tensorflow.core.protobuf import saved_model_pb2

    path = directory / "saved_model.pb"
    saved_model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    info = saved_model.meta_graphs[0].signature_def[DEFAULT].outputs["y"]
    info.dtype = dtype or info.dtype
    if shape:
        del info.tensor_shape.dim[:]
        for size in shape:
            info.tensor_shape.dim.add(size=size)
    path.write_bytes(saved_model.SerializeToString())
    return directory


def retail_random(directory: Path) -> Path:
    """The sample with noise: it never answers twice the same."""

    def graph(tf: Any) -> Signatures:
        inputs = _retail_inputs(tf)
        buys = _probability(tf, inputs)
        return {DEFAULT: (inputs, retail_outputs(tf, tf.random.uniform(tf.shape(buys), dtype=tf.float64)))}

    return save_v1(directory, graph)


def _retail_inputs(tf: Any) -> dict[str, Any]:
    return {spec.name: placeholder(tf, "float32", [None], spec.name) for spec in retail.SIGNATURE.inputs}


def _probability(tf: Any, inputs: Mapping[str, Any]) -> Any:
    """float64 [rows]"""
    bounces, seconds = (tf.cast(tf.reshape(inputs[name], [-1]), tf.float64) for name in ("bounces", "time_on_site"))
    return tf.sigmoid(retail.INTERCEPT + retail.BOUNCES_WEIGHT * bounces + retail.TIME_ON_SITE_WEIGHT * seconds)


def parent_of_exports(directory: Path) -> Path:
    """Children V_9, V_36 (the newest), 0007, a half-written temp-V_37, a file, and a directory of something else."""
    half_plus_two(directory / "V_9")
    retail_propensity(directory / "V_36")
    shutil.copytree(directory / "V_9", directory / "0007")
    shutil.copytree(directory / "V_9", directory / "temp-V_37")
    (directory / "temp-V_37" / "saved_model.pb").unlink()
    (directory / "checkpoints-99").mkdir()
    (directory / "checkpoints-99" / "model.ckpt.index").write_bytes(b"x")
    (directory / "README.md").write_text("exports\n")
    return directory


def parent_of_timestamps(directory: Path) -> Path:
    """Children 1646034756 (the newest) and 1646030000, as estimators export them, and temp-1646034999."""
    half_plus_two(directory / "1646030000")
    retail_propensity(directory / "1646034756")
    shutil.copytree(directory / "1646034756", directory / "temp-1646034999")
    return directory


def parent_of_nothing(directory: Path) -> Path:
    """A parent whose only export is half-written."""
    no_saved_model(directory / "temp-1646034999")
    return directory
