"""SavedModels in this process, as validate_release loads them."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import PredictionFailed, ServingFailed
from model.server.servable import Servable
from model.server.warmup import replay
from tests.exports import VOCABULARY, placeholder, save_v1

X = {"x": np.array([1, 2, 5], np.float32)}


def test_known_answers(half_plus_two: Path) -> None:
    servable = Servable.load(half_plus_two)

    assert servable.predict("serving_default", X)["y"].tolist() == [2.5, 3.0, 4.5]
    assert str(servable.signatures["serving_default"].inputs[0]) == "x float32 (-1)"
    servable.close()


def test_keras_tables_on_assets_and_tf1_main_operations(
    keras_model: Path, vocabulary: Path, vocabulary_v1: Path
) -> None:
    features = {"features": np.zeros((2, 4), np.float32)}
    words = {"word": np.array([VOCABULARY[1], "no such word"])}

    assert Servable.load(keras_model).predict("serving_default", features)["output_0"].tolist() == [[0.5], [0.5]]
    for export in (vocabulary, vocabulary_v1):
        assert Servable.load(export).predict("serving_default", words)["index"].tolist() == [1, -1]


def test_the_fed_shape_is_the_graphs_business(half_plus_two: Path, retail_propensity: Path) -> None:
    column = {name: np.array([[value]], np.float32) for name, value in (("bounces", 0), ("time_on_site", 7363))}

    answer = Servable.load(retail_propensity).predict("serving_default", column)

    assert answer["will_buy_on_return_visit_probs"].shape == (1, 2)
    y = Servable.load(half_plus_two).predict("serving_default", {"x": np.float32(1)[...]})["y"]
    assert y.shape == ()


def test_only_the_outputs_wanted_are_computed(tmp_path: Path) -> None:
    def graph(tf: Any) -> Any:
        x = placeholder(tf, "float32", [None], "x")
        with tf.control_dependencies([tf.debugging.assert_less(x, 0.0)]):
            broken = tf.identity(x)
        return {"serving_default": ({"x": x}, {"fine": x + 1.0, "broken": broken})}

    servable = Servable.load(save_v1(tmp_path / "1", graph))

    assert list(servable.predict("serving_default", X, outputs=["fine"])) == ["fine"]
    with pytest.raises(PredictionFailed) as caught:
        servable.predict("serving_default", X)
    assert caught.value.code == "INVALID_ARGUMENT"


def test_an_output_that_is_an_input_passed_through(tmp_path: Path) -> None:
    def graph(tf: Any) -> Any:
        x = placeholder(tf, "float32", [None], "x")
        return {"serving_default": ({"x": x}, {"same": x, "more": x + 1.0})}

    answer = Servable.load(save_v1(tmp_path / "1", graph)).predict("serving_default", X)

    assert {name: array.tolist() for name, array in answer.items()} == {"same": [1, 2, 5], "more": [2, 3, 6]}


def test_many_threads_share_one_servable(several_signatures: Path) -> None:
    servable = Servable.load(several_signatures)

    def call(number: int) -> float:
        inputs = {"a": np.full(100, number, np.float32), "b": np.full(100, 2)}
        return float(servable.predict("serving_default", inputs, outputs=["product"])["product"][-1])

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(call, range(100))) == [2.0 * number for number in range(100)]


@pytest.mark.parametrize(
    ("signature", "inputs", "outputs", "code", "found"),
    [
        ("other", X, (), "FAILED_PRECONDITION", '"other" not found'),
        ("serving_default", {}, (), "INVALID_ARGUMENT", "inputs []"),
        ("serving_default", {**X, "z": X["x"]}, (), "INVALID_ARGUMENT", "inputs ['x', 'z']"),
        ("serving_default", {"x": np.array([1])}, (), "INVALID_ARGUMENT", "int64"),
        ("serving_default", {"x": np.array(["1"])}, (), "INVALID_ARGUMENT", "str"),
        ("serving_default", {"x": np.array([1j])}, (), "INVALID_ARGUMENT", "complex128"),
        ("serving_default", X, ("y", "z"), "INVALID_ARGUMENT", "['z']"),
    ],
)
def test_a_call_that_does_not_fit_the_signature_is_refused(
    half_plus_two: Path, signature: str, inputs: Any, outputs: tuple[str, ...], code: str, found: str
) -> None:
    servable = Servable.load(half_plus_two)

    with pytest.raises(PredictionFailed) as caught:
        servable.predict(signature, inputs, outputs=outputs)

    assert caught.value.code == code
    assert found in caught.value.found


def test_what_the_graph_refuses_carries_its_code(several_signatures: Path, sparse_input: Path) -> None:
    inputs = {"a": np.zeros(2, np.float32), "b": np.zeros(3, np.int64)}

    with pytest.raises(PredictionFailed) as caught:
        Servable.load(several_signatures).predict("serving_default", inputs)
    with pytest.raises(PredictionFailed):
        Servable.load(sparse_input).predict("serving_default", X)

    assert caught.value.code == "INVALID_ARGUMENT"
    assert "Incompatible shapes" in caught.value.found


@pytest.mark.parametrize(
    "export",
    [
        "no_saved_model",
        "empty_saved_model",
        "text_saved_model",
        "truncated_variables",
        "missing_variables",
        "fails_on_load",
    ],
)
def test_what_cannot_be_loaded_is_one_error(export: str, request: pytest.FixtureRequest) -> None:
    directory = request.getfixturevalue(export)

    with pytest.raises(ServingFailed) as caught:
        Servable.load(directory)

    assert caught.value.where == str(directory)
    assert caught.value.found
    assert "\n" not in str(caught.value)


def test_warm_up_requests_are_replayed_when_asked_for(fails_in_warmup: Path) -> None:
    assert Servable.load(fails_in_warmup).signatures

    with pytest.raises(PredictionFailed, match="cold"):
        Servable.load(fails_in_warmup, warm_up=replay)


def test_a_damaged_file_of_warm_up_requests_is_an_error(fails_in_warmup: Path, tmp_path: Path) -> None:
    directory = tmp_path / "1"
    shutil.copytree(fails_in_warmup, directory)
    (directory / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"no TFRecord at all")

    with pytest.raises(ServingFailed, match="DataLossError"):
        Servable.load(directory, warm_up=replay)
