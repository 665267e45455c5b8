"""The parameters of a run on Kubeflow Pipelines, checked before anything is sent."""

from collections.abc import Mapping, Sequence
from typing import Any

from components.platforms.local.home import Home
from model.errors import InvalidValue
from pipeline.engine import RunRequest
from pipeline.environments import run_parameters
from pipeline.kubeflow.compiled import Compiled
from pipeline.on_cluster import check_for_cluster

#: Nothing of a run on a backend stands on this machine.
_NO_HOME = Home.at("/")


def release_parameters(compiled: Compiled, *, given: Mapping[str, str], settings: Sequence[str]) -> dict[str, Any]:
    """Typed as the pipeline declares them. given: those with an option of their own; settings: PARAMETER=VALUE. Where
    no predictions_uri is set it is models_root/model_name/predictions.

    Raises:
        InvalidValue: the YAML is no pipeline of ours, or a parameter is missing, unknown, of another type, breaks a
            rule, or stands for something that no pod can read.
    """
    local = next(
        (each for each in settings if each.partition("=")[0] == "platform" and each != "platform=kubernetes"), ""
    )
    if local:
        do = "Leave it out; a release on this machine is `savedmodel-release run`."
        raise InvalidValue(expected="platform=kubernetes", found=local, where="--set", do=do)
    names = {each.partition("=")[0] for each in settings}
    parameters = run_parameters(compiled.text, given=given, platform="kubernetes", home=_NO_HOME, settings=settings)
    if "predictions_uri" not in names:
        root = str(parameters["models_root"]).rstrip("/")
        parameters["predictions_uri"] = f"{root}/{given['model_name']}/predictions"
    _check_complete(compiled.required - parameters.keys())
    check_for_cluster(RunRequest(compiled.text, parameters, _NO_HOME))
    return parameters


def _check_complete(missing: frozenset[str]) -> None:
    if missing:
        name = min(missing)
        do = f"Add --set {name}=VALUE."
        raise InvalidValue(expected=f"a value for {', '.join(sorted(missing))}", found="none", where="--set", do=do)
