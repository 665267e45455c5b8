"""`python -m model.server`: opens the ports, watches the models, and ends when it is told to."""

import logging
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType

from model.errors import InvalidValue, ReleaseError
from model.server.flags import ServerSettings, parse_flags
from model.server.listening import listen
from model.server.served_models import LoadPolicy, ServedModels
from model.server.watching import ConfigFile, Watch

log = logging.getLogger("model.server")

#: Requests under way get so long to finish when the server is told to end.
GRACE_S = 1.5


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT, then returns 0; 1 if it cannot start, with one sentence; 2 for wrong flags."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    for chatty in ("uvicorn", "absl"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        return _serve(parse_flags(argv))
    except ReleaseError as error:
        log.error("%s", error)
        return 2 if isinstance(error, InvalidValue) and error.where.startswith(("--", "flags")) else 1


def _serve(settings: ServerSettings) -> int:
    if settings.ignored:
        log.info("without effect here: %s", ", ".join(f"--{name}" for name in settings.ignored))
    models = ServedModels(policy=LoadPolicy(settings.max_retries, settings.retry_interval_s, settings.warmup))
    config = ConfigFile(settings.config_file) if settings.config_file else None
    models.configure((config.read() if config else settings.models) or ())
    models.look()  # from the first answer on, the models are known
    stopping, hurried = _stop_signals()
    watch = Watch(models, config if settings.config_poll_s else None, settings.base_path_poll_s, stopping)
    if settings.wait_for_models:
        watch.start()
        if not watch.until_served():
            return 0
    closers = [_open_rest(models, settings, stopping), _open_grpc(models, settings)]
    if not settings.wait_for_models:
        watch.start()
    stopping.wait()
    _drain(settings.drain_s, hurried)
    _close(closers)
    return 0


def _stop_signals() -> tuple[threading.Event, threading.Event]:
    """Set by the first signal, and by the second."""
    stopping, hurried = threading.Event(), threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        (hurried if stopping.is_set() else stopping).set()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)
    return stopping, hurried


def _drain(seconds: float, hurried: threading.Event) -> None:
    if seconds:
        log.info("ending in %g s; until then, clients are told to connect elsewhere", seconds)
        hurried.wait(seconds)
    log.info("ending; requests under way get %g s", GRACE_S)


def _open_rest(models: ServedModels, settings: ServerSettings, stopping: threading.Event) -> Callable[[], None]:
    if settings.rest_port == 0:
        return lambda: None
    from model.server.rest import RestApi
    from model.server.rest_server import RestServer

    listening = listen(settings.host, settings.rest_port, what="REST")
    api = RestApi(models, threads=settings.rest_threads, timeout_s=settings.rest_timeout_s)
    server = RestServer(api, listening=listening, ending=stopping, grace_s=GRACE_S)
    server.start()
    log.info("REST on http://%s:%d", settings.host, settings.rest_port)
    return lambda: server.close(timeout_s=GRACE_S)


def _open_grpc(models: ServedModels, settings: ServerSettings) -> Callable[[], None]:
    if settings.grpc_port == 0:
        return lambda: None
    from model.server.grpc_service import start_grpc

    server = start_grpc(models, settings)
    log.info("gRPC on %s:%d%s", settings.host, settings.grpc_port, " with TLS" if settings.ssl_config_file else "")

    def close() -> None:
        server.stop(GRACE_S).wait(GRACE_S)

    return close


def _close(closers: Sequence[Callable[[], None]]) -> None:
    """Closes both at once: they share the grace."""
    threads = [threading.Thread(target=closer, daemon=True) for closer in closers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GRACE_S + 0.2)
