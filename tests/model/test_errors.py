import json

from model.errors import PredictionFailed, ReleaseError, SourceChanged, StorageError


def test_the_message_says_what_was_expected_found_where_and_what_to_do() -> None:
    error = ReleaseError(expected="a number", found="'x'", where="column age", do="Correct the row.")

    assert str(error) == "column age: expected a number; found 'x'. Correct the row."


def test_the_json_keeps_kind_and_fields() -> None:
    error = PredictionFailed(code="NOT_FOUND", expected="an answer", found="404", where="http://h/v1/models/m")

    told = json.loads(error.to_json())

    assert (told["kind"], told["found"], told["message"]) == ("PredictionFailed", "404", str(error))
    assert error.code == "NOT_FOUND"


def test_a_changed_source_is_a_storage_error() -> None:
    assert issubclass(SourceChanged, StorageError)
