"""The retail propensity model as a SavedModel: a TF1-style graph, as BigQuery ML exports it.

    <directory>/saved_model.pb                          signature serving_default (retail.SIGNATURE), tagged `serve`
    <directory>/variables/variables.data-00000-of-00001 the three weights, float64
    <directory>/variables/variables.index

The same bytes each time, with the same TensorFlow, so that exporting it again makes no new release.
"""

import os
import shutil
import struct
import tempfile
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from model.errors import InvalidValue
from model.protos import saved_model_pb2
from model.sample import retail
from model.sample.quiet import quiet_stderr

VARIABLES = {
    "bounces_weight": retail.BOUNCES_WEIGHT,
    "intercept": retail.INTERCEPT,
    "time_on_site_weight": retail.TIME_ON_SITE_WEIGHT,
}
DATA_FILE = "variables/variables.data-00000-of-00001"
FILES = ("saved_model.pb", DATA_FILE, "variables/variables.index")


def export(directory: Path) -> bool:
    """Writes the SavedModel, whole or not at all; False if it stands there already, found without TensorFlow.

    Raises:
        InvalidValue: the directory exists and holds something else.
    """
    if directory.exists():
        _check_existing(directory)
        return False
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f"temp-{directory.name}-") as built:
        build(Path(built, "export"), weights=VARIABLES)
        _put(Path(built, "export"), directory)
    return True


def _put(built: Path, directory: Path) -> None:
    try:
        os.rename(built, directory)  # noqa: PTH104 - Path.rename is the same; here the failure on a full directory matters
    except OSError:
        _check_existing(directory)  # another process was faster
        shutil.rmtree(built)


def _check_existing(directory: Path) -> None:
    found = _difference(directory)
    if found:
        raise InvalidValue(
            expected="no directory, or the sample's complete export",
            found=found,
            where=str(directory),
            do=f"Remove {directory}, or name another directory.",
        )


def _difference(directory: Path) -> str:
    """What tells `directory` from the sample's export; empty if nothing does."""
    if not directory.is_dir():
        return "a file"
    files = sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())
    if files != sorted(FILES):
        return f"the files {', '.join(files) or '(none)'}"
    if (directory / DATA_FILE).read_bytes() != _weights_bytes():
        return "other weights"
    return _signature_difference((directory / "saved_model.pb").read_bytes())


def _weights_bytes() -> bytes:
    """The data file holds the variables' little-endian bytes, sorted by name, and nothing else."""
    return struct.pack(f"<{len(VARIABLES)}d", *(VARIABLES[name] for name in sorted(VARIABLES)))


def _signature_difference(data: bytes) -> str:
    try:
        meta_graphs = saved_model_pb2.SavedModel.FromString(data).meta_graphs
    except DecodeError:
        return "a damaged saved_model.pb"
    signatures = {name: signature for graph in meta_graphs for name, signature in graph.signature_def.items()}
    signature = signatures.get(retail.SIGNATURE.name)
    if signature is None or set(signature.outputs) != {spec.name for spec in retail.SIGNATURE.outputs}:
        return "a SavedModel with other signatures"
    return ""


def build(directory: Path, *, weights: dict[str, float]) -> None:
    """Writes the SavedModel with these weights (names as in VARIABLES) into a directory that must not exist."""
    with quiet_stderr():
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            inputs, outputs = _graph(tf, weights)
            session.run(tf.compat.v1.global_variables_initializer())
            _save(tf, session, directory, inputs=inputs, outputs=outputs)


def _save(tf: Any, session: Any, directory: Path, *, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    saved_model = tf.compat.v1.saved_model
    builder = saved_model.Builder(str(directory))
    # No devices and no attributes at their default values: any TensorFlow can then serve the graph anywhere.
    builder.add_meta_graph_and_variables(
        session,
        [tf.saved_model.SERVING],
        signature_def_map={retail.SIGNATURE.name: saved_model.predict_signature_def(inputs=inputs, outputs=outputs)},
        clear_devices=True,
        strip_default_attrs=True,
    )
    builder.save()


def _graph(tf: Any, weights: dict[str, float]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs and outputs by name."""
    variables = {
        name: tf.compat.v1.get_variable(name, initializer=tf.constant(value, tf.float64), use_resource=False)
        for name, value in weights.items()
    }
    inputs = {
        spec.name: tf.compat.v1.placeholder(tf.float32, shape=(None,), name=spec.name)
        for spec in retail.SIGNATURE.inputs
    }
    # TensorFlow Serving feeds whatever shape a caller sends: [[0], [1]] becomes [0, 1] here.
    columns = {name: tf.cast(tf.reshape(tensor, [-1]), tf.float64) for name, tensor in inputs.items()}
    logit = variables["intercept"]
    for name, column in columns.items():
        logit = logit + variables[f"{name}_weight"] * column
    return inputs, _outputs(tf, tf.sigmoid(logit))


def _outputs(tf: Any, buys: Any) -> dict[str, Any]:
    """buys: float64 [rows]."""
    predicted, probs, values = retail.SIGNATURE.outputs
    both = tf.stack([buys, 1.0 - buys], axis=1)
    labels = tf.constant([retail.LABELS])
    likelier = tf.gather(labels[0], tf.argmax(both, axis=1))
    return {
        predicted.name: tf.expand_dims(likelier, 1, name="predicted"),
        probs.name: tf.identity(both, name="probs"),
        values.name: tf.tile(labels, [tf.shape(buys)[0], 1], name="values"),
    }
