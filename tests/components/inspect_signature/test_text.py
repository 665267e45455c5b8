import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from components.inspect_signature.inspection import Description, describe
from components.inspect_signature.text import WIDTH, format_json, format_table
from model import json_codec
from model.signature import format_shape
from model.variables import Variable
from tests import exports
from tests.conftest import BUILDERS

Built = Callable[[Callable[[Path], Path]], Path]


@pytest.mark.parametrize(
    "build",
    [build for name, build in BUILDERS.items() if hasattr(exports, name)],
    ids=lambda build: build.__name__,
)
def test_tables_are_at_most_a_hundred_columns_wide(build: Callable[[Path], Path], built: Built) -> None:
    description = replace(describe(str(built(build))), export_uri="gs://b/export/36")

    lines = format_table(description).splitlines()

    assert max(map(len, lines)) <= WIDTH
    assert all(line == line.rstrip() for line in lines)


def test_everything_that_saved_model_cli_shows_is_there(several_signatures: Path) -> None:
    description = describe(str(several_signatures))

    table = format_table(description)

    words = [line.split() for line in table.splitlines()]
    for signature in description.signatures:
        assert f"Signature {signature.name}  ({signature.method_name})" in table
        for way, specs in (("in", signature.inputs), ("out", signature.outputs)):
            for spec in specs:
                assert [way, spec.name, spec.dtype, *format_shape(spec.shape).split(), spec.tensor_name] in words
    assert all(operation in table for operation in description.operations)


def test_variables_stand_with_dtype_shape_and_size(large_variables: Path) -> None:
    lines = format_table(describe(str(large_variables))).splitlines()

    assert "Variables  1 variable, 8.4 MB" in lines
    assert "  weights  float32  (1024, 2048)  8.4 MB" in lines


def test_an_unsafe_operation_stands_with_its_reason_and_place(writes_file_in_cond: Path) -> None:
    table = format_table(describe(str(writes_file_in_cond)))

    assert "  WriteFile: writes files on the server\n    at cond_true" in table


def test_long_names_move_the_rest_of_their_row_to_the_next_line(half_plus_two: Path) -> None:
    name = "a" * 80
    variables = (Variable(name, "float32", (2,), 8), Variable("b", "int64", (), 8))

    lines = format_table(replace(describe(str(half_plus_two)), variables=variables)).splitlines()

    assert lines[lines.index(f"  {name}") + 1].split() == ["float32", "(2)", "8", "B"]
    assert any(line.split() == ["b", "int64", "()", "8", "B"] for line in lines)


def test_very_many_variables_are_summed_up(half_plus_two: Path) -> None:
    variables = tuple(Variable(f"v{number:04}", "float32", (), 4) for number in range(1000))

    table = format_table(replace(describe(str(half_plus_two)), variables=variables))

    assert "Variables  1,000 variables, 4.0 kB" in table
    assert "… and 960 more (--json lists all)" in table


def test_json_holds_the_whole_description(vocabulary: Path) -> None:
    description = describe(str(vocabulary))

    text = format_json(description)

    assert json_codec.from_json(Description, text) == description
    decoded = json.loads(text)
    assert decoded["signatures"][0]["inputs"] == [
        {"name": "word", "dtype": "string", "shape": [-1], "tensor_name": "serving_default_word:0"}
    ]
