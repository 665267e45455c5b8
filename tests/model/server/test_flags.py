import pytest

from model.errors import InvalidValue
from model.server.config import ServedModel
from model.server.flags import parse_flags


def test_the_command_line_of_kserves_runtime() -> None:
    addresses = ["--port=9000", "--rest_api_port=8080"]
    model = ["--model_name=rpm", "--model_base_path=/mnt/models"]

    settings = parse_flags([*model, *addresses, "--rest_api_timeout_in_ms=60000", "--max_num_load_retries=0"])

    assert (settings.grpc_port, settings.rest_port) == (9000, 8080)
    assert settings.rest_timeout_s == 60.0
    assert settings.max_retries == 0
    assert settings.models == (ServedModel("rpm", "/mnt/models"),)
    assert settings.host == "0.0.0.0"


def test_flags_without_effect_are_taken_and_named() -> None:
    settings = parse_flags(["--model_config_file=/c", "--enable_batching", "--batching_parameters_file=/b"])

    assert settings.ignored == ("batching_parameters_file", "enable_batching")


def test_a_configuration_file_goes_before_name_and_base_path_as_in_tensorflow_serving() -> None:
    settings = parse_flags(["--model_name=rpm", "--model_base_path=/mnt/models", "--model_config_file=/c"])

    assert settings.config_file == "/c"
    assert settings.models == ()
    assert settings.ignored == ("model_name", "model_base_path")


#: Flags in TensorFlow Serving's model_servers/main.cc, 2025, but for those that say what to serve.
TENSORFLOW_SERVINGS = """
port grpc_socket_path rest_api_port rest_api_num_threads rest_api_timeout_in_ms rest_api_enable_cors_support
enable_batching allow_version_labels_for_unavailable_models batching_parameters_file
enable_per_model_batching_parameters
model_config_file_poll_wait_seconds num_load_threads num_unload_threads max_num_load_retries load_retry_interval_micros
file_system_poll_wait_seconds flush_filesystem_caches tensorflow_session_parallelism tensorflow_session_config_file
tensorflow_intra_op_parallelism tensorflow_inter_op_parallelism ssl_config_file platform_config_file
per_process_gpu_memory_fraction saved_model_tags grpc_channel_arguments grpc_max_threads enable_model_warmup
num_request_iterations_for_warmup monitoring_config_file remove_unused_fields_from_bundle_metagraph prefer_tflite_model
num_tflite_pools num_tflite_interpreters_per_pool enable_signature_method_name_check xla_cpu_compilation_enabled
xla_gpu_compilation_enabled enable_profiler thread_pool_factory_config_file mixed_precision skip_initialize_tpu
enable_grpc_healthcheck_service enable_serialization_as_tensor_content
"""
VALUES = {"enable_model_warmup": "false", "grpc_channel_arguments": "grpc.max_connection_age_ms=2000"}


@pytest.mark.parametrize("flag", TENSORFLOW_SERVINGS.split())
def test_each_flag_of_tensorflow_serving_is_taken(flag: str) -> None:
    given = f"--{flag}={VALUES.get(flag, '2')}"

    without, with_it = parse_flags(["--model_config_file=/c"]), parse_flags(["--model_config_file=/c", given])

    assert with_it != without  # it is obeyed, or named as one that is not


def test_arguments_of_the_grpc_server() -> None:
    settings = parse_flags(["--model_config_file=/c", "--grpc_channel_arguments=grpc.a=-1,grpc.b=x=y"])

    assert settings.grpc_arguments == {"grpc.a": -1, "grpc.b": "x=y"}


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
        (["--enable_model_warmup=1", "--model_config_file=/c"], "expected true or false; found '1'"),
        (["model"], "unrecognized arguments: model"),
        (["--rest_api_port", "8080", "--model_config_file=/c"], "8080 (a flag's value follows =, as in --port=8500)"),
        (["--use_alts_credentials", "--model_config_file=/c"], "unrecognized arguments: --use_alts_credentials"),
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
        (["--model_config_file=/c", "--port=0"], "0 for both"),
        (["--model_base_path=models"], "'models'"),
        (["--model_base_path=/m", "--model_name=a:b"], "'a:b'"),
        (["--model_base_path=/m", "--model_name="], "''"),
        (["--model_config_file=/c", "--grpc_channel_arguments=grpc.a"], "'grpc.a'"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(flags: list[str], found: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_flags(flags)

    assert found in caught.value.found
