"""What the tests of this step share: inspections, and staging in a process of its own that something happens to."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from components.contracts import Inspection
from components.stage_release.staging import stage
from model.errors import ReleaseError
from model.release_files import content_digest, list_release_files
from model.release_layout import Release
from model.signature import Signature
from model.storage import Blob, open_storage

PROJECT = Path(__file__).resolve().parents[3]
#: Audit events by which a process changes a directory (https://docs.python.org/3/library/audit_events.html).
CHANGES = ("os.mkdir", "os.link", "os.rename", "os.remove", "os.truncate")


def blobs(uri: str) -> list[Blob]:
    return open_storage(uri).list_blobs(uri)


def inspection_of(uri: object, *, version_hint: int = 0) -> Inspection:
    """What inspect_signature would hand over; the signature plays no part in staging."""
    digest = content_digest(list_release_files(str(uri), storage=open_storage(str(uri))))
    return Inspection(str(uri), digest, version_hint, Signature("serving_default", "", (), ()))


def start(inspection: Inspection, root: str, *, then: str = "", at: int = 0) -> "subprocess.Popen[str]":
    """Stages in a process of its own. When it is about to make its change number `at` (from 1), it is killed
    (`then="kill"`), or the file `then` is appended to."""
    command = [sys.executable, "-m", "tests.components.stage_release.staged", inspection.to_json(), root, then, str(at)]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def outcome(process: "subprocess.Popen[str]") -> Release | str:
    """The release, or the name of the error, or `killed`."""
    output, errors = process.communicate(timeout=120)
    if process.returncode == -signal.SIGKILL:
        return "killed"
    assert process.returncode == 0, errors
    answer = json.loads(output)
    return str(answer["kind"]) if "kind" in answer else Release(**answer)


def _watch(then: str, at: int) -> None:
    seen = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event not in CHANGES:
            return
        seen += 1
        if seen == at and then == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif seen == at:
            with open(then, "ab") as file:  # noqa: PTH123
                file.write(b"more")

    sys.addaudithook(hook)


def main() -> None:
    inspection, root, then, at = sys.argv[1:]
    if then:
        _watch(then, int(at))
    try:
        release = stage(Inspection.from_json(inspection), models_root=root, model_name="rpm", run_id=str(os.getpid()))
        print(release.to_json())
    except ReleaseError as error:
        print(error.to_json())


if __name__ == "__main__":
    main()
