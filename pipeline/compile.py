"""From the DAG to YAML, the same bytes every time."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Unpack

from kfp import compiler

from pipeline.environments import COMPILED
from pipeline.release_pipeline import Options, build_components, build_pipeline


def compile_pipeline(**options: Unpack[Options]) -> str:
    """The pipeline's YAML."""
    return _compile(build_pipeline(**options))


def compile_components(*, image: str = "") -> dict[str, str]:
    """Step name -> the YAML of that step as a component of its own."""
    return {name: _compile(component) for name, component in build_components(image=image).items()}


def compiled_files() -> dict[Path, str]:
    """Path below compiled/ -> what stands there: the pipeline, and each component."""
    files = {COMPILED: compile_pipeline()}
    components = compile_components()
    return files | {COMPILED.parent / "components" / f"{name}.yaml": text for name, text in components.items()}


def _compile(pipeline_or_component: Any) -> str:
    with TemporaryDirectory() as directory:
        path = Path(directory, "compiled.yaml")
        compiler.Compiler().compile(pipeline_or_component, str(path))
        return path.read_text(encoding="utf-8")
