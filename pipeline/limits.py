"""How long a run and its steps may take on a cluster, before they are ended from outside.

A step that is ended so leaves no word of what it waited for. So each gets more than the longest waits in it, which end
with an explanation. Its time counts from when its pod has a node; that it never gets one only the run's deadline ends.
"""

from components.parameters import LONGEST_S
from components.platforms.kubernetes.spark import START_S

#: A run that takes longer is ended.
DEADLINE_S = 8 * 3600
#: For installing packages, copying, and what has no wait of its own.
_ROOM_S = 1800
_READY_S, _SCORING_S = LONGEST_S["ready_timeout_s"], LONGEST_S["scoring_timeout_s"]

STEP_TIMEOUTS_S = {
    "inspect_signature": _ROOM_S,
    "stage_release": 4 * _ROOM_S,
    "validate_release": _READY_S + _ROOM_S,
    "deploy_candidate": _READY_S + _ROOM_S,
    "score_batch": int(START_S) + _SCORING_S + _ROOM_S,
    "smoke_test_webapp": _READY_S + _ROOM_S,
    "promote_release": 2 * _READY_S + _ROOM_S,  # until it serves, and until it answers as expected
    "finish_release": _ROOM_S,
}
