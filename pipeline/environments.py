"""Where a run's inputs and outputs stand on one machine, and how its parameters are given on the command line."""

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from components.platforms.local.home import Home
from model.errors import InvalidValue

#: The compiled pipeline that belongs to this source tree.
COMPILED = Path(__file__).resolve().parent.parent / "compiled" / "release_pipeline.yaml"
#: Parameters by which a pipeline of this project is known.
OURS = {"model_name", "export_uri", "rows_uri", "models_root", "predictions_uri", "platform"}
_KIND_NAMES = {"NUMBER_INTEGER": "whole number", "NUMBER_DOUBLE": "number", "BOOLEAN": "true or false"}
_OPTIONS = ("model_name", "export_uri", "rows_uri")
#: The pipeline's own defaults release the sample, with its label and a threshold. A command names the model.
NOTHING_ASKED: Mapping[str, Any] = {"label_column": "", "min_auc": 0.0}
#: The pipeline's defaults of these are the sample's too.
_FOUND = {
    **dict.fromkeys(_OPTIONS, "required"),
    "models_root": "required on a cluster, in the home on one machine",
    "predictions_uri": "by default beside the releases",
}
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


def run_parameters(
    pipeline_yaml: str, *, given: Mapping[str, str], platform: str, home: Home, settings: Sequence[str]
) -> dict[str, Any]:
    """The pipeline's parameters for a run. given: those with an option of their own (`_OPTIONS`); settings: the others,
    as PARAMETER=VALUE. On one machine releases stand in `home`, and paths are made absolute.

    Raises:
        InvalidValue: the YAML is no such pipeline, a setting names no parameter, its value is not of that type, or
            models_root is missing for a cluster.
    """
    definitions = _definitions(pipeline_yaml)
    declared = _kinds(definitions)
    check_home(home)
    parameters: dict[str, Any] = {**NOTHING_ASKED, **_mounted(definitions), **given, "platform": platform}
    if platform == "local":
        parameters["models_root"] = str(home.models)
    for setting in settings:
        name, separator, text = setting.partition("=")
        _check_setting(setting, name, declared=declared, has_value=bool(separator))
        value = typed(name, text, kind=declared[name])
        if name == "platform" and value != platform:
            do = f"Give it as --platform {value}."
            raise InvalidValue(expected=f"the platform that runs: {platform}", found=text, where="--set", do=do)
        parameters[name] = value
    if "models_root" not in parameters:
        do = "Add --set models_root=gs://BUCKET/PATH; releases are kept there, and KServe must be able to read it."
        raise InvalidValue(expected="models_root", found="none", where="--platform kubernetes", do=do)
    return {name: absolute(value) if name.endswith(("_uri", "_root")) else value for name, value in parameters.items()}


def _mounted(definitions: Mapping[str, Any]) -> dict[str, str]:
    """The volume that a pipeline was compiled for."""
    claim = definitions.get("spark_volume_claim", {}).get("defaultValue")
    return {"spark_volume_claim": claim} if claim else {}


def _check_setting(setting: str, name: str, *, declared: Mapping[str, str], has_value: bool) -> None:
    if name not in declared:
        raise _no_such_parameter(setting, name, declared)
    if not has_value:
        do = f"Write --set {name}=VALUE."
        raise InvalidValue(expected="PARAMETER=VALUE", found=repr(setting), where="--set", do=do)
    if name in _OPTIONS:
        do = f"Give it as --{name.replace('_', '-')}."
        raise InvalidValue(expected="a parameter that has no option of its own", found=name, where="--set", do=do)


def check_home(home: Home) -> None:
    """Refuses a directory whose name TensorFlow or Spark would take for a pattern.

    Raises:
        InvalidValue: it holds such characters.
    """
    if any(character in str(home.root) for character in "[]{}*?\\\n\r\t"):
        expected = "a directory without the characters [ ] { } * ? \\ and without line breaks, which would be patterns"
        raise InvalidValue(
            expected=expected, found=repr(str(home.root)), where="--home", do="Choose another directory."
        )


def declared_parameters(pipeline_yaml: str) -> dict[str, str]:
    """Parameter name -> KFP's type name, as the compiled pipeline declares them."""
    return _kinds(_definitions(pipeline_yaml))


def _kinds(definitions: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(definition["parameterType"]) for name, definition in definitions.items()}


def _definitions(pipeline_yaml: str) -> Mapping[str, Any]:
    """Parameter name -> what the compiled pipeline says of it, its type at least."""
    try:
        specification = next(_documents(pipeline_yaml))
        declared: Mapping[str, Any] = specification["root"]["inputDefinitions"]["parameters"]
        if not specification["deploymentSpec"]["executors"] or not declared.keys() >= OURS:
            raise KeyError("parameters")
        _kinds(declared)
        return declared
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, StopIteration) as error:
        do = "Make one with `savedmodel-release compile`."
        expected, found = "a pipeline compiled by this project", f"something else ({type(error).__name__})"
        raise InvalidValue(expected=expected, found=found, where="--pipeline", do=do) from error


def _documents(text: str) -> Iterator[Any]:
    """libyaml's reader is twenty times as fast, on a file that holds a hundred kilobytes of code."""
    return iter(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def described_parameters(pipeline_yaml: str) -> str:
    """One paragraph for each parameter: name, type, default and what it means, as the compiled pipeline has them. The
    default is the one that a command takes."""
    lines = []
    for name, definition in _definitions(pipeline_yaml).items():
        kind = _KIND_NAMES.get(definition["parameterType"], "text")
        given = _FOUND.get(name) or f"default {_default(name, definition)!r}"
        lines.append(f"{name} ({kind}, {given})\n    {definition.get('description', '')}")
    return "\n".join(sorted(lines))


def _default(name: str, definition: Mapping[str, Any]) -> Any:
    default = NOTHING_ASKED.get(name, definition.get("defaultValue"))
    # YAML keeps all numbers as floats.
    return int(default) if definition["parameterType"] == "NUMBER_INTEGER" and default is not None else default


def typed(name: str, text: str, *, kind: str) -> Any:
    """The text as a value of KFP's type `kind`.

    Raises:
        InvalidValue: it is none.
    """
    try:
        if kind == "NUMBER_INTEGER":
            return int(text)
        if kind == "NUMBER_DOUBLE":
            return float(text)
    except ValueError:
        expected = "a whole number" if kind == "NUMBER_INTEGER" else "a number"
        do = f"Write --set {name}=NUMBER."
        raise InvalidValue(expected=expected, found=repr(text), where=f"--set {name}", do=do) from None
    if kind == "BOOLEAN":
        if text.lower() not in (*_TRUE, *_FALSE):
            do = f"Write --set {name}=true or --set {name}=false."
            raise InvalidValue(expected="true or false", found=repr(text), where=f"--set {name}", do=do)
        return text.lower() in _TRUE
    return text


def absolute(uri: str) -> str:
    """A local path made absolute, since the steps run elsewhere; other URIs as they are."""
    if "://" in uri or not uri:
        return uri
    return os.path.abspath(os.path.expanduser(uri))  # noqa: PTH100, PTH111 - a trailing glob must stay as it is


def _no_such_parameter(setting: str, name: str, declared: Mapping[str, str]) -> InvalidValue:
    near = difflib.get_close_matches(name, declared, n=1)
    do = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(sorted(declared))}."
    return InvalidValue(
        expected="PARAMETER=VALUE with a parameter of the pipeline", found=repr(setting), where="--set", do=do
    )
