"""Does the staged model load, and answer as its signature says?"""

import json
import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.contracts import Expectations
from components.rows.sample import read_sample
from components.validate_release.child import Child
from model.dtypes import COLUMN_DTYPES
from model.errors import ValidationFailed
from model.release_layout import Release, model_dir_uri
from model.signature import Signature
from model.storage import download
from model.tensor_json import array_to_json

log = logging.getLogger(__name__)


def validate(
    release: Release, *, signature: Signature, rows_uri: str, timeout_s: float, sample_rows: int = 16
) -> Expectations:
    """Calls the staged model with the first rows, in a process of its own: what kills the model kills that one only.

    timeout_s: for loading and answering, TensorFlow's start included.

    Raises:
        ValidationFailed: the model does not load, ends its process, or answers otherwise than its signature says.
        RowsMismatch: the rows do not fit the signature.
    """
    where = f"{release.model_name} version {release.version} at {model_dir_uri(release)}"
    _check_outputs(signature, where=where)
    with tempfile.TemporaryDirectory() as directory, Child(where=where) as child:
        # The child imports TensorFlow meanwhile.
        sample = read_sample(rows_uri, signature, sample_rows)
        inputs = {name: array_to_json(array) for name, array in sample.items()}
        rows = len(next(iter(sample.values())))
        model = download(model_dir_uri(release), Path(directory))
        outputs = child.ask(model, signature=signature, inputs=inputs, rows=rows, timeout_s=timeout_s)
    log.info("%s answers %d rows as its signature says", where, rows)
    for name in _binary(signature, outputs):
        log.warning(
            "output %s holds bytes that are no UTF-8: TensorFlow Serving's JSON needs it named %s_bytes", name, name
        )
    return Expectations(signature=signature, rows=rows, inputs=inputs, outputs=outputs)


def _binary(signature: Signature, outputs: Mapping[str, Any]) -> list[str]:
    """Names of outputs that TensorFlow Serving would send as broken JSON: it takes base64 by the name alone
    (https://www.tensorflow.org/tfx/serving/api_rest#encoding_binary_values), where our own server goes by the value."""
    strings = [spec.name for spec in signature.outputs if spec.dtype == "string" and not spec.name.endswith("_bytes")]
    return [name for name in strings if '{"b64": ' in json.dumps(outputs[name])]


def _check_outputs(signature: Signature, *, where: str) -> None:
    strange = [str(spec) for spec in signature.outputs if spec.dtype not in COLUMN_DTYPES]
    if strange:
        raise ValidationFailed(
            expected=f"outputs that a column can hold ({', '.join(COLUMN_DTYPES)})",
            found=", ".join(strange),
            where=where,
            do=f"Cast them, or export a signature beside {signature.name} that leaves them out.",
        )
