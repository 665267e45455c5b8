"""`python -m webapp`: serves the web application until it is told to stop."""

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Sequence

import uvicorn
from starlette.types import ASGIApp

from model.errors import InvalidValue
from webapp import access_log
from webapp.application import PATH, create_app
from webapp.settings import Settings, from_command_line

#: How long requests under way may go on after SIGTERM, so that the process ends within a second.
_GRACE_S = 0.5

log = logging.getLogger("webapp")


class _Server(uvicorn.Server):
    """Says where it listens, once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for bound in sockets or []:
            host, port = bound.getsockname()[:2]
            log.info("listening on http://%s:%d%s", f"[{host}]" if ":" in host else host, port, PATH)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when told to stop, 1 where it cannot listen, 2 for a setting that breaks its rule."""
    try:
        settings = from_command_line(sys.argv[1:] if arguments is None else arguments, os.environ)
        app = create_app(settings)
    except InvalidValue as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        bound = _listen(settings)
    except OSError as error:
        reason = error.strerror or str(error)
        where = f"{settings.host}:{settings.port}"
        sys.stderr.write(
            f"The web application cannot listen on {where}: {reason}. Choose another with --port or --host.\n"
        )
        return 1
    access_log.configure(settings.log_format)
    with contextlib.suppress(KeyboardInterrupt):
        _server(app).run(sockets=[bound])
    return 0


def _listen(settings: Settings) -> socket.socket:
    """
    Raises:
        OSError: the port is in use, or the address is not one of this machine.
    """
    found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        # Bound alone, a second process could bind too: on Linux, two that do not listen yet may share an address.
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening


def _server(app: ASGIApp) -> _Server:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        ws="none",
        # Typed as whole seconds, but handed to asyncio.wait_for as it is.
        timeout_graceful_shutdown=_GRACE_S,  # type: ignore[arg-type]
    )
    return _Server(config)


if __name__ == "__main__":
    sys.exit(main())
