import pytest

from components.parameters import check_model_name, check_parameters
from model.errors import InvalidValue


@pytest.mark.parametrize("name", ["rpm", "my.model-v2_1", "A", "x" * 53])
def test_a_usual_name_is_accepted_on_one_machine(name: str) -> None:
    assert check_model_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "-a", "a-", "a b", "ä", "x" * 54, "rpm-candidate", "a\nb", "a..b", "{{x}}"]
)
def test_a_name_that_cannot_stand_in_a_url_or_path_is_refused(name: str) -> None:
    with pytest.raises(InvalidValue, match="model_name"):
        check_model_name(name)


@pytest.mark.parametrize("name", ["my.model", "My", "1a", "a_b"])
def test_on_a_cluster_a_name_must_fit_an_inference_service(name: str) -> None:
    with pytest.raises(InvalidValue, match="InferenceService"):
        check_model_name(name, platform="kubernetes")


def test_on_a_cluster_there_must_be_room_for_what_kserve_puts_after_a_name() -> None:
    longest = "n" * (63 - len("-candidate-predictor-mlops"))

    check_model_name(longest, platform="kubernetes", namespace="mlops")
    with pytest.raises(InvalidValue, match="at most 37 characters"):
        check_model_name(f"{longest}n", platform="kubernetes", namespace="mlops")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_failed_rows", 1.5),
        ("min_auc", -0.1),
        ("min_accuracy", float("nan")),
        ("batch_rows", 0),
        ("ready_timeout_s", -1),
        ("invoke_endpoint", "maybe"),
        ("export_uri", " "),
        ("models_root", ""),
        ("label_column", "{{workflow.name}}"),
        ("rows_uri", "a\0b"),
        ("batch_rows", 2.5),
        ("spark_executors", 1.5),
        ("ready_timeout_s", 3601),
        ("scoring_timeout_s", 4 * 3600 + 1),
        ("models_root", "gs://BUCKET/models"),
    ],
)
def test_a_value_against_its_rule_is_named_with_the_rule(name: str, value: object) -> None:
    with pytest.raises(InvalidValue, match=name):
        check_parameters({name: value})


def test_usual_values_pass() -> None:
    check_parameters(
        {"max_failed_rows": 0.0, "min_auc": 1, "batch_rows": 1, "invoke_endpoint": "no", "label_column": "y"}
    )


def test_a_quality_gate_without_labels_is_refused_before_anything_is_scored() -> None:
    with pytest.raises(InvalidValue, match="label_column"):
        check_parameters({"label_column": "", "min_auc": 0.7})

    check_parameters({"label_column": "bought", "min_auc": 0.7})


@pytest.mark.parametrize("rows", ["/p/predictions", "/p/predictions/part-0.parquet", "/p/failed_rows/"])
def test_rows_that_the_predictions_would_replace_are_refused(rows: str) -> None:
    with pytest.raises(InvalidValue, match="rows_uri"):
        check_parameters({"rows_uri": rows, "predictions_uri": "/p/"})

    check_parameters({"rows_uri": "/p/rows.csv", "predictions_uri": "/p/"})
