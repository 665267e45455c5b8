"""The pipeline on the backend: a version for each content, uploaded once."""

from dataclasses import dataclass

from pipeline.kubeflow.backend import Backend
from pipeline.kubeflow.compiled import Compiled
from pipeline.kubeflow.errors import BackendRefused


@dataclass(frozen=True)
class Version:
    """uploaded: by this call."""

    pipeline_id: str
    version_id: str
    name: str
    uploaded: bool


def ensure(backend: Backend, compiled: Compiled, *, pipeline_name: str) -> Version:
    """Finds the version with this content, or uploads it. Two at once end with the same one.

    Raises:
        BackendError
    """
    pipeline_id = backend.pipeline_id(pipeline_name) or _create(backend, pipeline_name, compiled.description)
    name = compiled.version_name(pipeline_name)
    found = backend.version_id(pipeline_id, name)
    if found:
        return Version(pipeline_id, found, name, uploaded=False)
    try:
        made = backend.upload_version(pipeline_id, name=name, pipeline_yaml=compiled.text)
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
            do="Choose another --pipeline-name; case and accents make no other one.",
            status=409,
        ) from error
