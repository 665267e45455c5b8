"""Directories as Spark sees them."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from components.scoring.hadoop import HadoopFiles
from tests.components.scoring.conftest import PYSPARK_LEAVES_SOCKETS

pytestmark = PYSPARK_LEAVES_SOCKETS

DAY_S = 86_400
NOW = int(time.time())
LONG_AGO = NOW - 3 * DAY_S


@pytest.mark.parametrize(
    ("name", "touched", "stays"),
    [
        pytest.param(f".scoring-{LONG_AGO}-0a1b", NOW, False, id="its name is old"),
        pytest.param(f".scoring-{NOW}-0a1b", LONG_AGO, True, id="its name is new"),
        pytest.param(f".scoring-{NOW}-0a1b", 0, True, id="its name is new, on a store that keeps no time"),
        pytest.param(f".scoring-{LONG_AGO}-0a1b", 0, False, id="its name is old, on a store that keeps no time"),
        pytest.param(".scoring-1234567890ab", 0, True, id="nothing tells how old it is"),
        pytest.param(".scoring-1234567890ab", LONG_AGO, False, id="it was touched long ago"),
        pytest.param("predictions", LONG_AGO, True, id="another prefix"),
    ],
)
def test_only_what_is_known_to_be_old_is_deleted(
    spark: Any, tmp_path: Path, name: str, touched: int, stays: bool
) -> None:
    (tmp_path / name).mkdir()
    os.utime(tmp_path / name, (touched, touched))

    HadoopFiles(spark).delete_older(str(tmp_path), prefix=".scoring-", age_s=DAY_S)

    assert (tmp_path / name).exists() == stays
