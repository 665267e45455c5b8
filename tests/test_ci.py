"""What CI makes of the commands it runs: what passed is a success, what failed is none, and the cluster goes down."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, list[str]]]
_SCRIPT = Path(__file__).parent.parent / ".ci/run"
_IN_PATH = ("bin/make", "bin/chromium")
_BESIDE = ("shared/cluster/up", "shared/cluster/down", "project/cluster/load-test-images")


@pytest.fixture
def run_ci(tmp_path: Path) -> Run:
    """Runs a copy of the script, where commands only write down that they were called; `failing` is one that fails."""

    def program(path: Path, failing: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f'#!/bin/bash\necho "{path.name} $*" >>{tmp_path}/called\n'
            f'[ {path.name} = up ] && echo {tmp_path}/kubeconfig\n[ "{path.name} $*" != "{failing}" ]\n'
        )
        path.chmod(0o755)

    def run(failing: str = "") -> tuple[int, list[str]]:
        project = tmp_path / "project"
        for path in _IN_PATH + _BESIDE:
            program(tmp_path / path, failing)
        (project / ".ci").mkdir()
        (project / ".ci/run").write_bytes(_SCRIPT.read_bytes())
        environment = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
        environment.pop("KUBECONFIG", None)
        command = ["bash", project / ".ci/run"]
        done = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
        return done.returncode, (tmp_path / "called").read_text().splitlines()

    return run


def test_what_passed_is_a_success_and_the_cluster_goes_down(run_ci: Run) -> None:
    status, called = run_ci()
    assert status == 0
    assert called[0] == "make install"
    assert called[-2:] == ["make test-cluster", "down "]


@pytest.mark.parametrize("failing", ["make install", "make test", "up ", "make test-cluster"])
def test_what_failed_is_no_success(run_ci: Run, failing: str) -> None:
    status, called = run_ci(failing)
    assert status != 0
    assert (called[-1] == "down ") is (failing != "make install")
