"""Signatures that expect serialized tf.Example messages instead of columns."""

from model.savedmodel import SavedModel
from model.signature import Signature

#: Operations that take serialized examples apart.
PARSERS = frozenset(
    f"Parse{kind}"
    for kind in (
        "Example",
        "ExampleV2",
        "SingleExample",
        "SequenceExample",
        "SequenceExampleV2",
        "SingleSequenceExample",
    )
)
#: Methods that TensorFlow Serving calls with a list of tf.Example.
_EXAMPLE_METHODS = ("tensorflow/serving/classify", "tensorflow/serving/regress")
_EXAMPLE_INPUT = "examples"


def needs_examples(signature: Signature, saved_model: SavedModel) -> bool:
    """Whether the one input of the signature is a string of serialized tf.Example.

    Told by its method, or by the graph: what the signature asks for is computed by parsing examples. A text column of a
    model that has another signature for examples is none.
    """
    if len(signature.inputs) != 1 or signature.inputs[0].dtype != "string":
        return False
    if signature.method_name in _EXAMPLE_METHODS:
        return True
    served = saved_model.served
    parsers = {(function, node.name) for function, node in served.graph.everywhere() if node.op in PARSERS}
    if not parsers:
        return False
    if signature.inputs[0].name == _EXAMPLE_INPUT:
        return True
    return not parsers.isdisjoint(served.graph.reached(served.fetches.get(signature.name, ())))
