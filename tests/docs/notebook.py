"""docs/release.ipynb, run as by somebody who opens it; `python -m tests.docs.notebook` writes its outputs anew."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib
import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

from model.sample.publishing import publish
from tests.kfp_standin.executing import executing
from tests.kfp_standin.server import Standin
from tests.kfp_standin.store import Store
from tests.servers import ROOT

NOTEBOOK = ROOT / "docs" / "release.ipynb"
#: Rows of the sample.
ROWS = 1000


def read() -> Any:
    """The notebook as it is committed."""
    return nbformat.read(NOTEBOOK, as_version=4)


def run(notebook: Any, directory: Path, settings: Mapping[str, str]) -> None:
    """Runs all cells, in that directory, and leaves their outputs in the notebook, up to one that raises.

    Raises:
        CellExecutionError
    """
    own = {name: value for name, value in os.environ.items() if name not in {"KUBECONFIG", *variables(notebook)}}
    # Fonts are looked up once for all; of kfp's own settings in the home directory none counts.
    environment = {**own, "MPLCONFIGDIR": matplotlib.get_cachedir(), "HOME": str(directory), **settings}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    # Through files, not ports: ours alone may speak to the kernel. A socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="kernel-") as sockets:
        transport = Config(KernelManager={"transport": "ipc", "ip": f"{sockets}/socket"})
        where = {"metadata": {"path": str(directory)}}
        NotebookClient(notebook, timeout=300, config=transport, resources=where).execute(env=environment)


def variables(notebook: Any) -> set[str]:
    """Those that it takes from the environment."""
    return set(re.findall(r'environ\.get\("(\w+)"', "\n".join(cell.source for cell in notebook.cells)))


@contextlib.contextmanager
def backend(directory: Path) -> Iterator[tuple[Standin, dict[str, str]]]:
    """A stand-in that runs the steps on this machine, with the sample in a directory in the place of a bucket.

    Yields:
        It, and the notebook's settings for it.
    """
    bucket = directory / "bucket"
    publish(str(bucket), rows=ROWS)
    with executing(directory / "home") as execute, Standin(Store(execute.clock, execute=execute)).running() as standin:
        yield standin, settings(standin, BUCKET=str(bucket), PLATFORM="local")


def settings(standin: Standin, **more: str) -> dict[str, str]:
    return {"KF_PIPELINES_ENDPOINT": standin.url, "POLL_S": "0.2", **more}


def output(notebook: Any, cell_id: str) -> str:
    """All that stands below a cell as text."""
    (cell,) = [each for each in notebook.cells if each.id == cell_id]
    texts = [each.get("text") or each.get("data", {}).get("text/plain", "") for each in cell.outputs]
    return "\n".join(texts)


def images(notebook: Any, cell_id: str) -> list[str]:
    """PNGs below a cell, in base64."""
    (cell,) = [each for each in notebook.cells if each.id == cell_id]
    return [each["data"]["image/png"] for each in cell.outputs if "image/png" in each.get("data", {})]


def for_readers(notebook: Any, *, places: Mapping[str, str]) -> Any:
    """Without what belongs to this machine and this moment. places: what stands in the place of what."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
    notebook.metadata = read().metadata
    text = nbformat.writes(notebook)
    for found, shown in places.items():
        text = text.replace(found, shown)
    return nbformat.reads(re.sub(r" at 0x[0-9a-f]+", "", text), as_version=4)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="notebook-") as temporary, backend(Path(temporary)) as (standin, given):
        notebook = read()
        run(notebook, Path(temporary), given)
        places = {standin.url: "http://localhost:8080", f"{given['BUCKET']}/": ""}
        NOTEBOOK.write_text(f"{nbformat.writes(for_readers(notebook, places=places))}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
