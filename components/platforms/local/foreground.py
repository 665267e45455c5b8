"""`serve`: the model server of a home in the foreground, in place of the command itself."""

import logging
import os

from components.platforms.local import ports, servers
from components.platforms.local.home import Home, write_whole
from components.platforms.local.locks import FileLock
from components.platforms.local.platform import LocalPlatform
from components.platforms.local.processes import ProcessRecord
from components.recovery import undo_unfinished_promotion
from model import json_codec
from model.errors import InvalidValue

log = logging.getLogger(__name__)


def serve_here(home: Home, *, rest_port: int, grpc_port: int) -> None:
    """Becomes the model server of the home; does not return.

    The process is replaced, so there is no parent that could be killed and leave the server behind.

    Raises:
        InvalidValue: a server of this home runs already, or a port is in use.
    """
    if rest_port == grpc_port:
        do = "Choose another for one of them."
        raise InvalidValue(expected="two ports", found=f"{rest_port} for both", where="--rest-port, --grpc-port", do=do)
    with FileLock(home.lock("server-start")):
        _refuse_a_second_server(home)
        for option, port in (("--rest-port", rest_port), ("--grpc-port", grpc_port)):
            _refuse_busy_port(option, port)
        platform = LocalPlatform(home)
        for service in platform.live_services():
            _undo_unless_running(home, service.release.model_name, platform=platform)
        platform.write_models_config()
        process = ProcessRecord.of(os.getpid())
        record = servers.ServerRecord(process, rest_port, grpc_port, "the terminal of `serve`", kept=True)
        write_whole(home.serving / "server.json", json_codec.to_json(record))
    names = ", ".join(f"{each.release.model_name} v{each.release.version}" for each in platform.live_services())
    log.info(
        "serving %s of %s at http://%s:%d (gRPC %d); Ctrl-C ends it",
        names or "no model yet",
        home.root,
        ports.LOOPBACK,
        rest_port,
        grpc_port,
    )
    arguments = servers.command(home.models_config, rest_port=rest_port, grpc_port=grpc_port)
    os.execv(arguments[0], arguments)


def _undo_unless_running(home: Home, model_name: str, *, platform: LocalPlatform) -> None:
    lock = FileLock(home.lock(f"model-{model_name}"))
    if lock.try_acquire():
        undo_unfinished_promotion(model_name, platform=platform)
        lock.release()


def _refuse_a_second_server(home: Home) -> None:
    running = servers.read_record(home.serving / "server.json")
    if running is not None:
        raise InvalidValue(
            expected="no model server running on this home",
            found=f"process {running.process.pid} at http://{ports.LOOPBACK}:{running.rest_port}",
            where=str(home.root),
            do=f"Use that one, or stop it: savedmodel-release stop --home {home.root}",
        )


def _refuse_busy_port(option: str, port: int) -> None:
    if not ports.is_free(port):
        raise InvalidValue(
            expected="a port that nothing listens on",
            found=f"{port}, which is in use",
            where=option,
            do="Choose another.",
        )
