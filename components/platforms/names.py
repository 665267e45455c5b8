"""What the objects of a model are called."""

_CANDIDATE = "-candidate"
#: On what a run makes for a model beside its services, so that a later run finds it.
MODEL_LABEL = "savedmodel-release/model"
#: The Secret with `token` and `ca.crt` for the models' endpoints, where one is needed.
ACCESS_SECRET = "savedmodel-release-endpoint"


def candidate_name(model_name: str) -> str:
    return f"{model_name}{_CANDIDATE}"


def live_name(served_name: str) -> str:
    """The model's name, from that of either service: no model's own name ends like a candidate's."""
    return served_name.removesuffix(_CANDIDATE)


#: Where the pods of a run that has its rows on a volume mount that.
DATA = "/mnt/data"
