"""The step against real models, each loaded by TensorFlow in a real child process."""

import csv
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from components.contracts import Expectations
from components.validate_release.validation import validate
from model.errors import RowsMismatch, ValidationFailed
from model.release_layout import Release
from model.sample import retail
from model.savedmodel import read_saved_model
from model.signature import Signature, TensorSpec
from model.storage import open_storage
from tests import exports

X = TensorSpec("x", "float32", (-1,))


def staged(export: Path, tmp_path: Path) -> Release:
    """The export as version 3 of a model, as stage_release lays it out."""
    shutil.copytree(export, tmp_path / "releases" / "3" / "3")
    return Release("rpm", 3, "sha256:0", str(tmp_path / "releases" / "3"))


def signature_in(export: Path, name: str = exports.DEFAULT) -> Signature:
    saved_model = read_saved_model(str(export), storage=open_storage(str(export)))
    return next(signature for signature in saved_model.served.signatures if signature.name == name)


def rows_in(tmp_path: Path, columns: Mapping[str, Sequence[Any]]) -> str:
    tmp_path.mkdir(exist_ok=True)
    path = tmp_path / "rows.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return str(path)


def validated(export: Path, tmp_path: Path, columns: Mapping[str, Sequence[Any]], **more: Any) -> Expectations:
    release, rows_uri = staged(export, tmp_path), rows_in(tmp_path, columns)
    given: dict[str, Any] = {"signature": signature_in(export), "timeout_s": 120} | more
    return validate(release, rows_uri=rows_uri, **given)


def test_the_models_own_answers_are_kept(retail_propensity: Path, visits: Path, tmp_path: Path) -> None:
    release = staged(retail_propensity, tmp_path)

    found = validate(release, signature=retail.SIGNATURE, rows_uri=str(visits), timeout_s=120)

    assert found.rows == 16
    assert (found.inputs["bounces"][0], found.inputs["time_on_site"][0]) == (0, 7363)
    bounces, seconds = (np.array(found.inputs[name]) for name in ("bounces", "time_on_site"))
    buys = np.array(found.outputs[f"{retail.LABEL}_probs"])[:, 0]
    np.testing.assert_allclose(buys, retail.probability(bounces, seconds), rtol=1e-6)
    assert round(float(buys[0]), 3) == 0.775
    assert found.outputs[f"predicted_{retail.LABEL}"][0] == ["1"]
    assert found.outputs[f"{retail.LABEL}_values"] == [["1", "0"]] * 16


def refusal(export: Path, tmp_path: Path, columns: Mapping[str, Sequence[Any]], **more: Any) -> ValidationFailed:
    with pytest.raises(ValidationFailed) as caught:
        validated(export, tmp_path, columns, **more)
    assert caught.value.where == f"rpm version 3 at {tmp_path}/releases/3/3"
    assert caught.value.do
    return caught.value


def test_nan_is_refused_naming_output_row_and_inputs(nan_for_negative: Path, tmp_path: Path) -> None:
    error = refusal(nan_for_negative, tmp_path, {"x": [4, 9, -1, -2]})

    assert error.expected == "finite numbers in the output root"
    assert error.found == "nan for row 3 (x -1.0), and such in 2 of 4 rows"


def test_a_model_that_kills_its_process_is_explained(aborts_on_load: Path, tmp_path: Path) -> None:
    error = refusal(aborts_on_load, tmp_path, {"x": [1]})

    assert "was killed by SIGABRT" in error.found
    assert "the model aborts" in error.found
    assert "\n" not in str(error)


def test_a_model_that_ends_its_process_quietly_is_explained(exits_on_load: Path, tmp_path: Path) -> None:
    error = refusal(exits_on_load, tmp_path, {"x": [1]})

    assert "ended with exit status 0 before it answered" in error.found


def test_a_model_that_takes_too_long_is_stopped(half_plus_two: Path, tmp_path: Path) -> None:
    error = refusal(half_plus_two, tmp_path, {"x": [1]}, timeout_s=0.01)

    assert error.expected == "a model that loads and answers within 0.01 s"


def test_an_output_that_no_column_holds_is_refused_without_loading(tmp_path: Path) -> None:
    signature = Signature(exports.DEFAULT, "", (X,), (TensorSpec("z", "complex64", (-1,)),))
    release = Release("rpm", 3, "", str(tmp_path / "releases" / "3"))

    with pytest.raises(ValidationFailed, match="z complex64"):
        validate(release, signature=signature, rows_uri="/no/such/rows", timeout_s=60)


def test_bytes_that_tensorflow_serving_cannot_send_are_told_by_their_output(
    packed_numbers: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = validated(packed_numbers, tmp_path / "text", {"x": [65]})
    told_of_text = warnings(caplog)
    binary = validated(packed_numbers, tmp_path / "binary", {"x": [65, 255]})

    assert (text.outputs["packed"], told_of_text) == (["A"], [])
    assert binary.outputs["packed"] == ["A", {"b64": "/w=="}]
    told = "output packed holds bytes that are no UTF-8: TensorFlow Serving's JSON needs it named packed_bytes"
    assert warnings(caplog) == [told]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_rows_without_the_column_are_refused(half_plus_two: Path, tmp_path: Path) -> None:
    with pytest.raises(RowsMismatch, match="x"):
        validated(half_plus_two, tmp_path, {"other": [1]})


def test_the_step_works_with_the_code_that_the_pipeline_carries(
    retail_propensity: Path, visits: Path, tmp_path: Path
) -> None:
    """As in a container: the code stands in a directory of its own, named by sys.path alone."""
    from components.packaging import import_closure

    carried = tmp_path / "carried"
    for name, source in import_closure("components.validate_release.component").items():
        (carried / name).parent.mkdir(parents=True, exist_ok=True)
        (carried / name).write_bytes(source)
    shutil.copy("model/local_storage.py", carried / "model")  # what only one machine has, beside what travels
    release = staged(retail_propensity, tmp_path)
    code = (
        f"import sys; sys.path = [{str(carried)!r}] + [p for p in sys.path if p]\n"
        "from components.validate_release.validation import validate\n"
        "from model.release_layout import Release\nfrom model.signature import Signature\n"
        f"release = Release.from_json({release.to_json()!r})\n"
        f"signature = Signature.from_json({retail.SIGNATURE.to_json()!r})\n"
        f"print(validate(release, signature=signature, rows_uri={str(visits)!r}, timeout_s=120).to_json())\n"
        "import model; print(model.__file__)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=True)

    answer, where = done.stdout.splitlines()
    assert json.loads(answer)["rows"] == 16
    assert where.startswith(str(carried))


def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    """Killed, a parent cannot stop its child: the child has to see it."""
    code = (
        "import os, signal\n"
        "from components.validate_release.child import Child\n"
        "child = Child(where='x').__enter__()\n"
        "print(child._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False)

    assert done.returncode == -signal.SIGKILL
    assert ended(int(done.stdout), within_s=60)


def ended(pid: int, *, within_s: float) -> bool:
    try:
        psutil.Process(pid).wait(timeout=within_s)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        psutil.Process(pid).kill()
        return False
    return True


def test_a_release_in_a_bucket_is_tried_from_a_copy(half_plus_two: Path, tmp_path: Path, gcs_bucket: str) -> None:
    uri = f"{gcs_bucket}/models/rpm/releases/3"
    storage = open_storage(uri)
    for path in (path for path in half_plus_two.rglob("*") if path.is_file()):
        storage.write(f"{uri}/3/{path.relative_to(half_plus_two)}", path.read_bytes())
    storage.write(f"{gcs_bucket}/rows/part-1.csv", b"x\n1\n2\n")

    found = validate(
        Release("rpm", 3, "", uri), signature=signature_in(half_plus_two), rows_uri=f"{gcs_bucket}/rows", timeout_s=120
    )

    assert found.outputs == {"y": [2.5, 3.0]}
