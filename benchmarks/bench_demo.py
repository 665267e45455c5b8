"""The demo's seconds by step: a first release into a new home, and the same again when it is already live."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

CLI = str(Path(sys.executable).parent / "savedmodel-release")


def run(home: Path, sample: Path) -> dict[str, float]:
    """Seconds by step of one release of the sample."""
    command = [CLI, "run", "--json", "--home", str(home), "--model-name", "rpm"]
    command += ["--export-uri", str(sample / "export"), "--rows-uri", str(sample / "visits.csv")]
    done = subprocess.run(
        [*command, "--set", "label_column=will_buy_on_return_visit"], check=True, capture_output=True, text=True
    )
    seconds: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])["seconds"]
    return seconds


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        sample = Path(directory, "sample")
        build = [
            sys.executable,
            "-m",
            "model.sample",
            "--export",
            str(sample / "export"),
            "--rows",
            str(sample / "visits.csv"),
        ]
        subprocess.run(build, check=True)
        first, again = run(Path(directory, "home"), sample), run(Path(directory, "home"), sample)
    print("\ndemo, 1,000 rows: seconds by step    first release    already live")
    for step in first:
        print(f"  {step:34} {first[step]:13.1f} {again.get(step, 0.0):15.1f}")


if __name__ == "__main__":
    main()
