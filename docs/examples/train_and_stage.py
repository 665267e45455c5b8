"""A training pipeline of somebody else's that ends in a staged, validated release.

It takes three components of savedmodel-release from their files: what they need they carry. The service account of the
run needs no right but to the bucket. Compile it, and upload what that gives:

    python docs/examples/train_and_stage.py train_and_stage.yaml
"""

import sys
from pathlib import Path

from kfp import compiler, components, dsl

COMPONENTS = Path(__file__).resolve().parents[2] / "compiled" / "components"

inspect_signature = components.load_component_from_file(str(COMPONENTS / "inspect_signature.yaml"))
stage_release = components.load_component_from_file(str(COMPONENTS / "stage_release.yaml"))
validate_release = components.load_component_from_file(str(COMPONENTS / "validate_release.yaml"))


@dsl.component(base_image="python:3.11-slim", packages_to_install=["tensorflow==2.21.0"])
def train(exports_uri: str) -> str:
    """Stands for a training of your own: it ends in a SavedModel, and says where that is."""
    import time

    import tensorflow as tf

    class Doubling(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = tf.Variable(2.0)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def serve(self, x: tf.Tensor) -> dict:
            return {"y": self.factor * x}

    model = Doubling()
    export_uri = f"{exports_uri}/{int(time.time())}"
    tf.saved_model.save(model, export_uri, signatures={"serving_default": model.serve})
    return export_uri


@dsl.pipeline(name="train-and-stage")
def train_and_stage(model_name: str, exports_uri: str, rows_uri: str, models_root: str, platform: str = "kubernetes"):
    trained = train(exports_uri=exports_uri).set_caching_options(False)
    inspected = inspect_signature(export_uri=trained.output).set_caching_options(False)
    staged = stage_release(
        inspection=inspected.outputs["inspection"],
        models_root=models_root,
        model_name=model_name,
        run_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        platform=platform,
    ).set_caching_options(False)
    validate_release(
        release=staged.outputs["release"], inspection=inspected.outputs["inspection"], rows_uri=rows_uri
    ).set_caching_options(False)


if __name__ == "__main__":
    compiler.Compiler().compile(train_and_stage, sys.argv[1])
