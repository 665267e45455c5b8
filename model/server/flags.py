"""The command line, in TensorFlow Serving's own flags."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from model.errors import InvalidValue
from model.server.config import ServedModel, check_base_path

EPILOG = """example:
  python -m model.server --rest_api_port=8501 --model_name=rpm --model_base_path=/models/rpm

Ports open at once; GET /v1/models/NAME tells when the model is AVAILABLE. A base path without a version directory is
looked at every second until there is one: the model is meanwhile not found.
"""

#: TensorFlow Serving's flags that change nothing here: the server takes them, so that a command line can be kept.
IGNORED = (
    "allow_version_labels_for_unavailable_models",
    "batching_parameters_file",
    "enable_batching",
    "enable_profiler",
    "enable_signature_method_name_check",
    "flush_filesystem_caches",
    "grpc_channel_arguments",
    "grpc_socket_path",
    "monitoring_config_file",
    "num_load_threads",
    "num_request_iterations_for_warmup",
    "num_unload_threads",
    "per_process_gpu_memory_fraction",
    "platform_config_file",
    "prefer_tflite_model",
    "remove_unused_fields_from_bundle_metagraph",
    "rest_api_enable_cors_support",
    "saved_model_tags",
    "tensorflow_inter_op_parallelism",
    "tensorflow_intra_op_parallelism",
    "tensorflow_session_parallelism",
    "thread_pool_factory_config_file",
    "xla_cpu_compilation_enabled",
)


@dataclass(frozen=True)
class ServerSettings:
    """A port of 0 is not opened. `config_poll_s` 0: the configuration file is read once."""

    host: str
    grpc_port: int
    rest_port: int
    rest_threads: int
    grpc_threads: int
    rest_timeout_s: float
    config_file: str
    config_poll_s: float
    base_path_poll_s: float
    max_retries: int
    retry_interval_s: float
    warmup: bool
    models: tuple[ServedModel, ...]
    ignored: tuple[str, ...]


def parse_flags(argv: Sequence[str] | None) -> ServerSettings:
    """The settings of a command line. Ends the process with status 2 for a flag or value that is none (argparse).

    Raises:
        InvalidValue: the flags contradict each other.
    """
    given = _parser().parse_args(argv)
    return ServerSettings(
        host=given.host,
        grpc_port=given.port,
        rest_port=given.rest_api_port,
        rest_threads=given.rest_api_num_threads,
        grpc_threads=given.grpc_max_threads,
        rest_timeout_s=given.rest_api_timeout_in_ms / 1000,
        config_file=given.model_config_file,
        config_poll_s=given.model_config_file_poll_wait_seconds,
        base_path_poll_s=given.file_system_poll_wait_seconds,
        max_retries=given.max_num_load_retries,
        retry_interval_s=given.load_retry_interval_micros / 1e6,
        warmup=given.enable_model_warmup,
        models=_models(given),
        ignored=tuple(name for name in IGNORED if getattr(given, name) is not None),
    )


def _models(given: argparse.Namespace) -> tuple[ServedModel, ...]:
    if given.port == 0 and given.rest_api_port == 0:
        raise InvalidValue(expected="a port to listen on", found="0 for both", where="--port and --rest_api_port")
    if bool(given.model_config_file) == bool(given.model_base_path):
        found = "both" if given.model_config_file else "neither"
        raise InvalidValue(expected="one of --model_config_file and --model_base_path", found=found, where="flags")
    if not given.model_base_path:
        return ()
    if not given.model_name or set(given.model_name) & set("/:"):
        raise InvalidValue(expected="a name without / and :", found=repr(given.model_name), where="--model_name")
    check_base_path(given.model_base_path, where="--model_base_path")
    return (ServedModel(given.model_name, given.model_base_path.removeprefix("file://")),)


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


def _add_models(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--model_name", default="default", metavar="NAME", help="name of the model below --model_base_path")
    add("--model_base_path", default="", metavar="DIR", help="absolute path that holds a directory for each version")
    add("--model_config_file", default="", metavar="FILE", help="configuration of several models, instead of those two")
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
    add(
        "--enable_model_warmup",
        type=_switch,
        nargs="?",
        const=True,
        default=True,
        help="replay warm-up requests (true)",
    )


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
    if text.lower() not in ("true", "false", "1", "0"):
        raise argparse.ArgumentTypeError(f"expected true or false; found {text!r}")
    return text.lower() in ("true", "1")
