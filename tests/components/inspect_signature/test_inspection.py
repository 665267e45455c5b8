import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.contracts import Inspection
from components.inspect_signature.inspection import describe, inspect
from model.errors import (
    InvalidValue,
    NotASavedModel,
    ReleaseError,
    RowsMismatch,
    SignatureNotFound,
    StorageError,
    UnsafeOperations,
)
from tests import bad_exports, exports
from tests.conftest import BUILDERS

Built = Callable[[Callable[[Path], Path]], Path]

RELEASABLE = [
    build
    for name, build in BUILDERS.items()
    if hasattr(exports, name) and name not in ("parses_examples", "sparse_input")
]


def copied(export: Path, to: Path) -> Path:
    return Path(shutil.copytree(export, to))


@pytest.mark.parametrize("build", RELEASABLE, ids=lambda build: build.__name__)
def test_every_kind_of_export_passes(build: Callable[[Path], Path], built: Built) -> None:
    directory = built(build)

    inspection, description = inspect(str(directory))

    assert inspection.export_uri == description.export_uri == str(directory)
    assert inspection.signature in description.signatures
    assert inspection.digest.startswith("sha256:")
    assert Inspection.from_json(inspection.to_json()) == inspection


def test_the_newest_of_several_exports_gives_its_number(parent_of_exports: Path) -> None:
    inspection, _ = inspect(str(parent_of_exports))

    assert (inspection.export_uri, inspection.version_hint) == (f"{parent_of_exports}/V_36", 36)


def test_the_digest_tells_files_of_the_model_and_nothing_else(half_plus_two: Path, tmp_path: Path) -> None:
    same, other = copied(half_plus_two, tmp_path / "same"), copied(half_plus_two, tmp_path / "other")
    (same / "notes.txt").write_text("not part of a release\n")
    shard = other / "variables" / "variables.data-00000-of-00001"
    shard.write_bytes(bytes(byte ^ 1 for byte in shard.read_bytes()))

    digests = [inspect(str(each))[0].digest for each in (half_plus_two, same, other)]

    assert digests[0] == digests[1] != digests[2]


def test_another_signature_is_taken_by_name(several_signatures: Path) -> None:
    inspection, _ = inspect(str(several_signatures), signature_name="scaled")

    assert [str(spec) for spec in inspection.signature.inputs] == ["x float32 (-1, 3)"]


@pytest.mark.parametrize("name", ["predict", "", "Serving_default", "__saved_model_init_op"])
def test_a_signature_that_is_not_there_is_answered_with_those_that_are(several_signatures: Path, name: str) -> None:
    with pytest.raises(SignatureNotFound, match="found 'scaled', 'serving_default'"):
        inspect(str(several_signatures), signature_name=name)


def test_an_export_without_signatures_says_so(tmp_path: Path) -> None:
    tf = exports.tensorflow()
    exports.save_v2(tmp_path / "export", tf.Module(), {})

    with pytest.raises(SignatureNotFound, match="no signature at all"):
        inspect(str(tmp_path / "export"))


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (bad_exports.no_saved_model, NotASavedModel),
        (bad_exports.empty_saved_model, NotASavedModel),
        (bad_exports.text_saved_model, NotASavedModel),
        (bad_exports.pbtxt_saved_model, NotASavedModel),
        (bad_exports.truncated_variables, NotASavedModel),
        (bad_exports.missing_variables, NotASavedModel),
        (bad_exports.parent_of_nothing, NotASavedModel),
        (bad_exports.writes_file_in_cond, UnsafeOperations),
        (bad_exports.reads_file_in_map, UnsafeOperations),
        (bad_exports.matches_files, UnsafeOperations),
        (exports.parses_examples, RowsMismatch),
        (exports.sparse_input, RowsMismatch),
    ],
    ids=lambda value: value.__name__,
)
def test_what_cannot_be_released_is_refused(
    build: Callable[[Path], Path], error: type[ReleaseError], built: Built
) -> None:
    with pytest.raises(error) as refused:
        inspect(str(built(build)))

    assert type(refused.value) is error
    assert all(refused.value.fields().values())


def test_unsafe_operations_can_be_allowed_by_name(matches_files: Path) -> None:
    inspection, description = inspect(str(matches_files), allow_operations=["MatchingFiles"])

    assert inspection.signature.name == "serving_default"
    assert [(each.operation, each.allowed) for each in description.unsafe] == [("MatchingFiles", True)]


def test_an_allowed_operation_with_a_typing_error_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="'matchingfiles'"):
        inspect(str(tmp_path / "absent"), allow_operations=["matchingfiles"])


def test_a_signature_for_serialized_examples_says_what_it_needs(parses_examples: Path) -> None:
    with pytest.raises(RowsMismatch, match=r"examples, which takes serialized tf\.Example.*each column as an input"):
        inspect(str(parses_examples))


def test_an_asset_that_was_left_behind_is_named(vocabulary: Path, tmp_path: Path) -> None:
    export = copied(vocabulary, tmp_path / "export")
    (export / "assets" / "words.txt").unlink()

    with pytest.raises(NotASavedModel, match=r"assets/words\.txt, which the graph reads; found no such file"):
        inspect(str(export))


def test_variables_that_were_left_behind_are_missed(keras_model: Path, tmp_path: Path) -> None:
    export = copied(keras_model, tmp_path / "export")
    shutil.rmtree(export / "variables")

    with pytest.raises(NotASavedModel, match=r"variables/variables\.index"):
        inspect(str(export))


@pytest.mark.parametrize("dtype", ["bfloat16", "complex64"])
def test_an_input_that_no_column_can_hold_is_refused(tmp_path: Path, dtype: str) -> None:
    def graph(tf: Any) -> exports.Signatures:
        x = exports.placeholder(tf, dtype, [None], "x")
        return {exports.DEFAULT: ({"x": x}, {"y": tf.identity(x)})}

    export = exports.save_v1(tmp_path / "export", graph)

    with pytest.raises(RowsMismatch, match=rf"x, a tensor of {dtype} \(-1\)"):
        inspect(str(export))


def test_a_signature_without_inputs_is_refused(tmp_path: Path) -> None:
    tf = exports.tensorflow()
    constant = tf.function(lambda: {"y": tf.constant([1.0])}, input_signature=[])
    export = exports.save_v2(tmp_path / "export", tf.Module(), {exports.DEFAULT: constant})

    with pytest.raises(RowsMismatch, match="found no input"):
        inspect(str(export))


def test_describing_refuses_nothing_that_can_be_read(matches_files: Path, sparse_input: Path) -> None:
    assert [each.operation for each in describe(str(matches_files)).unsafe] == ["MatchingFiles"]
    assert describe(str(sparse_input)).signatures[0].inputs[0].tensor_name == ""


def test_a_description_holds_what_stands_in_the_export(vocabulary: Path, large_variables: Path) -> None:
    description = describe(str(large_variables))

    assert {file.path for file in description.files} >= {"saved_model.pb", "variables/variables.index"}
    assert sum(file.size for file in description.files) > 8_000_000
    assert [(each.name, each.shape) for each in description.variables] == [("weights", (1024, 2048))]
    assert description.tag_sets == (("serve",),)
    assert description.tensorflow_version == exports.tensorflow().__version__
    assert describe(str(vocabulary)).assets == ("words.txt",)


def test_a_directory_that_cannot_be_listed_is_named(tmp_path: Path, half_plus_two: Path) -> None:
    export = copied(half_plus_two, tmp_path / "export")
    (export / "assets.extra").symlink_to(tmp_path / "export" / "assets.extra")

    with pytest.raises(StorageError, match=r"assets\.extra"):
        inspect(str(export))
