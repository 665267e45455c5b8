from pathlib import Path

import pytest

from components.platforms.local.home import Home
from model.errors import InvalidValue
from pipeline.compile import compile_pipeline
from pipeline.environments import COMPILED, absolute, declared_parameters, described_parameters, run_parameters


@pytest.fixture(scope="module")
def pipeline_yaml() -> str:
    return COMPILED.read_text()


def parameters(pipeline_yaml: str, home: Path, *settings: str, platform: str = "local") -> dict[str, object]:
    given = {"model_name": "m", "export_uri": "e", "rows_uri": "r.csv"}
    return run_parameters(pipeline_yaml, given=given, platform=platform, home=Home.at(home), settings=settings)


def test_settings_are_typed_as_the_pipeline_declares_them(pipeline_yaml: str, tmp_path: Path) -> None:
    given = parameters(
        pipeline_yaml, tmp_path, "min_auc=0.5", "batch_rows=10", "allow_signature_change=yes", "label_column=a=b"
    )

    assert (given["min_auc"], given["batch_rows"], given["allow_signature_change"]) == (0.5, 10, True)
    assert given["label_column"] == "a=b"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("min_auk=1", "Did you mean min_auc?"),
        ("min_auc", "Write --set min_auc=VALUE"),
        ("min_auc=high", "a number"),
        ("batch_rows=1.5", "a whole number"),
        ("allow_signature_change=perhaps", "true or false"),
        ("platform=kubernetes", "Give it as --platform kubernetes"),
        ("model_name=other", "--model-name"),
    ],
)
def test_a_setting_that_is_wrong_is_told_with_its_rule(
    pipeline_yaml: str, tmp_path: Path, setting: str, said: str
) -> None:
    with pytest.raises(InvalidValue) as caught:
        parameters(pipeline_yaml, tmp_path, setting)

    assert said in str(caught.value)


def test_a_cluster_needs_a_place_for_releases(pipeline_yaml: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="models_root=gs://BUCKET"):
        parameters(pipeline_yaml, tmp_path, platform="kubernetes")

    given = parameters(pipeline_yaml, tmp_path, "models_root=gs://b/models", platform="kubernetes")

    assert (given["platform"], given["models_root"]) == ("kubernetes", "gs://b/models")


@pytest.mark.parametrize("text", ["", "a: [", "just text", "- 1", "root: {}", "\x00", "a: 2001-99-99"])
def test_what_is_no_compiled_pipeline_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="compiled by this project"):
        declared_parameters(text)


def test_every_parameter_is_described(pipeline_yaml: str) -> None:
    described = described_parameters(pipeline_yaml)

    assert "batch_rows (whole number, default 8192)\n    Rows in one request." in described
    assert all(f"{name} (" in described for name in declared_parameters(pipeline_yaml))


def test_a_command_asks_for_nothing_of_the_samples_where_the_pipelines_defaults_do(
    pipeline_yaml: str, tmp_path: Path
) -> None:
    given = parameters(pipeline_yaml, tmp_path)
    described = described_parameters(pipeline_yaml)

    assert (given["label_column"], given["min_auc"]) == ("", 0.0)
    assert "label_column (text, default '')" in described
    assert "min_auc (number, default 0.0)" in described
    assert "export_uri (text, required)" in described
    assert "models_root (text, required on a cluster, in the home on one machine)" in described


def test_the_volume_that_a_pipeline_was_compiled_for_counts_as_given(tmp_path: Path) -> None:
    given = parameters(compile_pipeline(volume_claim="rows"), tmp_path, "models_root=gs://b/m", platform="kubernetes")

    assert given["spark_volume_claim"] == "rows"


def test_local_paths_become_absolute_and_uris_stay() -> None:
    assert absolute("gs://b/e") == "gs://b/e"
    assert absolute("rows/*.csv") == str(Path.cwd() / "rows/*.csv")


@pytest.mark.parametrize("name", ["a[b]", "a*", "a?", "{a}", "a\nb"])
def test_a_home_that_would_be_taken_for_a_pattern_is_refused(pipeline_yaml: str, tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidValue, match="--home"):
        parameters(pipeline_yaml, tmp_path / name)


def test_another_pipeline_is_not_taken_for_ours(pipeline_yaml: str) -> None:
    with pytest.raises(InvalidValue, match="compiled by this project"):
        declared_parameters(pipeline_yaml.replace("rows_uri", "lines_uri"))
    with pytest.raises(InvalidValue, match="compiled by this project"):
        declared_parameters(pipeline_yaml.replace("deploymentSpec:", "otherSpec:"))
