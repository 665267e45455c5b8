"""Keeping TensorFlow's native start-up chatter from the terminal."""

import contextlib
import os
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Sends what native code writes to standard error to nowhere.

    Half a dozen lines about CPU features and missing GPUs are written before TensorFlow reads TF_CPP_MIN_LOG_LEVEL, so
    only the file descriptor can stop them. What goes wrong still comes as an exception.
    """
    kept = os.dup(2)
    try:
        with tempfile.TemporaryFile() as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
