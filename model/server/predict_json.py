"""The two formats of TensorFlow Serving's predict requests and answers in JSON.

    row format      {"instances": [{"bounces": 0, "time_on_site": 7363}, …]}       answered by {"predictions": […]}
    column format   {"inputs": {"bounces": [0, …], "time_on_site": [7363, …]}}     answered by {"outputs": …}

With one input or one output its name may be, or is, left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from model.arrays import Array
from model.errors import InvalidValue
from model.signature import TensorSpec
from model.tensor_json import array_from_json, array_to_json, describe

Specs = Sequence[TensorSpec]


def inputs_from_request(body: Any, inputs: Specs) -> tuple[dict[str, Array], bool]:
    """The input arrays by name, and whether the request is in row format.

    Raises:
        InvalidValue: the body is not a predict request for these inputs.
    """
    if not isinstance(body, dict):
        raise InvalidValue(expected="a JSON object", found=describe(body), where="request body")
    formats = [key for key in ("instances", "inputs") if key in body]
    if len(formats) != 1:
        found = " and ".join(formats) or f"the keys {sorted(body)}"
        raise InvalidValue(expected="either instances or inputs", found=found, where="request body")
    rows = formats[0] == "instances"
    columns = _columns_of_rows(body["instances"], inputs) if rows else _columns(body["inputs"], inputs)
    where = "instances, input" if rows else "inputs, input"
    arrays = {
        spec.name: array_from_json(columns[spec.name], spec.dtype, where=f"{where} {spec.name}") for spec in inputs
    }
    return arrays, rows


def _columns(value: Any, inputs: Specs) -> Mapping[str, Any]:
    if len(inputs) == 1 and not (isinstance(value, dict) and inputs[0].name in value):
        return {inputs[0].name: value}
    _check_names(value, inputs, where="inputs")
    return dict(value)


def _columns_of_rows(rows: Any, inputs: Specs) -> Mapping[str, Any]:
    if not isinstance(rows, list) or not rows:
        raise InvalidValue(expected="a list of at least one row", found=describe(rows), where="instances")
    if len(inputs) == 1 and not (isinstance(rows[0], dict) and inputs[0].name in rows[0]):
        return {inputs[0].name: rows}
    names = {spec.name for spec in inputs}
    for index, row in enumerate(rows):
        if not isinstance(row, dict) or row.keys() != names:
            _check_names(row, inputs, where=f"instances, row {index}")
    return {name: [row[name] for row in rows] for name in names}


def _check_names(value: Any, inputs: Specs, *, where: str) -> None:
    names = sorted(spec.name for spec in inputs)
    found = f"an object with the keys {sorted(value)}" if isinstance(value, dict) else describe(value)
    if not isinstance(value, dict) or sorted(value) != names:
        raise InvalidValue(expected=f"an object with the inputs {names}", found=found, where=where)


def response(outputs: Mapping[str, Array], *, rows: bool) -> dict[str, Any]:
    """The body of the answer in the request's format. Outputs whose name ends in `_bytes` come as base64.

    Raises:
        InvalidValue: row format was asked for, and the outputs do not have one row per instance in common.
    """
    if rows:
        _check_rows(outputs)
    columns = {name: array_to_json(array, as_b64=name.endswith("_bytes")) for name, array in outputs.items()}
    bare = next(iter(columns.values())) if len(columns) == 1 else None
    if not rows:
        return {"outputs": columns if bare is None else bare}
    if bare is not None:
        return {"predictions": bare}
    # json.dumps of one zip of columns is several times faster than picking every value by name and index.
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]}


def _check_rows(outputs: Mapping[str, Array]) -> None:
    sizes = {name: array.shape[0] if array.ndim else None for name, array in outputs.items()}
    if None in sizes.values() or len(set(sizes.values())) > 1:
        raise InvalidValue(
            expected="outputs with as many rows as each other",
            found=", ".join(f"{name}: {'a scalar' if size is None else size}" for name, size in sizes.items()),
            where="row format",
            do='Use column format: {"inputs": …}.',
        )
