"""Real SavedModels of many kinds. Each function writes one into a directory that must not exist, and returns it.

Models that a release must refuse stand in tests/bad_exports.py. `tests/conftest.py` gives every export as a fixture of
the same name, built once per test session: treat it as read-only.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from model.sample import export, retail
from model.sample.quiet import quiet_stderr

#: Name of a signature -> (inputs by name, outputs by name), as tensors of a TF1 graph.
Signatures = Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]

DEFAULT = "serving_default"
EVERY_DTYPE = (
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "bool", "string"),
)
VOCABULARY = ("red", "green", "blue")


def tensorflow() -> Any:
    """TensorFlow, imported without its chatter."""
    with quiet_stderr():
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
    return tf


def save_v1(
    directory: Path, graph: Callable[[Any], Signatures], *, main_op: Callable[[Any], Any] | None = None
) -> Path:
    """Saves a TF1 graph. `main_op` makes the operation that is run whenever the model is loaded."""
    tf = tensorflow()
    saved_model = tf.compat.v1.saved_model
    with quiet_stderr(), tf.Graph().as_default(), tf.compat.v1.Session() as session:
        signatures = {
            name: saved_model.predict_signature_def(inputs=dict(inputs), outputs=dict(outputs))
            for name, (inputs, outputs) in graph(tf).items()
        }
        session.run(tf.compat.v1.global_variables_initializer())
        builder = saved_model.Builder(str(directory))
        builder.add_meta_graph_and_variables(
            session,
            [tf.saved_model.SERVING],
            signature_def_map=signatures,
            main_op=main_op(tf) if main_op else None,
            assets_collection=tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.ASSET_FILEPATHS),
        )
        builder.save()
    return directory


def save_v2(directory: Path, module: Any, signatures: Mapping[str, Any]) -> Path:
    """Saves a tf.Module with its concrete functions."""
    tf = tensorflow()
    with quiet_stderr():
        tf.saved_model.save(module, str(directory), signatures=dict(signatures))
    return directory


def placeholder(tf: Any, dtype: str, shape: Sequence[int | None] | None, name: str) -> Any:
    return tf.compat.v1.placeholder(tf.as_dtype(dtype), shape=shape, name=name)


def half_plus_two(directory: Path) -> Path:
    """TensorFlow Serving's own sample: float32 x (-1) -> float32 y (-1), x / 2 + 2."""

    def graph(tf: Any) -> Signatures:
        x = placeholder(tf, "float32", [None], "x")
        a = tf.compat.v1.get_variable("a", initializer=0.5)
        b = tf.compat.v1.get_variable("b", initializer=2.0)
        return {DEFAULT: ({"x": x}, {"y": tf.add(a * x, b, name="y")})}

    return save_v1(directory, graph)


def retail_propensity(directory: Path) -> Path:
    """The sample model."""
    export.build(directory, weights=export.VARIABLES)
    return directory


def retail_retrained(directory: Path) -> Path:
    """The sample model trained again: the same signature, slightly other weights."""
    weights = {"intercept": 0.02, "bounces_weight": -0.07, "time_on_site_weight": 0.00017}
    export.build(directory, weights=weights)
    return directory


def several_signatures(directory: Path) -> Path:
    """A TF2 module: serving_default (a float32 (-1), b int64 (-1) -> sum, product float32 (-1)), and `scaled`
    (x float32 (-1, 3) -> scaled float32 (-1, 3))."""
    tf = tensorflow()
    module = tf.Module()
    module.scale = tf.Variable([1.0, 10.0, 100.0], name="scale")

    def arithmetic(a: Any, b: Any) -> Any:
        b = tf.cast(b, tf.float32)
        return {"sum": a + b, "product": a * b}

    arithmetic_function = tf.function(
        arithmetic, input_signature=[tf.TensorSpec([None], tf.float32, "a"), tf.TensorSpec([None], tf.int64, "b")]
    )

    def scaled(x: Any) -> Any:
        return {"scaled": x * module.scale}

    scaled_function = tf.function(scaled, input_signature=[tf.TensorSpec([None, 3], tf.float32, "x")])

    return save_v2(directory, module, {DEFAULT: arithmetic_function, "scaled": scaled_function})


def keras_model(directory: Path) -> Path:
    """`keras.Model.export`: features float32 (-1, 4) -> output_0 float32 (-1, 1), the sigmoid of their sum."""
    tf = tensorflow()
    features = tf.keras.Input(shape=(4,), name="features")
    dense = tf.keras.layers.Dense(1, activation="sigmoid", kernel_initializer="ones")
    model = tf.keras.Model(features, dense(features))
    with quiet_stderr():
        model.export(str(directory), verbose=False)
    return directory


def every_dtype(directory: Path) -> Path:
    """For every dtype that a column can hold: `<dtype>` (-1) -> `<dtype>_out` (-1), unchanged."""

    def graph(tf: Any) -> Signatures:
        inputs = {dtype: placeholder(tf, dtype, [None], dtype) for dtype in EVERY_DTYPE}
        return {DEFAULT: (inputs, {f"{dtype}_out": tf.identity(tensor) for dtype, tensor in inputs.items()})}

    return save_v1(directory, graph)


def vectors(directory: Path) -> Path:
    """column float32 (-1, 1), features float64 (-1, 4), matrix int32 (-1, 2, 2), words string (-1, 3) ->
    total float64 (-1), features_doubled float64 (-1, 4), transposed int32 (-1, 2, 2), joined string (-1, 1)."""

    def graph(tf: Any) -> Signatures:
        column = placeholder(tf, "float32", [None, 1], "column")
        features = placeholder(tf, "float64", [None, 4], "features")
        matrix = placeholder(tf, "int32", [None, 2, 2], "matrix")
        words = placeholder(tf, "string", [None, 3], "words")
        outputs = {
            "total": tf.reduce_sum(features, axis=1) + tf.cast(column[:, 0], tf.float64),
            "features_doubled": features * 2.0,
            "transposed": tf.transpose(matrix, [0, 2, 1]),
            "joined": tf.strings.reduce_join(words, axis=1, keepdims=True, separator=" "),
        }
        return {DEFAULT: ({"column": column, "features": features, "matrix": matrix, "words": words}, outputs)}

    return save_v1(directory, graph)


def unknown_rank(directory: Path) -> Path:
    """x float32 of unknown rank -> doubled float32 of unknown rank."""

    def graph(tf: Any) -> Signatures:
        x = placeholder(tf, "float32", None, "x")
        return {DEFAULT: ({"x": x}, {"doubled": x * 2.0})}

    return save_v1(directory, graph)


def no_variables(directory: Path) -> Path:
    """x int64 (-1) -> squared int64 (-1), a graph without variables."""

    def graph(tf: Any) -> Signatures:
        x = placeholder(tf, "int64", [None], "x")
        return {DEFAULT: ({"x": x}, {"squared": x * x})}

    return save_v1(directory, graph)


def vocabulary(directory: Path) -> Path:
    """A TF2 module with a vocabulary on an asset: word string (-1) -> index int64 (-1), -1 for unknown words."""
    tf = tensorflow()
    module = tf.Module()
    module.words = tf.saved_model.Asset(str(_vocabulary_file(directory)))
    module.table = _vocabulary_table(tf, module.words.asset_path)

    def look_up(word: Any) -> Any:
        return {"index": module.table.lookup(word)}

    look_up_function = tf.function(look_up, input_signature=[tf.TensorSpec([None], tf.string, "word")])

    return save_v2(directory, module, {DEFAULT: look_up_function})


def vocabulary_v1(directory: Path) -> Path:
    """The same as a TF1 graph, its table filled by the main operation."""
    words = _vocabulary_file(directory)

    def graph(tf: Any) -> Signatures:
        path = tf.constant(str(words))
        tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.ASSET_FILEPATHS, path)
        word = placeholder(tf, "string", [None], "word")
        return {DEFAULT: ({"word": word}, {"index": _vocabulary_table(tf, path).lookup(word)})}

    return save_v1(directory, graph, main_op=lambda tf: tf.compat.v1.tables_initializer())


def _vocabulary_file(directory: Path) -> Path:
    path = directory.with_name(f"{directory.name}-source") / "words.txt"
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"{word}\n" for word in VOCABULARY))
    return path


def _vocabulary_table(tf: Any, path: Any) -> Any:
    lookup = tf.lookup
    keys, values = lookup.TextFileIndex.WHOLE_LINE, lookup.TextFileIndex.LINE_NUMBER
    initializer = lookup.TextFileInitializer(path, tf.string, keys, tf.int64, values)
    return lookup.StaticHashTable(initializer, default_value=-1)


def scalar_output(directory: Path) -> Path:
    """x float32 (-1) -> doubled float32 (-1), mean float32 (): one number whatever the number of rows."""

    def graph(tf: Any) -> Signatures:
        x = placeholder(tf, "float32", [None], "x")
        return {DEFAULT: ({"x": x}, {"doubled": x * 2.0, "mean": tf.reduce_mean(x)})}

    return save_v1(directory, graph)


def packed_numbers(directory: Path) -> Path:
    """x int64 (-1), below 256 -> packed string (-1), packed_bytes string (-1): both the one byte; no UTF-8 from 128."""

    def graph(tf: Any) -> Signatures:
        x = placeholder(tf, "int64", [None], "x")
        packed = tf.gather(tf.constant([bytes([number]) for number in range(256)]), x)
        return {DEFAULT: ({"x": x}, {"packed": packed, "packed_bytes": tf.identity(packed)})}

    return save_v1(directory, graph)


def parses_examples(directory: Path) -> Path:
    """examples string (-1), serialized tf.Example with a float feature x -> y float32 (-1), x / 2 + 2."""

    def graph(tf: Any) -> Signatures:
        examples = placeholder(tf, "string", [None], "input_examples")
        parsed = tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([], tf.float32)})
        return {DEFAULT: ({"examples": examples}, {"y": parsed["x"] * 0.5 + 2.0})}

    return save_v1(directory, graph)


def sparse_input(directory: Path) -> Path:
    """x, a sparse float32 tensor (-1, 4) -> total float32 (-1)."""

    def graph(tf: Any) -> Signatures:
        x = tf.compat.v1.sparse_placeholder(tf.float32, shape=[None, 4], name="x")
        return {DEFAULT: ({"x": x}, {"total": tf.compat.v1.sparse_reduce_sum(x, axis=1)})}

    return save_v1(directory, graph)


def large_variables(directory: Path) -> Path:
    """8 MB of variables that do not compress: x float32 (-1) -> y float32 (-1)."""

    def graph(tf: Any) -> Signatures:
        x = placeholder(tf, "float32", [None], "x")
        noise = tf.random.stateless_uniform([1024, 2048], seed=[3, 6])
        weights = tf.compat.v1.get_variable("weights", initializer=noise)
        return {DEFAULT: ({"x": x}, {"y": x * tf.reduce_max(weights)})}

    return save_v1(directory, graph)


def retail_with_more_inputs(directory: Path) -> Path:
    """The sample's outputs from one input more (pageviews float32 (-1)): callers of the sample do not send it."""

    def graph(tf: Any) -> Signatures:
        names = (*(spec.name for spec in retail.SIGNATURE.inputs), "pageviews")
        inputs = {name: placeholder(tf, "float32", [None], name) for name in names}
        buys = tf.sigmoid(tf.cast(tf.add_n([tf.reshape(tensor, [-1]) for tensor in inputs.values()]), tf.float64))
        return {DEFAULT: (inputs, retail_outputs(tf, buys))}

    return save_v1(directory, graph)


def retail_outputs(tf: Any, buys: Any) -> dict[str, Any]:
    """The sample's three outputs. buys: float64 [rows]."""
    predicted, probs, values = retail.SIGNATURE.outputs
    labels = tf.tile([retail.LABELS], [tf.shape(buys)[0], 1])
    return {
        predicted.name: tf.where(buys >= 0.5, labels[:, 0], labels[:, 1])[:, None],
        probs.name: tf.stack([buys, 1.0 - buys], axis=1),
        values.name: labels,
    }
