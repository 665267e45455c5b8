"""Everything that can be wrong with a release, as one small tree.

ReleaseError
├── InvalidValue            a name, URI, number, column or file that a user gave
├── NotASavedModel          the export is none, or is damaged
├── SignatureNotFound
├── UnsafeOperations        the graph reads or writes files, or runs code, at serving time
├── StorageError            the store refused, or does not answer
│   └── SourceChanged       the export changed while it was read or copied
├── ValidationFailed        the model does not load, or does not answer as its signature says
├── IncompatibleSignature   the live service's callers would break
├── ServingFailed           a model server did not come to serve, or stopped answering
│   └── PredictionFailed    a call was refused or not answered
├── RowsMismatch            the rows do not fit the signature
├── ScoringFailed           too many failed rows, a metric below its threshold, or Spark failed
├── SmokeTestFailed
├── PromotionFailed         the former release has been restored
└── ReleaseInProgress       another run holds this model
"""

import json
from typing import Any


class ReleaseError(Exception):
    """A release was refused, or failed, for a reason that its reader can act on.

    The message is one paragraph: what was expected, what was found, where, and what to do. The four stay
    available as fields.
    """

    def __init__(self, *, expected: str, found: str, where: str, do: str = "") -> None:
        self.expected, self.found, self.where, self.do = expected, found, where, do
        super().__init__(expected, found, where, do)

    def __str__(self) -> str:
        sentence = f"{self.where}: expected {self.expected}; found {self.found}."
        return f"{sentence} {self.do}".rstrip()

    def to_json(self) -> str:
        """The error as one JSON object: `kind`, the four fields, and `message`."""
        return json.dumps({"kind": type(self).__name__, **self.fields(), "message": str(self)})

    def fields(self) -> dict[str, Any]:
        return {"expected": self.expected, "found": self.found, "where": self.where, "do": self.do}


class InvalidValue(ReleaseError):
    """A value that a user gave breaks a rule; nothing has been changed yet."""


class NotASavedModel(ReleaseError):
    """No SavedModel stands there, or its bytes are damaged."""


class SignatureNotFound(ReleaseError):
    """The SavedModel has no signature of that name."""


class UnsafeOperations(ReleaseError):
    """The graph holds operations that touch files or run code when it is served."""


class StorageError(ReleaseError):
    """A store refused an operation, or did not answer within its deadline."""


class SourceChanged(StorageError):
    """The export changed while it was read or copied."""


class ValidationFailed(ReleaseError):
    """The model, called in process, does not load or does not answer as its signature says."""


class IncompatibleSignature(ReleaseError):
    """The new signature would break the callers of the live service."""


class ServingFailed(ReleaseError):
    """A model server did not come to serve a model, or stopped answering."""


class PredictionFailed(ServingFailed):
    """A prediction call was refused or not answered. `code` is the gRPC status name, such as `INVALID_ARGUMENT`."""

    def __init__(self, *, code: str, expected: str, found: str, where: str, do: str = "") -> None:
        super().__init__(expected=expected, found=found, where=where, do=do)
        self.code = code


class RowsMismatch(ReleaseError):
    """The rows lack a column that the signature needs, or hold another type."""


class ScoringFailed(ReleaseError):
    """Spark failed, too many rows failed, or a metric is below its threshold."""


class SmokeTestFailed(ReleaseError):
    """The web application is not served, or answers other than the model."""


class PromotionFailed(ReleaseError):
    """The live service did not come to serve the release; the former release has been restored."""


class ReleaseInProgress(ReleaseError):
    """Another run is releasing this model now."""
