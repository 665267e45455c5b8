"""What is wrong with columns is said before anything is read."""

import pyarrow as pa
import pytest

from components.rows.columns import check_columns
from model.errors import RowsMismatch
from model.signature import Signature, TensorSpec


def signature(*inputs: TensorSpec) -> Signature:
    return Signature("serving_default", "tensorflow/serving/predict", inputs, ())


AGE, NAME = TensorSpec("age", "float32", (-1,)), TensorSpec("name", "string", (-1,))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["Age", "name"], ["missing: 'age' (float32; there is 'Age')", "'Age', 'name'"]),
        (["agee", "name"], ["there is 'agee'"]),
        (["name"], ["missing: 'age' (float32)"]),
        (["age", "name", "age"], ["more than one column 'age'"]),
        (["age;name"], ["Write it with commas"]),
        (["1", "2.5"], ["Write the column names there"]),
    ],
)
def test_columns_that_do_not_fit_are_named(names: list[str], words: list[str]) -> None:
    with pytest.raises(RowsMismatch) as caught:
        check_columns(names, signature(AGE, NAME), where="rows.csv")

    assert all(word in str(caught.value) for word in [*words, "rows.csv"]), str(caught.value)


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (AGE, pa.string()),
        (AGE, pa.list_(pa.float32())),
        (AGE, pa.timestamp("us")),
        (NAME, pa.int64()),
        (TensorSpec("v", "float32", (-1, 3)), pa.float32()),
        (TensorSpec("v", "float32", (-1, 3)), pa.list_(pa.list_(pa.float32()))),
        (TensorSpec("b", "bool", (-1,)), pa.float32()),
    ],
)
def test_a_parquet_column_of_another_type_is_named(spec: TensorSpec, kind: pa.DataType) -> None:
    with pytest.raises(RowsMismatch, match=f"column '{spec.name}' of type"):
        check_columns([spec.name], signature(spec), where="rows", types={spec.name: kind})


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (AGE, pa.int32()),
        (AGE, pa.float64()),
        (AGE, pa.decimal128(10, 2)),
        (NAME, pa.large_binary()),
        (NAME, pa.dictionary(pa.int32(), pa.string())),
        (TensorSpec("v", "float32", (-1, 1)), pa.float32()),
        (TensorSpec("v", "float32", (-1, 1)), pa.list_(pa.float32(), 1)),
        (TensorSpec("v", "float32", None), pa.list_(pa.float32())),
    ],
)
def test_a_parquet_column_that_can_hold_the_input_passes(spec: TensorSpec, kind: pa.DataType) -> None:
    check_columns([spec.name], signature(spec), where="rows", types={spec.name: kind})


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (TensorSpec("x", "float32", ()), "open batch dimension"),
        (TensorSpec("x", "float32", (1, 3)), "open batch dimension"),
        (TensorSpec("x", "complex64", (-1,)), "inputs of dtype"),
    ],
)
def test_an_input_that_no_column_can_feed_is_refused(spec: TensorSpec, words: str) -> None:
    with pytest.raises(RowsMismatch, match=words):
        check_columns(["x"], signature(spec), where="rows")


def test_a_signature_that_takes_serialized_examples_says_what_it_needs() -> None:
    examples = TensorSpec("inputs", "string", (-1,), "input_example_tensor:0")

    with pytest.raises(RowsMismatch, match=r"tf\.Example"):
        check_columns(["age"], signature(examples), where="rows")
