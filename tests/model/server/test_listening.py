"""Sockets that nobody else listens on."""

import socket
from contextlib import closing

import pytest

from model.errors import ServingFailed
from model.server.listening import listen


def test_what_is_accepted_sends_small_answers_at_once() -> None:
    with closing(listen("127.0.0.1", 0, what="REST")) as listening:
        client = socket.create_connection(listening.getsockname())
        accepted, _ = listening.accept()

        with client, accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_busy_port_is_named() -> None:
    with closing(listen("127.0.0.1", 0, what="REST")) as listening:
        port = listening.getsockname()[1]

        with pytest.raises(ServingFailed, match=f"127.0.0.1 port {port}"):
            listen("127.0.0.1", port, what="REST")
