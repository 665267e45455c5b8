"""The sample model: the article's numbers, whatever the shape fed, and the same bytes each time."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from model.errors import InvalidValue
from model.sample import retail
from model.sample.export import DATA_FILE, FILES, export
from model.savedmodel import read_saved_model
from model.server.servable import Servable
from model.storage import open_storage


@pytest.fixture(scope="module")
def servable(retail_propensity: Path) -> Servable:
    return Servable.load(retail_propensity)


def digest(directory: Path) -> str:
    return hashlib.sha256(b"".join((directory / name).read_bytes() for name in FILES)).hexdigest()


def test_the_signature_is_the_articles(retail_propensity: Path) -> None:
    saved_model = read_saved_model(str(retail_propensity), storage=open_storage(str(retail_propensity)))

    (signature,) = saved_model.served.signatures
    for found, wanted in ((signature.inputs, retail.SIGNATURE.inputs), (signature.outputs, retail.SIGNATURE.outputs)):
        assert [str(spec) for spec in found] == [str(spec) for spec in wanted]
    assert signature.method_name == retail.SIGNATURE.method_name


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_the_known_visit_is_answered_for_any_shape_fed(shape: tuple[int, ...], servable: Servable) -> None:
    bounces, seconds = np.array([0, 1, 0], np.float32), np.array([7363, 0, 20], np.float32)

    inputs = {"bounces": bounces.reshape(shape), "time_on_site": seconds.reshape(shape)}
    found = servable.predict("serving_default", inputs)

    buys = retail.probability(bounces, seconds)
    probs = found[f"{retail.LABEL}_probs"]
    np.testing.assert_allclose(probs, np.stack([buys, 1 - buys], axis=1), rtol=1e-6)
    assert round(float(probs[0, 0]), 3) == 0.775
    assert found[f"predicted_{retail.LABEL}"].tolist() == [[b"1"], [b"0"], [b"1"]]
    assert found[f"{retail.LABEL}_values"].tolist() == [[b"1", b"0"]] * 3


def test_two_exports_are_the_same_bytes(retail_propensity: Path, tmp_path: Path) -> None:
    assert export(tmp_path / "V_36")

    found = sorted(
        str(path.relative_to(tmp_path / "V_36")) for path in (tmp_path / "V_36").rglob("*") if path.is_file()
    )
    assert found == sorted(FILES)
    assert digest(tmp_path / "V_36") == digest(retail_propensity)
    assert [path.name for path in tmp_path.iterdir()] == ["V_36"]


def test_an_export_that_is_there_is_left_alone(retail_propensity: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(retail_propensity, tmp_path / "V_36")
    times = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}

    assert not export(copy)

    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == times


def test_a_half_written_export_is_refused(retail_propensity: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(retail_propensity, tmp_path / "V_36")
    (copy / "saved_model.pb").unlink()

    with pytest.raises(InvalidValue, match="Remove"):
        export(copy)


def test_other_weights_are_refused_and_kept(retail_retrained: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(retail_retrained, tmp_path / "V_36")
    weights = (copy / DATA_FILE).read_bytes()

    with pytest.raises(InvalidValue, match="other weights"):
        export(copy)

    assert (copy / DATA_FILE).read_bytes() == weights


@pytest.mark.parametrize(
    ("data", "found"), [(b"<html>", "damaged saved_model.pb"), (b"", "a SavedModel with other signatures")]
)
def test_another_saved_model_is_refused(data: bytes, found: str, retail_propensity: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(retail_propensity, tmp_path / "V_36")
    (copy / "saved_model.pb").write_bytes(data)

    with pytest.raises(InvalidValue, match=found):
        export(copy)


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "V_36").write_text("mine")

    with pytest.raises(InvalidValue, match="a file"):
        export(tmp_path / "V_36")
