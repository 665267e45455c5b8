"""Logging in through a browser, as kfp does it, and leaving off."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class _Ended(BaseException):
    """kfp takes KeyboardInterrupt for the wish to log in otherwise."""


@contextlib.contextmanager
def can_be_left() -> Iterator[None]:
    """While kfp waits for somebody to log in, Ctrl-C means what kfp says there: the first time to paste a URL instead.
    The second ends the wait, and SIGTERM and a closed terminal do at once, whatever was to be done at a signal before.

    Raises:
        KeyboardInterrupt
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise _Ended

    wanted = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: end, signal.SIGHUP: end}
    with contextlib.ExitStack() as restoring:
        for number, handler in wanted.items():
            if signal.getsignal(number) is not signal.SIG_IGN:  # else nohup has it ignored, and means it
                restoring.callback(signal.signal, number, signal.signal(number, handler))
        try:
            yield
        except _Ended:
            raise KeyboardInterrupt from None
