"""The retail propensity model in plain numbers: will a visitor who has left buy on a return visit?

A logistic regression as BigQuery ML trains it on the first visits to the Google Merchandise Store.
"""

from typing import Any

import numpy as np

from model.signature import Signature, TensorSpec

LABEL = "will_buy_on_return_visit"
LABELS = ("1", "0")

INTERCEPT = 0.01615631122322876
BOUNCES_WEIGHT = -0.064803
TIME_ON_SITE_WEIGHT = 0.00016594

SIGNATURE = Signature(
    name="serving_default",
    method_name="tensorflow/serving/predict",
    inputs=(TensorSpec("bounces", "float32", (-1,)), TensorSpec("time_on_site", "float32", (-1,))),
    outputs=(
        TensorSpec(f"predicted_{LABEL}", "string", (-1, 1)),
        TensorSpec(f"{LABEL}_probs", "float64", (-1, 2)),
        TensorSpec(f"{LABEL}_values", "string", (-1, 2)),
    ),
)


def probability(bounces: np.ndarray[Any, Any], time_on_site: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """float64 [rows]: the probability that the visitor buys. `time_on_site` is in seconds."""
    logit = INTERCEPT + BOUNCES_WEIGHT * bounces + TIME_ON_SITE_WEIGHT * time_on_site
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))
