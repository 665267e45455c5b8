"""Turning a step's plain function into a KFP component that carries its own code, byte for byte the same each time."""

import ast
import base64
import functools
import io
import lzma
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from kfp import dsl

from components import job_digest
from components.handing_on import handing_on
from components.images import PYTHON_IMAGE, packages_to_install

ROOT = Path(__file__).resolve().parent.parent
FIRST_PARTY = ("components", "model")
#: On one machine this project is installed: what only one machine needs does not travel. Nor does the Spark job: it is
#: larger than the limit, and Spark has to have an image of its own anyway: the public one lacks pyarrow and grpcio.
NOT_CARRIED = ("components.platforms.local", "components.scoring", "model.local_storage")
#: A larger archive would break the 128 KiB limit of a KFP driver's argument, or Kubernetes' limit for a Workflow.
MAX_ARCHIVE_BYTES = 20 * 1024

_ARCHIVE = re.compile(r"(__KFP_EMBEDDED_ARCHIVE_B64 = ')[^']*(')")
#: KFP opens its archive as gzip; xz holds the same code in a tenth less.
_OPENED, _OPENED_AS_XZ = "mode='r:gz'", "mode='r:xz'"
#: Settings that suit source code; the check sum is the shortest that detects a damaged archive.
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 3, "lp": 0, "pb": 0}]


def as_component(function: Callable[..., Any], *, image: str = "") -> Any:
    """Makes a KFP component of a step's function, which carries all of the step's code.

    image: a prebuilt image that holds all packages; empty for the public Python image, into which the step installs its
    pinned packages when it starts. The step's code is embedded either way.
    """
    return _component(function, carried_files(function.__module__), image=image)


def as_chain(functions: Sequence[Callable[..., Any]], *, image: str = "") -> dict[str, Any]:
    """Makes KFP components, by their names, of the functions of steps that run one after another: each takes the code
    of those before it as the artifact CODE, carries what it needs beyond, and but for the last gives ONWARD."""
    made, handed = dict[str, Any](), dict[str, bytes]()
    for function in functions:
        files = carried_files(function.__module__)
        chained = handing_on(function, takes=bool(made), gives=function is not functions[-1])
        own = {name: content for name, content in files.items() if name not in handed}
        made[function.__name__] = _component(chained, own, image=image)
        handed |= files
    return made


def _component(function: Callable[..., Any], files: dict[str, bytes], *, image: str) -> Any:
    step = function.__name__
    archive = pack(files)
    if len(archive) > MAX_ARCHIVE_BYTES:
        raise ValueError(
            f"{step} carries {len(archive)} bytes of code; at most {MAX_ARCHIVE_BYTES} reach a cluster safely"
        )
    with tempfile.TemporaryDirectory() as placeholder:
        component = dsl.component(
            function,
            base_image=image or PYTHON_IMAGE,
            packages_to_install=[] if image else packages_to_install(step),
            install_kfp_package=not image,
            embedded_artifact_path=placeholder,
        )
    container = component.component_spec.implementation.container
    # KFP's own archive holds times and owners; ours replaces it, so that the same code compiles to the same bytes.
    container.command = [_carrying(archive, part) for part in container.command]
    return component


def _carrying(archive: bytes, part: str) -> str:
    if "__KFP_EMBEDDED_ARCHIVE_B64 = " not in part:
        return part
    if _OPENED not in part:
        raise ValueError(f"this KFP opens its embedded archive otherwise than by {_OPENED}")
    source = _without_prose(part.replace(_OPENED, _OPENED_AS_XZ))
    return _ARCHIVE.sub(rf"\g<1>{_base64(archive)}\g<2>", source)


def _without_prose(source: str) -> str:
    """Without comments and docstrings, which KFP has read by now. A Workflow's status repeats all that a step carries,
    and is small enough only while gzip sees the repetition, within 32 KB."""
    module = ast.parse(source)
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
            del node.body[0]
    return ast.unparse(module)


def carried_files(module: str) -> dict[str, bytes]:
    """Path below the project's root -> content, of all that a step carries."""
    files = import_closure(module)
    if "components/job_digest.py" in files:
        files[f"components/{job_digest.NAME}"] = job_digest.digest().encode()
    return files


def import_closure(module: str) -> dict[str, bytes]:
    """Path below the project's root -> content, of every first-party module that `module` may import, also inside
    functions, but for NOT_CARRIED. Found by reading the sources, not by importing them."""
    found: dict[str, bytes] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = None if name.startswith(NOT_CARRIED) else _source(name)
        if path is None or str(path.relative_to(ROOT)) in found:
            continue
        found[str(path.relative_to(ROOT))] = minified(path.read_text(encoding="utf-8")).encode()
        waiting += [*_parents(name), *_imports(path)]
    found.pop(str(Path(*module.split(".")).with_suffix(".py")))  # the shell itself: KFP carries its function
    return found


@functools.cache
def minified(source: str) -> str:
    """The same program without comments, docstrings and annotations of functions, and with short local names: two
    thirds as much to carry. Files, functions and attributes keep their names, so a traceback still says where."""
    from python_minifier import RemoveAnnotationsOptions, minify

    annotations = RemoveAnnotationsOptions(
        remove_variable_annotations=True,
        remove_return_annotations=True,
        remove_argument_annotations=True,
        remove_class_attribute_annotations=False,  # dataclasses and their JSON codec read these
    )
    return minify(source, remove_literal_statements=True, hoist_literals=False, remove_annotations=annotations)


def _source(module: str) -> Path | None:
    base = ROOT.joinpath(*module.split("."))
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def _parents(module: str) -> Iterator[str]:
    parts = module.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts)))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in FIRST_PARTY)


def pack(files: dict[str, bytes]) -> bytes:
    """A tar.xz of the files that depends on their names and contents alone."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size = len(files[name])
            member.mode = 0o644
            archive.addfile(member, io.BytesIO(files[name]))
    return lzma.compress(buffer.getvalue(), check=lzma.CHECK_CRC32, filters=_FILTERS)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
