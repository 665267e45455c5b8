"""Interrupting a command, by Ctrl-C, by SIGTERM or by closing its terminal."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

#: What a command says that undoes what it has begun.
PUTTING_BACK = "interrupted: putting everything back"

_AGAIN_S = 0.05


@contextlib.contextmanager
def interruptible(told: str = "") -> Iterator[None]:
    """Lets SIGTERM and a closed terminal end what stands inside as Ctrl-C does, once: what cleans up then is not
    interrupted again. told: a line on standard error at that moment.

    Python drops what is raised while it takes an object away. It reports that to `sys.unraisablehook`, and an
    interruption that is found there is raised again.

    Raises:
        KeyboardInterrupt: interrupted.
    """
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # else nohup has it ignored, and means it
        numbers.append(signal.SIGHUP)

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        if told:  # not through a console: it may be in the middle of a write, and refuse another
            os.write(2, f"{told}\n".encode())
        raise KeyboardInterrupt

    with contextlib.ExitStack() as restoring:
        restoring.callback(setattr, sys, "unraisablehook", sys.unraisablehook)
        for each in numbers:
            restoring.callback(signal.signal, each, signal.signal(each, interrupt))
        sys.unraisablehook = _Dropped(sys.unraisablehook)
        yield


class _Dropped:
    """A `sys.unraisablehook` that has a KeyboardInterrupt raised again, a moment later."""

    def __init__(self, otherwise: Callable[["sys.UnraisableHookArgs"], object]) -> None:
        self._otherwise = otherwise

    def __call__(self, unraisable: "sys.UnraisableHookArgs") -> None:
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            signal.signal(signal.SIGINT, self._raise)
            main = threading.main_thread().ident
            assert main is not None
            threading.Timer(_AGAIN_S, signal.pthread_kill, (main, signal.SIGINT)).start()
        else:
            self._otherwise(unraisable)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt
