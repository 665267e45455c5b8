"""`python -m model.sample`: writes the sample model and rows to score with it."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from model.errors import InvalidValue, ReleaseError

EXAMPLE = """example:
  python -m model.sample --export sample/V_36 --rows sample/visits.csv --rows-count 1000000
"""

log = logging.getLogger("model.sample")


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, or 1 with one sentence on standard error."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    try:
        _write(arguments)
    except ReleaseError as error:
        log.error("%s", error)
        return 1
    return 0


def _write(arguments: argparse.Namespace) -> None:
    from model.sample.export import export
    from model.sample.visits import write_visits

    rows, directory = arguments.rows, arguments.export
    try:
        new_rows = write_visits(rows, rows=arguments.rows_count, seed=arguments.seed)
        log.info("%s: %d visits%s", rows, arguments.rows_count, "" if new_rows else ", unchanged")
        new_export = export(directory)
        log.info("%s: the retail propensity model%s", directory, "" if new_export else ", unchanged")
    except OSError as error:
        found = f"{error.strerror or error} at {error.filename}"
        raise InvalidValue(expected="places to write to", found=found, where=f"{directory} and {rows}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model.sample",
        description="Writes the retail propensity model as a SavedModel, and a CSV of labelled visits.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--export", type=Path, required=True, metavar="DIR", help="directory of the SavedModel")
    parser.add_argument("--rows", type=Path, required=True, metavar="FILE", help="CSV file of visits")
    parser.add_argument("--rows-count", type=int, default=1000, metavar="N", help="number of visits (1000)")
    parser.add_argument("--seed", type=int, default=36, metavar="N", help="seed of the visits (36)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
