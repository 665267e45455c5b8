import pytest

from model.errors import InvalidValue
from model.server.config import ServedModel
from model.server.flags import parse_flags


def test_tensorflow_servings_own_spelling_with_and_without_an_equals_sign() -> None:
    addresses = ["--port=9000", "--rest_api_port", "8080"]
    model = ["--model_name=rpm", "--model_base_path", "/mnt/models"]

    settings = parse_flags([*addresses, *model, "--rest_api_timeout_in_ms=60000", "--max_num_load_retries=0"])

    assert (settings.grpc_port, settings.rest_port) == (9000, 8080)
    assert settings.rest_timeout_s == 60.0
    assert settings.max_retries == 0
    assert settings.models == (ServedModel("rpm", "/mnt/models"),)
    assert settings.host == "0.0.0.0"


def test_flags_without_effect_are_taken_and_named() -> None:
    settings = parse_flags(["--model_config_file=/c", "--enable_batching", "--batching_parameters_file=/b"])

    assert settings.ignored == ("batching_parameters_file", "enable_batching")


@pytest.mark.parametrize(
    ("text", "expected"), [("--enable_model_warmup=false", False), ("--enable_model_warmup", True)]
)
def test_a_switch_is_given_alone_or_with_its_value(text: str, expected: bool) -> None:
    assert parse_flags(["--model_config_file=/c", text]).warmup is expected


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--model_config_fil=/c"], "unrecognized arguments: --model_config_fil"),
        (["--port=abc", "--model_config_file=/c"], "--port: expected a whole number; found 'abc'"),
        (["--port=70000", "--model_config_file=/c"], "--port: expected 0 to 65535; found 70000"),
        (["--enable_model_warmup=maybe", "--model_config_file=/c"], "expected true or false; found 'maybe'"),
        (["model"], "unrecognized arguments: model"),
    ],
)
def test_a_flag_or_value_that_is_none_ends_with_status_2(
    flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_flags(flags)

    assert caught.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ([], "neither"),
        (["--model_config_file=/c", "--model_base_path=/m"], "both"),
        (["--model_config_file=/c", "--port=0"], "0 for both"),
        (["--model_base_path=models"], "'models'"),
        (["--model_base_path=/m", "--model_name=a:b"], "'a:b'"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(flags: list[str], found: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_flags(flags)

    assert found in caught.value.found
