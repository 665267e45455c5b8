"""The runner's own pieces; whole runs are in test_run.py and its neighbours."""

import yaml

from pipeline.engine import without_pip
from pipeline.environments import COMPILED


def test_a_local_run_installs_nothing_and_carries_the_same_code() -> None:
    compiled = COMPILED.read_text(encoding="utf-8")

    local = without_pip(compiled)

    assert "pip install" in compiled
    assert "pip install" not in local
    for name, executor in next(iter(yaml.safe_load_all(local)))["deploymentSpec"]["executors"].items():
        original = next(iter(yaml.safe_load_all(compiled)))["deploymentSpec"]["executors"][name]
        assert original["container"]["command"][-1] == executor["container"]["command"][-1]
