"""`python -m model.server`; see model.server.command."""

import logging
import os
import sys

from model.server.command import main

if __name__ == "__main__":
    status = main()
    logging.shutdown()
    sys.stderr.flush()
    # Not sys.exit: the interpreter would wait for threads in which a model computes, or crash in TensorFlow's own.
    os._exit(status)
