"""How long names may be. The backend answers 400 to a longer one, or 500 where its database has no room for it; for a
schedule it does so when the cluster has got that already, which then goes on without being known to the API.
"""

from model.errors import InvalidValue

#: Characters, of a schedule's name and of its description.
MOST_OF_SCHEDULE = 255
#: Bytes.
MOST_OF_EXPERIMENT, MOST_OF_PIPELINE, MOST_OF_VERSION = 128, 128, 127


def check_schedule(name: str) -> None:
    """
    Raises:
        InvalidValue
    """
    _check(len(name), most=MOST_OF_SCHEDULE, unit="characters", where="--name")


def check_experiment(name: str) -> None:
    """
    Raises:
        InvalidValue
    """
    _check(len(name.encode()), most=MOST_OF_EXPERIMENT, unit="bytes", where="--experiment")


def check_pipeline(name: str, *, version_name: str) -> None:
    """version_name: begins with the pipeline's.

    Raises:
        InvalidValue
    """
    length = len(name.encode())
    added = len(version_name.encode()) - length
    _check(length, most=min(MOST_OF_PIPELINE, MOST_OF_VERSION - added), unit="bytes", where="--pipeline-name")


def _check(length: int, *, most: int, unit: str, where: str) -> None:
    if length > most:
        do = "Choose a shorter one."
        raise InvalidValue(expected=f"a name of {most} {unit} at most", found=f"{length} {unit}", where=where, do=do)
