"""The exports themselves: each is built by the real TensorFlow, and does what its docstring says."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import bad_exports, exports
from tests.conftest import BUILDERS

NOT_SAVED_MODELS = {"no_saved_model", "empty_saved_model", "text_saved_model", "pbtxt_saved_model"}
PARENTS = {"parent_of_exports", "parent_of_timestamps", "parent_of_nothing"}


def test_every_export_is_a_fixture() -> None:
    assert {"half_plus_two", "retail_propensity", "aborts_on_load", "parent_of_exports"} <= set(BUILDERS)


@pytest.mark.parametrize("name", sorted(BUILDERS.keys() - NOT_SAVED_MODELS - PARENTS))
def test_export_holds_a_signature(name: str, built: Callable[..., Path]) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    directory = built(BUILDERS[name])

    data = (directory / "saved_model.pb").read_bytes()
    signatures = saved_model_pb2.SavedModel.FromString(data).meta_graphs[0].signature_def
    assert exports.DEFAULT in signatures


@pytest.mark.parametrize("name", sorted(NOT_SAVED_MODELS | PARENTS))
def test_directory_that_is_no_export_holds_something(name: str, built: Callable[..., Path]) -> None:
    directory = built(getattr(bad_exports, name))

    assert any(directory.iterdir())
