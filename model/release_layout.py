"""The layout of releases: pure functions from names to URIs, and the record that makes a release a release.

    <models_root>/<model_name>/releases/<version>/release.json              written last: it makes the release
    <models_root>/<model_name>/releases/<version>/claim.json                written first: it takes the version number
    <models_root>/<model_name>/releases/<version>/<version>/saved_model.pb  copied last among the model's files
    <models_root>/<model_name>/releases/<version>/<version>/variables/...

`releases/<version>` is a TensorFlow Serving base path with exactly one version, and the InferenceService's storageUri.
"""

from dataclasses import dataclass

from model import json_codec
from model.signature import Signature

RECORD_NAME = "release.json"
CLAIM_NAME = "claim.json"


@dataclass(frozen=True)
class Release:
    """A staged, immutable release. `digest` is `sha256:<hex>` over its files; `uri` is the base path (storageUri)."""

    model_name: str
    version: int
    digest: str
    uri: str

    def to_json(self) -> str:
        return json_codec.to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Release":
        return json_codec.from_json(cls, text)


@dataclass(frozen=True)
class ReleasedFile:
    """One file of a release: path below the version directory, bytes, and CRC-32C as GCS spells it (base64)."""

    path: str
    size: int
    crc32c: str


@dataclass(frozen=True)
class ReleaseRecord:
    """What `release.json` holds. `signatures` are all of the SavedModel's; `created_at` is RFC 3339 in UTC."""

    release: Release
    signatures: tuple[Signature, ...]
    files: tuple[ReleasedFile, ...]
    source_uri: str
    run_id: str
    created_at: str

    def to_json(self) -> str:
        return json_codec.to_json(self, indent=2)

    @classmethod
    def from_json(cls, text: str | bytes) -> "ReleaseRecord":
        return json_codec.from_json(cls, text)


def releases_uri(models_root: str, model_name: str) -> str:
    return f"{models_root.rstrip('/')}/{model_name}/releases"


def release_uri(models_root: str, model_name: str, version: int) -> str:
    return f"{releases_uri(models_root, model_name)}/{version}"


def model_dir_uri(release: Release) -> str:
    """The directory that holds `saved_model.pb`."""
    return f"{release.uri}/{release.version}"


def record_uri(uri: str) -> str:
    return f"{uri}/{RECORD_NAME}"
