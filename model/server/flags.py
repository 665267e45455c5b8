"""The command line, in TensorFlow Serving's own flags.

They are read as its parser does (tensorflow/core/util/command_line_flags.cc): `--flag=value`, never `--flag value`, and
`true` or `false` for a switch, which may stand alone. It prints an argument that it does not know, and serves without
it; here that is refused, so that a typing error does not look like a setting.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model.errors import InvalidValue
from model.server.config import ServedModel, check_base_path

EPILOG = """example:
  python -m model.server --rest_api_port=8501 --model_name=rpm --model_base_path=/models/rpm

Ports open at once; GET /v1/models/NAME tells when the model is AVAILABLE. A base path without a version directory is
looked at every second until there is one: the model is meanwhile not found.

On a cluster: --wait_for_models --drain_seconds=15. The ports then open once the models answer, as TensorFlow Serving's
do, and after SIGTERM the server goes on for 15 seconds, so that no client that it tells to leave loses a request.
"""

#: TensorFlow Serving's flags that change nothing here: the server takes them, so that a command line can be kept.
IGNORED = (
    "allow_version_labels_for_unavailable_models",
    "batching_parameters_file",
    "enable_batching",
    "enable_grpc_healthcheck_service",
    "enable_per_model_batching_parameters",
    "enable_profiler",
    "enable_serialization_as_tensor_content",
    "enable_signature_method_name_check",
    "flush_filesystem_caches",
    "grpc_socket_path",
    "mixed_precision",
    "monitoring_config_file",
    "num_load_threads",
    "num_request_iterations_for_warmup",
    "num_tflite_interpreters_per_pool",
    "num_tflite_pools",
    "num_unload_threads",
    "per_process_gpu_memory_fraction",
    "platform_config_file",
    "prefer_tflite_model",
    "remove_unused_fields_from_bundle_metagraph",
    "rest_api_enable_cors_support",
    "saved_model_tags",
    "skip_initialize_tpu",
    "tensorflow_inter_op_parallelism",
    "tensorflow_intra_op_parallelism",
    "tensorflow_session_config_file",
    "tensorflow_session_parallelism",
    "thread_pool_factory_config_file",
    "xla_cpu_compilation_enabled",
    "xla_gpu_compilation_enabled",
)
# Not --use_alts_credentials: who asks for it must not be served in the clear.


@dataclass(frozen=True)
class ServerSettings:
    """A port of 0 is not opened. `config_poll_s` 0: the configuration file is read once. `drain_s`: how long the server
    goes on after SIGTERM. `ignored`: the flags that were given and change nothing."""

    host: str
    grpc_port: int
    rest_port: int
    rest_threads: int
    grpc_threads: int
    grpc_arguments: Mapping[str, int | str]
    ssl_config_file: str
    rest_timeout_s: float
    config_file: str
    config_poll_s: float
    base_path_poll_s: float
    max_retries: int
    retry_interval_s: float
    warmup: bool
    wait_for_models: bool
    drain_s: float
    models: tuple[ServedModel, ...]
    ignored: tuple[str, ...]


def parse_flags(argv: Sequence[str] | None) -> ServerSettings:
    """The settings of a command line. Ends the process with status 2 for a flag or value that is none (argparse).

    Raises:
        InvalidValue: the flags contradict each other.
    """
    arguments = sys.argv[1:] if argv is None else argv
    parser = _parser()
    for stray in (each for each in arguments if not each.startswith("-")):
        parser.error(f"unrecognized arguments: {stray} (a flag's value follows =, as in --port=8500)")
    given = parser.parse_args(arguments)
    return ServerSettings(
        host=given.host,
        grpc_port=given.port,
        rest_port=given.rest_api_port,
        rest_threads=given.rest_api_num_threads,
        grpc_threads=given.grpc_max_threads,
        grpc_arguments=_channel_arguments(given.grpc_channel_arguments),
        ssl_config_file=given.ssl_config_file,
        rest_timeout_s=given.rest_api_timeout_in_ms / 1000,
        config_file=given.model_config_file,
        config_poll_s=given.model_config_file_poll_wait_seconds,
        base_path_poll_s=given.file_system_poll_wait_seconds,
        max_retries=given.max_num_load_retries,
        retry_interval_s=given.load_retry_interval_micros / 1e6,
        warmup=given.enable_model_warmup,
        wait_for_models=given.wait_for_models,
        drain_s=given.drain_seconds,
        models=_models(given),
        ignored=_ignored(given),
    )


def _ignored(given: argparse.Namespace) -> tuple[str, ...]:
    instead = ("model_name", "model_base_path") if given.model_config_file else ()
    return tuple(name for name in (*IGNORED, *instead) if getattr(given, name) is not None)


def _channel_arguments(text: str) -> dict[str, int | str]:
    """`grpc.max_connection_age_ms=2000,…`: numbers as numbers."""
    pairs = [each.partition("=") for each in text.split(",") if each]
    if not all(key and equals for key, equals, _ in pairs):
        raise InvalidValue(expected="NAME=VALUE,...", found=repr(text), where="--grpc_channel_arguments")
    return {key: int(value) if value.lstrip("-").isdecimal() else value for key, _, value in pairs}


def _models(given: argparse.Namespace) -> tuple[ServedModel, ...]:
    if given.port == 0 and given.rest_api_port == 0:
        raise InvalidValue(expected="a port to listen on", found="0 for both", where="--port and --rest_api_port")
    if given.model_config_file:
        return ()
    if not given.model_base_path:
        raise InvalidValue(expected="--model_config_file or --model_base_path", found="neither", where="flags")
    name = "default" if given.model_name is None else given.model_name
    if not name or set(name) & set("/:"):
        raise InvalidValue(expected="a name without / and :", found=repr(name), where="--model_name")
    check_base_path(given.model_base_path, where="--model_base_path")
    return (ServedModel(name, given.model_base_path.removeprefix("file://")),)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model.server",
        description="Serves SavedModels over TensorFlow Serving's REST and gRPC, on one machine.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_listening(parser)
    _add_models(parser)
    _add_cluster(parser)
    for name in IGNORED:
        parser.add_argument(f"--{name}", nargs="?", const="true", help=argparse.SUPPRESS)
    return parser


def _add_listening(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--host", default="0.0.0.0", metavar="ADDRESS", help="address to listen on (0.0.0.0: all)")
    add("--port", type=_port, default=8500, metavar="N", help="port of gRPC (8500; 0: none)")
    add("--rest_api_port", type=_port, default=0, metavar="N", help="port of REST (0: none)")
    add("--rest_api_timeout_in_ms", type=_positive, default=30_000, metavar="MS", help="longest REST call (30000)")
    add("--rest_api_num_threads", type=_positive, default=8, metavar="N", help="REST calls at a time (8)")
    add("--grpc_max_threads", type=_positive, default=16, metavar="N", help="gRPC calls at a time (16)")
    add("--grpc_channel_arguments", default="", metavar="NAME=VALUE,...", help="arguments of the gRPC server")
    add("--ssl_config_file", default="", metavar="FILE", help="key and certificate of gRPC, as an SSLConfig")
    add("--version", action="version", version="savedmodel-release model server, for TensorFlow ModelServer")


def _add_models(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--model_name", metavar="NAME", help="name of the model below --model_base_path (default)")
    add("--model_base_path", metavar="DIR", help="absolute path that holds a directory for each version")
    add("--model_config_file", default="", metavar="FILE", help="of several models; those two are ignored")
    add(
        "--model_config_file_poll_wait_seconds",
        type=_amount,
        default=0,
        metavar="S",
        help="watch the configuration file; 0: read it once",
    )
    add("--file_system_poll_wait_seconds", type=_amount, default=1, metavar="S", help="look for versions so often (1)")
    add("--max_num_load_retries", type=_count, default=5, metavar="N", help="further attempts to load a version (5)")
    add("--load_retry_interval_micros", type=_count, default=60_000_000, metavar="US", help="between them (60000000)")
    add("--enable_model_warmup", **_SWITCH, default=True, help="replay warm-up requests (true)")


def _add_cluster(parser: argparse.ArgumentParser) -> None:
    """Flags of our own."""
    add = parser.add_argument
    add("--wait_for_models", **_SWITCH, default=False, help="open the ports once all models are available (false)")
    add("--drain_seconds", type=_count, default=0, metavar="S", help="go on so long after SIGTERM (0)")


def _port(text: str) -> int:
    return _within(text, 0, 65_535)


def _positive(text: str) -> int:
    return _within(text, 1, 2**31 - 1)


def _count(text: str) -> int:
    return _within(text, 0, 2**31 - 1)


def _amount(text: str) -> int:
    # -1 stands for never in TensorFlow Serving.
    return max(_within(text, -1, 2**31 - 1), 0)


def _within(text: str, low: int, high: int) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number; found {text!r}") from None
    if not low <= number <= high:
        raise argparse.ArgumentTypeError(f"expected {low} to {high}; found {number}")
    return number


def _switch(text: str) -> bool:
    if text not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"expected true or false; found {text!r}")
    return text == "true"


_SWITCH: dict[str, Any] = {"type": _switch, "nargs": "?", "const": True}
