"""The pipeline on the backend: a version for each content, uploaded once."""

import hashlib
from dataclasses import dataclass
from typing import Any

import yaml

from pipeline.environments import declared_parameters
from pipeline.kubeflow.backend import Backend
from pipeline.kubeflow.errors import BackendRefused


@dataclass(frozen=True)
class Version:
    """uploaded: by this call."""

    pipeline_id: str
    version_id: str
    name: str
    uploaded: bool


def pipeline_info(pipeline_yaml: str) -> dict[str, Any]:
    """Name and description, as the compiled pipeline has them.

    Raises:
        InvalidValue: it is no pipeline of this project.
    """
    declared_parameters(pipeline_yaml)
    return dict(next(iter(yaml.safe_load_all(pipeline_yaml)))["pipelineInfo"])


def version_name(pipeline_name: str, pipeline_yaml: str) -> str:
    """The same for the same content. A backend that keeps its pipelines as Kubernetes objects wants it unique among all
    pipelines, and a DNS name."""
    return f"{pipeline_name}-{hashlib.sha256(pipeline_yaml.encode()).hexdigest()[:12]}"


def ensure(backend: Backend, pipeline_yaml: str, *, pipeline_name: str) -> Version:
    """Finds the version with this content, or uploads it. Two at once end with the same one.

    Raises:
        BackendError
    """
    info = pipeline_info(pipeline_yaml)
    pipeline_id = backend.pipeline_id(pipeline_name) or _create(backend, pipeline_name, info.get("description", ""))
    name = version_name(pipeline_name, pipeline_yaml)
    found = backend.version_id(pipeline_id, name)
    if found:
        return Version(pipeline_id, found, name, uploaded=False)
    try:
        made = backend.upload_version(pipeline_id, name=name, pipeline_yaml=pipeline_yaml)
    except BackendRefused as error:
        found = backend.version_id(pipeline_id, name) if error.status == 409 else ""
        if not found:
            raise
        return Version(pipeline_id, found, name, uploaded=False)
    return Version(pipeline_id, made, name, uploaded=True)


def _create(backend: Backend, name: str, description: str) -> str:
    try:
        return backend.create_pipeline(name, description=description)
    except BackendRefused as error:
        found = backend.pipeline_id(name) if error.status == 409 else ""
        if found:
            return found
        if error.status != 409:
            raise
        raise BackendRefused(
            expected="a pipeline name that is free, or a pipeline of that name that may be seen",
            found=error.found,
            where=name,
            do="Choose another --pipeline-name.",
            status=409,
        ) from error
