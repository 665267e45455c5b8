"""What is found out about a model in the process that tries it; here in the tests' own, to import TensorFlow once."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.validate_release.trial import Question, answer
from model.savedmodel import read_saved_model
from model.signature import Signature, TensorSpec
from model.storage import open_storage
from tests import exports

X = TensorSpec("x", "float32", (-1,))


def signature_in(export: Path, name: str = exports.DEFAULT) -> Signature:
    saved_model = read_saved_model(str(export), storage=open_storage(str(export)))
    return next(signature for signature in saved_model.served.signatures if signature.name == name)


def asked(export: Path, inputs: Mapping[str, Sequence[Any]], *, signature: Signature | None = None) -> dict[str, Any]:
    rows = len(next(iter(inputs.values())))
    return answer(Question(str(export), signature or signature_in(export), inputs, rows))


def outputs(export: Path, inputs: Mapping[str, Sequence[Any]], **more: Any) -> dict[str, Any]:
    found = asked(export, inputs, **more)
    assert "error" not in found, found
    return dict(found["outputs"])


def refusal(export: Path, inputs: Mapping[str, Sequence[Any]], **more: Any) -> dict[str, str]:
    found = asked(export, inputs, **more)
    assert set(found) == {"error"}
    return dict(found["error"])


def test_every_dtype_survives_the_way_there_and_back(every_dtype: Path) -> None:
    inputs: dict[str, list[Any]] = {dtype: [1, 0, 7] for dtype in exports.EVERY_DTYPE}
    inputs |= {"int64": [-(2**63), 2**63 - 1, 0], "uint64": [2**64 - 1, 0, 1], "float32": [0.1, 1e-40, 3e38]}
    inputs |= {"bool": [True, False, True], "string": ["007", "grün", {"b64": "/w=="}]}

    found = outputs(every_dtype, inputs)

    floats = {"float16_out": [1.0, 0.0, 7.0], "float32_out": found["float32_out"], "float64_out": [1.0, 0.0, 7.0]}
    assert found == {f"{name}_out": values for name, values in inputs.items()} | floats
    np.testing.assert_array_equal(np.array(found["float32_out"], np.float32), np.array(inputs["float32"], np.float32))


@pytest.mark.parametrize("name", ["vocabulary", "vocabulary_v1"])
def test_a_vocabulary_is_read_from_the_models_own_assets(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    export = shutil.copytree(request.getfixturevalue(name), tmp_path / "moved")

    # The list that the model was exported from must not matter.
    (export / "assets" / "words.txt").write_text("mauve\ngreen\n")

    assert list(outputs(export, {"word": ["green", "mauve", "red"]}).values()) == [[1, 0, -1]]


def test_vectors_and_matrices_keep_their_shapes(vectors: Path) -> None:
    inputs: dict[str, list[Any]] = {
        "column": [[1.0], [2.0]],
        "features": [[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 1.0]],
        "matrix": [[[1, 2], [3, 4]], [[5, 6], [7, 8]]],
        "words": [["a", "b", "c"], ["d", "", "f"]],
    }

    found = outputs(vectors, inputs)

    assert found["total"] == [11.0, 3.0]
    assert found["transposed"] == [[[1, 3], [2, 4]], [[5, 7], [6, 8]]]
    assert found["joined"] == [["a b c"], ["d  f"]]


def test_a_keras_export_answers(keras_model: Path) -> None:
    found = outputs(keras_model, {"features": [[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]]})

    assert found["output_0"][0] == [0.5]
    assert found["output_0"][1] == [pytest.approx(0.98201, abs=1e-4)]


def test_another_signature_is_called_by_its_name(several_signatures: Path) -> None:
    found = outputs(several_signatures, {"x": [[1.0, 2.0, 3.0]]}, signature=signature_in(several_signatures, "scaled"))

    assert found == {"scaled": [[1.0, 20.0, 300.0]]}


@pytest.mark.parametrize(
    ("name", "inputs", "expected"),
    [
        ("half_plus_two", [1.0, 2.0, 5.0], {"y": [2.5, 3.0, 4.5]}),
        ("unknown_rank", [[1.0], [2.0]], {"doubled": [[2.0], [4.0]]}),
        ("no_variables", [3, -4], {"squared": [9, 16]}),
    ],
)
def test_answers_are_the_models(
    name: str, inputs: list[Any], expected: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    assert outputs(request.getfixturevalue(name), {"x": inputs}) == expected


def test_nan_is_refused_naming_output_row_and_inputs(nan_for_negative: Path) -> None:
    error = refusal(nan_for_negative, {"x": [4.0, 9.0, -1.0, -2.0]})

    assert error["expected"] == "finite numbers in the output root"
    assert error["found"] == "nan for row 3 (x -1.0), and such in 2 of 4 rows"


def test_infinity_is_refused(infinite_for_zero: Path) -> None:
    error = refusal(infinite_for_zero, {"x": [1.0, 0.0]})

    assert error["expected"] == "finite numbers in the output inverse"
    assert "[1.0, inf] for row 2 (x 0.0)" in error["found"]


def test_a_broken_weight_is_refused(nan_always: Path) -> None:
    error = refusal(nan_always, {"bounces": [0.0], "time_on_site": [7363.0]})

    assert error["found"] == "[nan, nan] for row 1 (bounces 0.0, time_on_site 7363.0), and such in 1 of 1 rows"


def test_another_dtype_than_the_signatures_is_refused(wrong_dtype: Path) -> None:
    error = refusal(wrong_dtype, {"x": [1.0]})

    assert (error["expected"], error["found"]) == ("the output y int64 (-1)", "float32 (1) for 1 rows")


def test_another_shape_than_the_signatures_is_refused(wrong_shape: Path) -> None:
    error = refusal(wrong_shape, {"x": [1.0, 2.0]})

    assert (error["expected"], error["found"]) == ("the output y float32 (-1, 3)", "float32 (2) for 2 rows")


def test_fewer_rows_out_than_in_are_refused(fewer_rows_out: Path) -> None:
    error = refusal(fewer_rows_out, {"x": [1.0, 2.0, 3.0, 4.0]})

    assert (error["expected"], error["found"]) == ("one row of the output y for each of 4 rows", "2 rows")


def test_one_value_for_all_rows_is_refused(scalar_output: Path) -> None:
    error = refusal(scalar_output, {"x": [1.0, 2.0]})

    assert error["expected"] == "one row of the output mean for each of 2 rows"
    assert error["found"] == "one value for all of them, 1.5"
    assert "export a signature without mean" in error["do"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("fails_on_load", "no licence found"),
        ("truncated_variables", "Read less bytes than requested"),
        ("missing_variables", "variables.data-00000-of-00001"),
        ("text_saved_model", "Cannot parse file"),
        ("no_saved_model", "SavedModel file does not exist"),
    ],
)
def test_a_model_that_does_not_load_says_why(name: str, reason: str, request: pytest.FixtureRequest) -> None:
    error = refusal(request.getfixturevalue(name), {"x": [1.0]}, signature=Signature("serving_default", "", (X,), ()))

    assert error["expected"] == "a SavedModel that TensorFlow loads"
    assert reason in error["found"]


def test_a_call_that_the_graph_refuses_is_told_in_one_line(several_signatures: Path) -> None:
    error = refusal(several_signatures, {"a": [1.0, 2.0, 3.0], "b": [1, 2]})

    assert error["expected"] == "inputs that the graph takes"
    assert "Incompatible shapes" in error["found"]
    assert "\n" not in error["found"]


def test_a_signature_that_the_model_lacks_is_refused(half_plus_two: Path) -> None:
    error = refusal(half_plus_two, {"x": [1.0]}, signature=Signature("score", "", (X,), ()))

    assert error["expected"] == "one of the signatures ['serving_default']"


def test_an_input_of_another_dtype_is_refused(half_plus_two: Path) -> None:
    stale = Signature(exports.DEFAULT, "", (TensorSpec("x", "int64", (-1,)),), (TensorSpec("y", "float32", (-1,)),))

    error = refusal(half_plus_two, {"x": [1]}, signature=stale)

    assert (error["expected"], error["found"]) == ("input x of type float32", "int64")


def test_an_output_that_the_model_lacks_is_refused(half_plus_two: Path) -> None:
    stale = Signature(exports.DEFAULT, "", (X,), (TensorSpec("z", "float32", (-1,)),))

    error = refusal(half_plus_two, {"x": [1.0]}, signature=stale)

    assert (error["expected"], error["found"]) == ("the output z float32 (-1)", "the outputs ['y']")
