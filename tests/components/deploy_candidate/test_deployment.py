"""What no server of the platform could be asked for is refused before anything is deployed."""

import pytest

from components.deploy_candidate.deployment import refuse_unspoken
from components.platforms.kubernetes.platform import KubernetesPlatform
from components.platforms.local.platform import LocalPlatform
from model.errors import IncompatibleSignature
from model.signature import Signature, TensorSpec


def signature(dtype: str) -> Signature:
    given, answered = TensorSpec("x", "float32", (-1,), "x:0"), TensorSpec("y", dtype, (-1,), "y:0")
    return Signature("serving_default", "tensorflow/serving/predict", (given,), (answered,))


@pytest.mark.parametrize("dtype", ["float16", "uint16"])
def test_what_the_rest_api_of_tensorflow_serving_cannot_write(dtype: str) -> None:
    with pytest.raises(IncompatibleSignature, match=f"signature serving_default: .* found y .*{dtype}"):
        refuse_unspoken(signature(dtype), dtypes=KubernetesPlatform.refused_dtypes)

    refuse_unspoken(signature(dtype), dtypes=LocalPlatform.refused_dtypes)


def test_all_else_passes() -> None:
    refuse_unspoken(signature("float32"), dtypes=KubernetesPlatform.refused_dtypes)
