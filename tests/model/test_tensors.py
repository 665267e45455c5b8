import numpy as np
import pytest

from model import dtypes
from model.protos import tensor_pb2
from model.tensors import from_message, to_message
from tests.exports import tensorflow

NUMERIC = (*dtypes.INTEGERS, *dtypes.FLOATS, "bool")


def _values(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    values = np.random.default_rng(36).integers(0, 100, shape)
    return (values % 2 == 0) if dtype == "bool" else values.astype(dtype)


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 3)])
@pytest.mark.parametrize("dtype", NUMERIC)
def test_a_numeric_array_survives_the_message(dtype: str, shape: tuple[int, ...]) -> None:
    array = _values(dtype, shape)

    found = from_message(tensor_pb2.Tensor.FromString(to_message(array).SerializeToString()))

    assert found.dtype == array.dtype
    assert found.shape == shape
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("shape", [(), (2, 2)])
def test_strings_survive_the_message_whatever_bytes_they_hold(shape: tuple[int, ...]) -> None:
    array = np.empty(shape, object)
    array[...] = b"\x00\xff ends in zero\x00"

    found = from_message(to_message(array))

    assert found.dtype == object
    assert found.shape == shape
    np.testing.assert_array_equal(found, array)


def test_text_becomes_utf8() -> None:
    assert from_message(to_message(np.array(["grün", ""]))).tolist() == ["grün".encode(), b""]


def test_the_order_of_bytes_and_of_axes_in_memory_does_not_matter() -> None:
    array = np.arange(6, dtype=">f4").reshape(2, 3).T

    found = from_message(to_message(array))

    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[0, 3], [1, 4], [2, 5]])


@pytest.mark.parametrize("array", [np.array([1 + 2j]), np.array([1], "datetime64[s]"), np.array([None, b"a"])])
def test_an_array_that_tensorflow_has_no_message_for_is_refused(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"):
        to_message(array)


@pytest.mark.parametrize("dtype", [*NUMERIC, "string"])
def test_tensorflows_own_tensors_are_read_and_ours_by_it(dtype: str) -> None:
    tf = tensorflow()
    from tensorflow.core.framework.tensor_pb2 import TensorProto

    array = np.array([[b"a", b"\xff"]], object) if dtype == "string" else _values(dtype, (2, 3))

    theirs = tensor_pb2.Tensor.FromString(tf.make_tensor_proto(array).SerializeToString())
    ours = TensorProto.FromString(to_message(array).SerializeToString())

    np.testing.assert_array_equal(from_message(theirs), array)
    np.testing.assert_array_equal(tf.make_ndarray(ours), array)
    assert tf.as_dtype(ours.dtype).name == dtype


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("float32", {"float_val": [1.5, 2.5]}),
        ("float64", {"double_val": [1.5, 2.5]}),
        ("float16", {"half_val": [0x3E00, 0x4100]}),
        ("int8", {"int_val": [-1, 2]}),
        ("uint16", {"int_val": [1, 65535]}),
        ("int64", {"int64_val": [-(2**63), 2**63 - 1]}),
        ("uint32", {"uint32_val": [0, 2**32 - 1]}),
        ("uint64", {"uint64_val": [0, 2**64 - 1]}),
        ("bool", {"bool_val": [True, False]}),
    ],
)
def test_lists_of_values_are_read_as_tensorflow_serving_writes_them(dtype: str, values: dict[str, list]) -> None:
    message = tensor_pb2.Tensor(dtype=dtypes.NUMBERS[dtype], **values)
    message.tensor_shape.dim.add(size=2)

    found = from_message(message)

    expected = [1.5, 2.5] if dtype == "float16" else next(iter(values.values()))
    assert found.dtype == dtype
    assert found.tolist() == expected


def test_the_last_of_too_few_values_fills_the_rest_as_in_tensorflow() -> None:
    tf = tensorflow()
    from tensorflow.core.framework.tensor_pb2 import TensorProto

    message = tensor_pb2.Tensor(dtype=dtypes.NUMBERS["int32"], int_val=[1, 7])
    message.tensor_shape.dim.add(size=4)

    found = from_message(message)

    theirs = tf.make_ndarray(TensorProto.FromString(message.SerializeToString()))
    assert found.tolist() == theirs.tolist() == [1, 7, 7, 7]


def test_no_values_at_all_are_zeros_or_empty_strings() -> None:
    for dtype, empty in (("float32", 0.0), ("string", b"")):
        message = tensor_pb2.Tensor(dtype=dtypes.NUMBERS[dtype])
        message.tensor_shape.dim.add(size=2)

        assert from_message(message).tolist() == [empty, empty]


def _message(sizes: list[int], **fields: object) -> tensor_pb2.Tensor:
    message = tensor_pb2.Tensor(**fields)  # type: ignore[arg-type]
    for size in sizes:
        message.tensor_shape.dim.add(size=size)
    return message


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (_message([2], dtype=1, tensor_content=b"\0" * 7), "8 bytes"),
        (_message([1], dtype=1, float_val=[1, 2]), "1 values"),
        (_message([-1], dtype=1, float_val=[1]), "known shape"),
        (tensor_pb2.Tensor(dtype=1, tensor_shape=tensor_pb2.TensorShape(unknown_rank=True)), "known shape"),
        (_message([1], dtype=7, tensor_content=b"\x01a"), "string_val"),
        (_message([1], dtype=8), "complex64"),
        (_message([1], dtype=99), "dtype_99"),
        (_message([1], dtype=4, int_val=[300]), "uint8"),
        (_message([1 << 40, 1 << 40], dtype=1, float_val=[1]), "at most"),
    ],
)
def test_a_message_that_is_no_tensor_is_refused(message: tensor_pb2.Tensor, found: str) -> None:
    with pytest.raises(ValueError, match=found):
        from_message(message)
