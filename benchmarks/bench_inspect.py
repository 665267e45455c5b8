"""`savedmodel-release inspect` against `saved_model_cli show --all`, each a process of its own on the sample model."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROUNDS = 3
BIN = Path(sys.executable).parent


def commands(export: Path) -> dict[str, list[str]]:
    return {
        "saved_model_cli show --all": [str(BIN / "saved_model_cli"), "show", "--all", "--dir", str(export)],
        "savedmodel-release inspect": [str(BIN / "savedmodel-release"), "inspect", str(export)],
    }


def seconds(command: Sequence[str]) -> float:
    """Wall time of one run of the command."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def measure(export: Path, *, rounds: int = ROUNDS) -> dict[str, float]:
    """Median seconds of each command, of rounds in which they take turns; one round before them fills the caches."""
    for command in commands(export).values():
        seconds(command)
    taken = [[seconds(command) for command in commands(export).values()] for _ in range(rounds)]
    return dict(zip(commands(export), map(statistics.median, zip(*taken, strict=True)), strict=True))


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        export = Path(directory, "export")
        sample = [sys.executable, "-m", "model.sample", "--export", str(export), "--rows", f"{directory}/visits.csv"]
        subprocess.run(sample, check=True, capture_output=True)
        medians = measure(export)
    print(f"\ninspecting the sample model: medians of {ROUNDS} interleaved rounds, process start included")
    baseline = next(iter(medians.values()))
    for name, median in medians.items():
        print(f"  {name:30} {median:7.3f} s {baseline / median:8.1f} x")


if __name__ == "__main__":
    main()
