"""A model with the signature of KServe's flowers sample, and none of its weights."""

from pathlib import Path
from typing import Any

from tests.exports import DEFAULT, Signatures, placeholder, save_v1

FLOWERS = 6


def flowers_model(directory: Path) -> Path:
    """key, image_bytes (JPEG): string (-1) -> key: string (-1), scores: float32 (-1, 6), prediction: int64 (-1)."""

    def graph(tf: Any) -> Signatures:
        key, images = (placeholder(tf, "string", [None], name) for name in ("key", "image_bytes"))
        weights = tf.compat.v1.get_variable("weights", [3, FLOWERS], initializer=tf.initializers.RandomNormal(seed=7))
        colours = tf.map_fn(lambda image: _mean_colour(tf, image), images, fn_output_signature=tf.float32)
        scores = tf.nn.softmax(colours @ weights, name="scores")
        answers = {"key": tf.identity(key), "scores": scores, "prediction": tf.argmax(scores, axis=1)}
        return {DEFAULT: ({"key": key, "image_bytes": images}, answers)}

    return save_v1(directory, graph)


def _mean_colour(tf: Any, jpeg: Any) -> Any:
    return tf.reduce_mean(tf.cast(tf.image.decode_jpeg(jpeg, channels=3), tf.float32) / 255.0, axis=[0, 1])
