"""Interrupting a command, by Ctrl-C, by SIGTERM or by closing its terminal."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

#: What a command says that undoes what it has begun.
PUTTING_BACK = "interrupted: putting everything back"

_RETRY_S = 0.05


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
        restoring.enter_context(_not_dropped())
        for each in numbers:
            restoring.callback(signal.signal, each, signal.signal(each, interrupt))
        yield


@contextlib.contextmanager
def _not_dropped() -> Iterator[None]:
    """Raises a KeyboardInterrupt again that Python has dropped."""
    hook = sys.unraisablehook

    def raise_again(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def dropped(unraisable: "sys.UnraisableHookArgs") -> None:
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, _RETRY_S)
        else:
            hook(unraisable)

    before = signal.signal(signal.SIGALRM, raise_again)
    sys.unraisablehook = dropped
    try:
        yield
    finally:
        sys.unraisablehook = hook
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
