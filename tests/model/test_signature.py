import pytest

from model.signature import Signature, TensorSpec, breaking_changes, format_shape


def signature(*inputs: TensorSpec, outputs: tuple[TensorSpec, ...] = ()) -> Signature:
    return Signature("serving_default", "tensorflow/serving/predict", inputs, outputs)


SCORE = TensorSpec("score", "float32", (-1,))


@pytest.mark.parametrize(("shape", "text"), [(None, "unknown_rank"), ((), "()"), ((-1,), "(-1)"), ((-1, 2), "(-1, 2)")])
def test_shapes_read_as_saved_model_cli_prints_them(shape: tuple[int, ...] | None, text: str) -> None:
    assert format_shape(shape) == text


def test_a_signature_survives_json() -> None:
    before = signature(TensorSpec("x", "float32", (-1, 3), "x:0"), TensorSpec("y", "string", None), outputs=(SCORE,))

    assert Signature.from_json(before.to_json()) == before


def test_an_equal_signature_breaks_nobody() -> None:
    live = signature(TensorSpec("x", "float32", (-1,)), outputs=(SCORE,))

    assert breaking_changes(live, live) == []


@pytest.mark.parametrize(
    ("live", "new", "said"),
    [
        (TensorSpec("x", "float32", (-1,)), TensorSpec("x", "float64", (-1,)), "became float64"),
        (TensorSpec("x", "float32", (-1,)), TensorSpec("x", "float32", (-1, 1)), "became float32 (-1, 1)"),
        (TensorSpec("x", "float32", (-1,)), TensorSpec("x", "float32", (8,)), "became float32 (8)"),
        (TensorSpec("x", "float32", (-1,)), TensorSpec("y", "float32", (-1,)), "is gone"),
    ],
)
def test_an_input_that_refuses_what_was_accepted_breaks_callers(live: TensorSpec, new: TensorSpec, said: str) -> None:
    changes = breaking_changes(signature(live), signature(new))

    assert any(said in change for change in changes)


def test_an_input_may_accept_more_than_before() -> None:
    live, new = signature(TensorSpec("x", "float32", (-1, 8))), signature(TensorSpec("x", "float32", (-1, -1)))

    assert breaking_changes(live, new) == []
    assert breaking_changes(live, signature(TensorSpec("x", "float32", None))) == []


def test_a_new_input_breaks_callers_who_do_not_send_it() -> None:
    live = signature(TensorSpec("x", "float32", (-1,)))
    new = signature(TensorSpec("x", "float32", (-1,)), TensorSpec("z", "int64", (-1,)))

    assert "input z int64 (-1) is new" in breaking_changes(live, new)[0]


def test_a_new_output_breaks_nobody_and_a_lost_one_does() -> None:
    live, wider = signature(outputs=(SCORE,)), signature(outputs=(SCORE, TensorSpec("label", "string", (-1,))))

    assert breaking_changes(live, wider) == []
    assert "output label string (-1) is gone" in breaking_changes(wider, live)
