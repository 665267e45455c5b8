"""Who imports what at run time; import-linter holds who may import whom among our own packages."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(path for top in ("pipeline", "components", "model", "webapp") for path in (ROOT / top).rglob("*.py"))
#: Where TensorFlow may be imported.
WITH_TENSORFLOW = ("model/server/", "model/sample/", "components/validate_release/")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_only_the_server_validation_and_the_sample_import_tensorflow() -> None:
    users = {str(path.relative_to(ROOT)) for path in SOURCES if "tensorflow" in imported(path)}

    assert users
    assert all(user.startswith(WITH_TENSORFLOW) for user in users), users


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("pipeline.cli", ("tensorflow", "kfp", "rich", "numpy", "requests", "pyspark")),
        ("components.inspect_signature.inspection", ("tensorflow", "kfp", "google.cloud", "requests", "grpc")),
        ("model.prediction_client", ("tensorflow", "kfp", "grpc", "requests")),
        ("components.scoring.job", ("tensorflow", "kfp")),
        ("model.server.config", ("tensorflow", "grpc", "starlette")),
        ("webapp.application", ("tensorflow", "kfp")),
    ],
)
def test_importing_a_module_does_not_load_what_it_may_not_need(module: str, absent: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_no_file_is_longer_than_350_lines() -> None:
    assert {
        str(path): n for path in SOURCES if (n := len(path.read_text().splitlines())) > 350 and "_pb2" not in path.name
    } == {}
