"""A seeded CSV of visits, labelled by chance with the model's own probability."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from model.errors import InvalidValue
from model.sample import retail

COLUMNS = ("fullVisitorId", "bounces", "time_on_site", retail.LABEL)
#: A visit that everybody can check by hand: the model answers 0.775.
KNOWN_VISIT = "0434744388841615987,0,7363,1"

#: Rows drawn at a time. Each block has a random generator of its own, so that a longer file begins like a shorter one.
BLOCK_ROWS = 100_000
BOUNCE_RATE = 0.3
#: Seconds. Visits of hours are rare in truth; here they carry the signal, since the model's weight is small.
MEAN_TIME_ON_SITE = 5000.0
LONGEST_TIME_ON_SITE = 6 * 3600

MAX_ROWS = 1_000_000_000


def write_visits(path: Path, *, rows: int = 1000, seed: int = 36) -> bool:
    """Writes `rows` visits as CSV with a header, whole or not at all; False if the very same file stands there already.

    Raises:
        InvalidValue: the number of rows or the seed is out of range, or the file exists with other content.
    """
    _check(rows=rows, seed=seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as beside:
        written = Path(beside, path.name)
        with written.open("w", encoding="ascii", newline="\n") as file:
            file.writelines(csv_blocks(rows=rows, seed=seed))
        return _put(written, path)


def csv_blocks(*, rows: int, seed: int) -> Iterator[str]:
    """The header, the known visit, and `rows - 1` visits by chance, many lines at a time."""
    yield f"{','.join(COLUMNS)}\n{KNOWN_VISIT}\n"
    for block, start in enumerate(range(0, rows - 1, BLOCK_ROWS)):
        yield _lines(np.random.default_rng((seed, block)), min(BLOCK_ROWS, rows - 1 - start))


def _lines(random: np.random.Generator, rows: int) -> str:
    # Always a whole block is drawn, so that its first rows do not depend on how many are wanted.
    visitor = random.integers(0, 10**19, BLOCK_ROWS, dtype=np.uint64)
    bounces = (random.random(BLOCK_ROWS) < BOUNCE_RATE).astype(np.int64)
    drawn = np.minimum(1 + random.exponential(MEAN_TIME_ON_SITE, BLOCK_ROWS).astype(np.int64), LONGEST_TIME_ON_SITE)
    time_on_site = np.where(bounces == 1, 0, drawn)
    label = (random.random(BLOCK_ROWS) < retail.probability(bounces, time_on_site)).astype(np.int64)
    columns = (column[:rows].tolist() for column in (visitor, bounces, time_on_site, label))
    return "".join(["%019d,%d,%d,%d\n" % row for row in zip(*columns, strict=True)])  # noqa: UP031 - twice as fast


def _put(written: Path, path: Path) -> bool:
    try:
        os.link(written, path)  # unlike a rename, a link never replaces
    except FileExistsError:
        if path.is_file() and _same(written, path):
            return False
        found, do = "another file of that name", f"Remove {path}, or name another file."
        raise InvalidValue(expected="no file, or the same rows", found=found, where=str(path), do=do) from None
    return True


def _same(one: Path, other: Path) -> bool:
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as left, other.open("rb") as right:
        return all(mine == right.read(1 << 20) for mine in iter(lambda: left.read(1 << 20), b""))


def _check(*, rows: int, seed: int) -> None:
    if not 1 <= rows <= MAX_ROWS:
        raise InvalidValue(expected=f"1 to {MAX_ROWS} rows", found=str(rows), where="--rows-count")
    if seed < 0:
        raise InvalidValue(expected="a seed of 0 or more", found=str(seed), where="--seed")
