"""The two services of a model."""

_CANDIDATE = "-candidate"


def candidate_name(model_name: str) -> str:
    return f"{model_name}{_CANDIDATE}"


def live_name(served_name: str) -> str:
    """The model's name, from that of either service: no model's own name ends like a candidate's."""
    return served_name.removesuffix(_CANDIDATE)
