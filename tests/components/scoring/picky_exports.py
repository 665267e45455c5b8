"""Models that answer in ways that a batch job must live with."""

from pathlib import Path
from typing import Any

from tests.exports import DEFAULT, Signatures, placeholder, save_v1


def refuses_thirteen(directory: Path) -> Path:
    """x float32 (-1) -> y float32 (-1), x + 1; refuses any request with a 13 in it."""

    def graph(tf: Any) -> Signatures:
        x = placeholder(tf, "float32", [None], "x")
        fine = tf.debugging.assert_none_equal(x, 13.0, message="no thirteen, please")
        with tf.control_dependencies([fine]):
            return {DEFAULT: ({"x": x}, {"y": x + 1.0})}

    return save_v1(directory, graph)


def answers_less(directory: Path) -> Path:
    """x float32 (-1) -> y float32 (-1), one row less than it is given."""

    def graph(tf: Any) -> Signatures:
        x = placeholder(tf, "float32", [None], "x")
        return {DEFAULT: ({"x": x}, {"y": x[1:]})}

    return save_v1(directory, graph)


def open_lengths(directory: Path) -> Path:
    """x float32 (-1, -1) -> doubled float32 (-1, -1), total float32 (-1)."""

    def graph(tf: Any) -> Signatures:
        x = placeholder(tf, "float32", [None, None], "x")
        return {DEFAULT: ({"x": x}, {"doubled": x * 2.0, "total": tf.reduce_sum(x, axis=1)})}

    return save_v1(directory, graph)


def bytes_that_are_no_text(directory: Path) -> Path:
    """x string (-1) -> decoded string (-1), the bytes that x spells in base64."""

    def graph(tf: Any) -> Signatures:
        x = placeholder(tf, "string", [None], "x")
        return {DEFAULT: ({"x": x}, {"decoded": tf.io.decode_base64(x)})}

    return save_v1(directory, graph)


def classes(directory: Path) -> Path:
    """x float32 (-1) -> probabilities float32 (-1, 3), the largest at position x."""

    def graph(tf: Any) -> Signatures:
        x = placeholder(tf, "float32", [None], "x")
        return {DEFAULT: ({"x": x}, {"probabilities": tf.one_hot(tf.cast(x, tf.int32), 3) * 0.8 + 0.1})}

    return save_v1(directory, graph)
