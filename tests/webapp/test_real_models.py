"""The web application over the real model server."""

import math
import shutil
import subprocess
from typing import Any

import pytest
import requests

FORM = "/ecommerce/mlinference"


def ask(webapp: str, model_url: str, fields: dict[str, str], **options: Any) -> requests.Response:
    body = {**fields, "mlinference_host": model_url}
    return requests.post(webapp + FORM, data=body, headers={"Accept": "application/json"}, timeout=30, **options)


def predict_url(served_models: str, name: str) -> str:
    return f"{served_models}/v1/models/{name}:predict"


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl on this machine")
def test_the_articles_own_curl_reads_0_775(served_models: str, real_webapp: str) -> None:
    url = predict_url(served_models, "rpm")
    fields = f"bounces=0&time_on_site=7363&mlinference_host={url}&mlinference_check=yes"

    done = subprocess.run(
        ["curl", "-sS", "--noproxy", "*", "-d", fields, "-X", "POST", real_webapp + FORM],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "with probability 0.775" in done.stdout
    assert "0.7752" in done.stdout


def test_the_articles_own_rows_of_lists_are_answered_too(served_models: str, real_webapp: str) -> None:
    body = {"bounces": [0], "time_on_site": [7363], "mlinference_host": predict_url(served_models, "rpm")}

    answer = requests.post(real_webapp + FORM, json=body, timeout=30).json()

    probabilities = answer["predictions"][0]["will_buy_on_return_visit_probs"]
    assert answer["request"]["instances"] == [{"bounces": [0], "time_on_site": [7363]}]
    assert f"{_first(probabilities):.3f}" == "0.775"


def _first(value: Any) -> float:
    return _first(value[0]) if isinstance(value, list) else float(value)


EVERY = {
    "int8": ("-128", -128),
    "int16": ("32767", 32767),
    "int32": ("-2147483648", -(2**31)),
    "int64": ("9223372036854775807", 2**63 - 1),
    "uint8": ("255", 255),
    "uint16": ("65535", 65535),
    "uint32": ("4294967295", 2**32 - 1),
    "uint64": ("18446744073709551615", 2**64 - 1),
    "float16": ("0.5", 0.5),
    "float32": ("1.5", 1.5),
    "float64": ("0.1", 0.1),
    "bool": ("true", True),
    "string": ("Zoë <&>", "Zoë <&>"),
}


def test_every_dtype_comes_back_as_it_was_typed(served_models: str, real_webapp: str) -> None:
    fields = {name: text for name, (text, _) in EVERY.items()}

    response = ask(real_webapp, predict_url(served_models, "every_dtype"), fields)

    assert response.status_code == 200, response.text
    assert response.json()["predictions"] == [{f"{name}_out": value for name, (_, value) in EVERY.items()}]


def test_every_input_of_any_shape_has_a_field(served_models: str, real_webapp: str) -> None:
    for name, fields in {"vectors": ("column", "features", "matrix", "words"), "keras_model": ("features",)}.items():
        query = {"mlinference_host": predict_url(served_models, name)}

        page = requests.get(real_webapp + FORM, params=query, timeout=30).text

        assert [field for field in fields if f'name="{field}"' not in page] == []


def test_vectors_are_sent_in_their_shape(served_models: str, real_webapp: str) -> None:
    fields = {
        "column": "[1]",
        "features": "1, 2, 3, 4.5",
        "matrix": "[[1, 2], [3, 4]]",
        "words": '["to", "be", "or"]',
    }

    response = ask(real_webapp, predict_url(served_models, "vectors"), fields)

    assert response.json()["predictions"] == [
        {
            "total": 11.5,
            "features_doubled": [2.0, 4.0, 6.0, 9.0],
            "transposed": [[1, 3], [2, 4]],
            "joined": ["to be or"],
        }
    ]


def test_another_signature_has_its_own_fields_and_answer(served_models: str, real_webapp: str) -> None:
    url = predict_url(served_models, "several_signatures")

    page = requests.get(real_webapp + FORM, params={"mlinference_host": url, "signature_name": "scaled"}, timeout=30)
    answer = ask(real_webapp, url, {"signature_name": "scaled", "x": "[1, 1, 1]"}).json()
    default = ask(real_webapp, url, {"a": "2.5", "b": "4"}).json()

    assert 'name="x"' in page.text
    assert "<option selected>scaled</option>" in page.text
    assert "<option>serving_default</option>" in page.text
    assert answer["predictions"] == [[1.0, 10.0, 100.0]]
    assert default["predictions"] == [{"sum": 6.5, "product": 10.0}]


def test_the_only_output_has_its_name_in_the_page(served_models: str, real_webapp: str) -> None:
    fields = {"features": "[0, 0, 0, 0]", "mlinference_host": predict_url(served_models, "keras_model")}

    page = requests.post(real_webapp + FORM, data=fields, timeout=30).text

    assert 'data-output="output_0"' in page
    assert "0.500" in page


def test_an_answer_that_is_not_a_number_is_shown(served_models: str, real_webapp: str) -> None:
    url = predict_url(served_models, "nan_for_negative")

    answer = ask(real_webapp, url, {"x": "-4"}).json()
    page = requests.post(real_webapp + FORM, data={"x": "-4", "mlinference_host": url}, timeout=30).text

    assert math.isnan(answer["predictions"][0]["root"])
    assert 'value="NaN"' in page


def test_a_model_that_is_not_served_is_a_bad_gateway_with_its_name(served_models: str, real_webapp: str) -> None:
    response = ask(real_webapp, predict_url(served_models, "nobody"), {"x": "1"})

    assert response.status_code == 502
    assert "status 404" in response.json()["error"]
    assert "nobody" in response.json()["error"]
