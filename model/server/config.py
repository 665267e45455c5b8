"""TensorFlow Serving's models.config: which models a server serves, from where, and in which versions.

model_config_list {
  config {
    name: "rpm" base_path: "/models/rpm/releases/36" model_platform: "tensorflow"
    model_version_policy { specific { versions: 36 } }
    version_labels { key: "stable" value: 36 }
  }
}
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from google.protobuf import text_format

from model.errors import InvalidValue
from model.protos import config_pb2

PLATFORM = "tensorflow"


@dataclass(frozen=True)
class ServedModel:
    """One model of a configuration.

    base_path: the absolute path of a directory with a numeric directory for each version.
    versions: those to serve; empty for the `latest` highest ones found, where `latest` 0 means all.
    labels: label -> version.
    """

    name: str
    base_path: str
    versions: tuple[int, ...] = ()
    latest: int = 1
    labels: Mapping[str, int] = field(default_factory=dict)


def format_config(models: Iterable[ServedModel]) -> str:
    """The configuration's text. Without models it is an empty list, which unloads all; an empty text would not."""
    message = config_pb2.ModelServerConfig()
    message.model_config_list.SetInParent()
    for model in models:
        config = message.model_config_list.config.add(
            name=model.name, base_path=model.base_path, model_platform=PLATFORM, version_labels=model.labels
        )
        if model.versions:
            config.model_version_policy.specific.versions.extend(model.versions)
        elif model.latest == 0:
            config.model_version_policy.all.SetInParent()
        elif model.latest != 1:
            config.model_version_policy.latest.num_versions = model.latest
    return text_format.MessageToString(message)


def parse_config(text: str, *, where: str = "models.config") -> tuple[ServedModel, ...]:
    """The models of a configuration; none where it is empty.

    Raises:
        InvalidValue: the text is no configuration, or a model in it cannot be served.
    """
    models = tuple(_served_model(config, where=where) for config in _parse(text, where=where).model_config_list.config)
    names = [model.name for model in models]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InvalidValue(expected="each model once", found=f"{', '.join(repeated)} repeated", where=where)
    return models


def takes_no_action(text: str, *, where: str = "models.config") -> bool:
    """Whether the text has no list of models at all: TensorFlow Serving then leaves everything as it is.

    Raises:
        InvalidValue: the text is no configuration.
    """
    return not _parse(text, where=where).HasField("model_config_list")


def _parse(text: str, *, where: str) -> config_pb2.ModelServerConfig:
    try:
        return text_format.Parse(text, config_pb2.ModelServerConfig())
    except text_format.ParseError as error:
        raise InvalidValue(
            expected="a ModelServerConfig in protobuf's text format", found=str(error), where=where
        ) from error


def _served_model(config: config_pb2.ModelConfig, *, where: str) -> ServedModel:
    _check(config, where=f"{where}, model {config.name!r}")
    policy = config.model_version_policy
    chosen = policy.WhichOneof("policy_choice")
    return ServedModel(
        name=config.name,
        base_path=config.base_path.removeprefix("file://"),
        versions=tuple(sorted(policy.specific.versions)),
        latest=0 if chosen == "all" else policy.latest.num_versions or 1,
        labels=dict(config.version_labels),
    )


def _check(config: config_pb2.ModelConfig, *, where: str) -> None:
    if not config.name or set(config.name) & set("/:"):
        raise InvalidValue(expected="a name without / and :", found=repr(config.name), where=where)
    check_base_path(config.base_path, where=where)
    if config.model_platform not in ("", PLATFORM):
        found = f"model_platform {config.model_platform!r}"
        raise InvalidValue(expected=f"the platform {PLATFORM!r}", found=found, where=where)
    policy = config.model_version_policy
    if policy.WhichOneof("policy_choice") == "specific" and not policy.specific.versions:
        raise InvalidValue(expected="versions in the policy `specific`", found="none", where=where)


def check_base_path(path: str, *, where: str) -> None:
    """Raises:
    InvalidValue: not an absolute path of this machine.
    """
    if not path.removeprefix("file://").startswith("/"):
        raise InvalidValue(
            expected="a base path that is an absolute path on this machine",
            found=repr(path),
            where=where,
            do="Copy the model here first; only TensorFlow Serving itself reads from object stores.",
        )
