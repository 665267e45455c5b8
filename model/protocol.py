"""What TensorFlow Serving's two protocols share: names of states and statuses, and their numbers."""

#: ModelVersionStatus.State (tensorflow_serving/apis/get_model_status.proto).
STATES = {0: "UNKNOWN", 10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}
STATE_NUMBERS = {name: number for number, name in STATES.items()}

#: gRPC's status codes (google/rpc/code.proto).
CODES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)

#: Code -> HTTP status (tensorflow_serving/util/net_http/… ToHTTPStatusCode); others are 500.
HTTP_STATUSES = {
    "OK": 200,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_CODES_BY_HTTP_STATUS = {status: code for code, status in reversed(HTTP_STATUSES.items())} | {502: "UNAVAILABLE"}


def code_of_http_status(status: int) -> str:
    """The code that an HTTP status stands for; INTERNAL where it is not TensorFlow Serving's."""
    return _CODES_BY_HTTP_STATUS.get(status, "INTERNAL")


def code_name(number: int) -> str:
    return CODES[number] if 0 <= number < len(CODES) else "UNKNOWN"
