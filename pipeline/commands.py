"""What the commands of the command line share."""

import logging
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click

from model.errors import InvalidValue, ReleaseError

P = ParamSpec("P")
R = TypeVar("R")

HOME_OPTION = click.option(
    "--home",
    default=".savedmodel-release",
    show_default=True,
    envvar="SAVEDMODEL_RELEASE_HOME",
    type=click.Path(file_okay=False),
    help="Directory for releases, live models, predictions and reports.",
)


def explained(command: Callable[P, R]) -> Callable[P, R]:
    """Turns what is wrong into one paragraph and an exit status: 2 for a wrong value, 1 for a refused release."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except ReleaseError as error:
            click.echo(f"{type(error).__name__}: {error}", err=True)
            sys.exit(2 if isinstance(error, InvalidValue) else 1)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.split(".")[0] in ("components", "model", "pipeline"):
                raise
            click.echo(f"{error.name} is not installed, and this needs it: install the extra `all`.", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            sys.exit(130)
        except BrokenPipeError:
            # Whoever read the output has enough of it; the interpreter must not complain of that when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except OSError as error:
            click.echo(f"{error.strerror or error}: {error.filename or 'unknown file'}", err=True)
            sys.exit(1)

    return run


def log_to_stderr() -> None:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    for name in ("components", "pipeline", "model"):
        logging.getLogger(name).setLevel(logging.INFO)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # that it tries again is nobody's business
