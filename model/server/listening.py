"""Sockets that nobody else listens on."""

import socket

from model.errors import ServingFailed

BACKLOG = 2048


def listen(host: str, port: int, *, what: str) -> socket.socket:
    """A listening socket. `what` names its use in the error.

    Raises:
        ServingFailed: the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ServingFailed(
            expected=f"to listen on {host} port {port}",
            found=(error.strerror or str(error)).split(" (")[0],
            where=what,
            do="Stop what listens there, or name another port.",
        ) from error
    # What is accepted here inherits it. Else a kept connection has each answer wait for an acknowledgement, 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
