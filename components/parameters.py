"""The values that a user gives to a run, checked before anything is done with them."""

import re
from collections.abc import Mapping
from pathlib import Path

from components.platform_names import PLATFORMS
from model.errors import InvalidValue

#: Room for `-candidate` within the 63 characters of a DNS label.
MAX_MODEL_NAME = 53
_MODEL_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_DNS_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
FRACTIONS = ("max_failed_rows", "min_auc", "min_accuracy")
POSITIVE = ("batch_rows", "ready_timeout_s", "scoring_timeout_s")
WHOLE = ("batch_rows", "score_index", "serving_replicas", "spark_executors", "spark_executor_cores")
#: Seconds. On a cluster a step is ended from outside a while after the longest wait in it (`pipeline.limits`), and says
#: nothing then.
LONGEST_S = {"ready_timeout_s": 3600, "scoring_timeout_s": 4 * 3600}
#: What stands for a bucket in the defaults of a pipeline that was compiled for none.
PLACEHOLDER = "gs://BUCKET/"


def check_model_name(name: str, *, platform: str = "local", namespace: str = "") -> str:
    """A name that can stand in a URL, in a path, and (on a cluster) as the name of an InferenceService.

    namespace: of the cluster; empty for that of this pod, if it is one. KServe names the candidate's host
    NAME-candidate-predictor-NAMESPACE, and where that is no DNS label, it never answers.

    Raises:
        InvalidValue: it cannot.
    """
    rule = f"letters, digits, dots, dashes and underscores, at most {MAX_MODEL_NAME}, a letter or digit first and last"
    fits = bool(_MODEL_NAME.fullmatch(name)) and len(name) <= MAX_MODEL_NAME and ".." not in name
    if platform == "kubernetes":
        rule = f"an InferenceService's name: lower-case letters, digits, dashes, at most {MAX_MODEL_NAME}"
        fits = bool(_DNS_NAME.fullmatch(name)) and len(name) <= MAX_MODEL_NAME
        room = 63 - len(f"-candidate-predictor-{namespace or _own_namespace()}")
        if fits and len(name) > room:
            rule, fits = f"at most {room} characters: KServe puts -candidate-predictor-NAMESPACE after it", False
    if not fits:
        raise InvalidValue(expected=rule, found=repr(name), where="model_name", do="Choose another name.")
    if name.endswith("-candidate"):
        do = "That ending belongs to the candidates of other models. Choose another name."
        raise InvalidValue(
            expected="a name that does not end in -candidate", found=repr(name), where="model_name", do=do
        )
    return name


def _own_namespace() -> str:
    return _NAMESPACE_FILE.read_text(encoding="utf-8").strip() if _NAMESPACE_FILE.exists() else ""


def check_parameters(parameters: Mapping[str, object]) -> None:
    """Checks the parameters that have a rule of their own, whichever of them are there.

    Raises:
        InvalidValue: naming the parameter, its value and the rule.
    """
    _check_places(str(parameters.get("rows_uri", "")), str(parameters.get("predictions_uri", "")))
    for name, value in parameters.items():
        if isinstance(value, str) and ("{{" in value or "\0" in value):
            _refuse(name, value, rule="no `{{`, which Argo would replace, and no NUL byte")
        if name in FRACTIONS and not 0 <= _number(name, value) <= 1:
            _refuse(name, value, rule="a number from 0 to 1")
        if name in POSITIVE and _number(name, value) <= 0:
            _refuse(name, value, rule="a number above 0")
        if name in WHOLE and _number(name, value) % 1:
            _refuse(name, value, rule="a whole number")
        if name in LONGEST_S and _number(name, value) > LONGEST_S[name]:
            _refuse(name, value, rule=f"at most {LONGEST_S[name]} seconds")
        if name in ("min_auc", "min_accuracy") and value and parameters.get("label_column") == "":
            rule, do = "0 where no label_column is set", "Set label_column: without labels there is nothing to measure."
            _refuse(name, value, rule=rule, do=do)
        if name == "platform" and value not in PLATFORMS:
            _refuse(name, value, rule=f"one of {', '.join(PLATFORMS)}")
        if name == "invoke_endpoint" and value not in ("yes", "no"):
            _refuse(name, value, rule="yes or no")
        if name.endswith(("_uri", "_root")) and not str(value).strip():
            _refuse(name, value, rule="a path or a gs:// URI")
        if str(value).startswith(PLACEHOLDER):
            _refuse(name, value, rule="the name of your bucket in the place of BUCKET", do="Write it there.")


def _check_places(rows_uri: str, predictions_uri: str) -> None:
    """Refuses rows that the predictions would replace."""
    rows, root = rows_uri.rstrip("/"), predictions_uri.rstrip("/")
    for result in (f"{root}/predictions", f"{root}/failed_rows"):
        if rows and root and (rows == result or rows.startswith(f"{result}/")):
            _refuse("rows_uri", rows_uri, rule=f"rows outside {result}, which the run replaces")


def _number(name: str, value: object) -> float:
    if isinstance(value, int | float):
        return float(value)
    return _refuse(name, value, rule="a number")


def _refuse(name: str, value: object, *, rule: str, do: str = "Correct it.") -> float:
    raise InvalidValue(expected=rule, found=repr(value), where=f"parameter {name}", do=do)
