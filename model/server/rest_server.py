"""The REST interface on a socket, in a thread of its own."""

import socket
import threading

import uvicorn

from model.server.draining import IdleOnly, LastAnswers
from model.server.rest import RestApi


class RestServer:
    """Answers from `start` on, until `close`; from `ending` on, each answer is the last on its connection."""

    def __init__(self, api: RestApi, *, listening: socket.socket, ending: threading.Event, grace_s: float) -> None:
        self._api = api
        self._listening = listening
        config = uvicorn.Config(
            LastAnswers(api.app(), ending=ending),
            loop="asyncio",
            http=IdleOnly,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=max(1, int(grace_s)),
        )
        self._server = uvicorn.Server(config)
        # A thread other than the main one: uvicorn then leaves the signals to the server as a whole.
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, name="rest-loop", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def close(self, *, timeout_s: float) -> None:
        self._server.should_exit = True
        self._thread.join(timeout_s)
        self._api.close()
        self._listening.close()
