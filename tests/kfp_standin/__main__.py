"""The stand-in by hand: python -m tests.kfp_standin --port 8888 [--speed 20] [--fail score-batch]"""

import argparse
import contextlib
import time

from tests.kfp_standin.script import Clock, Script
from tests.kfp_standin.server import Standin
from tests.kfp_standin.store import Store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8888)
    parser.add_argument("--speed", type=float, default=20.0, help="how many times as fast as the real one")
    parser.add_argument("--fail", action="append", default=[], metavar="STEP")
    parser.add_argument("--multi-user", action="store_true")
    asked = parser.parse_args()
    log = (
        "ERROR components.reporting: {} failed. ScoringFailed: gs://b/p: expected AUC >= 0.9; found 0.6. Train again.\n"
    )
    logs = {step: log.format(step.replace("-", "_")) for step in asked.fail}
    script = Script(failing=frozenset(asked.fail), logs=logs)
    standin = Standin(Store(Clock(asked.speed), script, multi_user=asked.multi_user))
    with standin.running(port=asked.port), contextlib.suppress(KeyboardInterrupt):
        print(standin.url, flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
