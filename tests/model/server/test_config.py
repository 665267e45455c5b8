import pytest

from model.errors import InvalidValue
from model.server.config import ServedModel, format_config, parse_config, takes_no_action

WRITTEN_BY_HAND = """
# comments are welcome
model_config_list {
  config {
    name: "rpm" base_path: "/models/rpm" model_platform: "tensorflow"
    model_version_policy { specific { versions: 37 versions: 36 } }
    version_labels { key: "stable" value: 36 }
    version_labels { key: "canary" value: 37 }
  }
  config { name: 'other' base_path: 'file:///models/other' model_version_policy { all {} } }
  config { name: "two" base_path: "/models/two" model_version_policy { latest { num_versions: 2 } } }
  config { name: "plain" base_path: "/models/plain" }
}
"""


def test_a_configuration_as_tensorflow_serving_documents_it_is_read() -> None:
    assert parse_config(WRITTEN_BY_HAND) == (
        ServedModel("rpm", "/models/rpm", (36, 37), labels={"stable": 36, "canary": 37}),
        ServedModel("other", "/models/other", latest=0),
        ServedModel("two", "/models/two", latest=2),
        ServedModel("plain", "/models/plain"),
    )


def test_what_is_written_is_read_again() -> None:
    models = parse_config(WRITTEN_BY_HAND)

    assert parse_config(format_config(models)) == models


def test_a_name_and_a_path_with_quotes_survive() -> None:
    models = (ServedModel('a"b', '/x/it\'s \\ "here" ü'),)

    assert parse_config(format_config(models)) == models


def test_no_models_are_a_list_that_unloads_all_and_an_empty_text_takes_no_action() -> None:
    assert parse_config(format_config(())) == parse_config("") == ()
    assert not takes_no_action(format_config(()))
    assert takes_no_action("")
    assert takes_no_action(" # nothing yet\n")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("model_config_list {", "models.config"),
        ("{}", "models.config"),
        ('model_config_list { config { nam: "x" } }', "nam"),
        ('model_config_list { config { name: "" base_path: "/x" } }', "''"),
        ('model_config_list { config { name: "a/b" base_path: "/x" } }', "'a/b'"),
        ('model_config_list { config { name: "a" base_path: "x" } }', "'x'"),
        ('model_config_list { config { name: "a" base_path: "gs://b/x" } }', "gs://b/x"),
        ('model_config_list { config { name: "a" base_path: "/x" model_platform: "torch" } }', "torch"),
        ('model_config_list { config { name: "a" base_path: "/x" model_version_policy { specific {} } } }', "none"),
        (
            'model_config_list { config { name: "a" base_path: "/x" } config { name: "a" base_path: "/y" } }',
            "a repeated",
        ),
    ],
)
def test_what_is_no_configuration_is_refused(text: str, found: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_config(text)

    assert found in str(caught.value)
