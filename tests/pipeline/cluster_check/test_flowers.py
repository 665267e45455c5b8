"""The question to the flowers sample, and what an answer must hold."""

from pathlib import Path
from typing import Any

import pytest
import requests

from model.server.config import ServedModel
from pipeline.cluster_check import flowers
from tests.pipeline.cluster_check.flowers_export import flowers_model
from tests.servers import base_path, running_model_server

RIGHT = {"key": flowers.KEY, "scores": [0.1, 0.7, 0.2], "prediction": 1}


def test_a_model_of_that_signature_answers_as_it_should(tmp_path: Path) -> None:
    base = base_path(tmp_path / "flowers", {1: flowers_model(tmp_path / "export")})

    with running_model_server(tmp_path, [ServedModel("flowers", base)]) as server:
        url = f"{server.rest_url}/v1/models/flowers:predict"
        answer = requests.post(url, json=flowers.question(), timeout=30)

    assert answer.status_code == 200, answer.text
    assert flowers.complaint(answer.json()) == ""


def test_a_right_answer_is_not_complained_of() -> None:
    assert flowers.complaint({"predictions": [RIGHT]}) == ""


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ({"predictions": [RIGHT | {"key": "another"}]}, "found 'another'"),
        ({"predictions": [RIGHT | {"scores": [0.1, 0.7]}]}, "add up to 1"),
        ({"predictions": [RIGHT | {"scores": []}]}, "add up to 1"),
        ({"predictions": [RIGHT | {"scores": ["NaN"]}]}, "add up to 1"),
        ({"predictions": [RIGHT | {"prediction": 0}]}, "the highest score; found 0"),
        ({"predictions": [RIGHT | {"prediction": 9}]}, "the highest score; found 9"),
        ({"predictions": [RIGHT | {"scores": "x"}]}, "one prediction with key, scores and prediction"),
        ({"predictions": [RIGHT, RIGHT]}, "one prediction with"),
        ({"predictions": [[0.5]]}, "one prediction with"),
        ({"error": "no"}, "found {'error': 'no'}"),
    ],
)
def test_a_wrong_one_is(answer: dict[str, Any], wrong: str) -> None:
    assert wrong in flowers.complaint(answer)


def test_the_pods_run_as_the_given_account() -> None:
    given = flowers.inference_service("f", "mlops", uri="gs://b/f", service_account="reader")
    default = flowers.inference_service("f", "mlops", uri="gs://b/f")

    assert given["spec"]["predictor"]["serviceAccountName"] == "reader"
    assert "serviceAccountName" not in default["spec"]["predictor"]
