"""What can be wrong between this machine and Kubeflow Pipelines.

ReleaseError
└── BackendError
    ├── BackendUnavailable   nothing answers, or not now: it may pass
    ├── NotTheBackend        something else answers there
    ├── LoginNeeded          no token or cookie, or one that is not accepted
    ├── AccessDenied         whoever asks is known, and may not
    └── BackendRefused       it understood and would not: the API's own words are in `found`
"""

from typing import Any

from model.errors import ReleaseError


class BackendError(ReleaseError):
    """Kubeflow Pipelines did not do what was asked. `status` is the HTTP status, 0 where there was none."""

    def __init__(self, *, expected: str, found: str, where: str, do: str = "", status: int = 0) -> None:
        super().__init__(expected=expected, found=found, where=where, do=do)
        self.status = status

    def fields(self) -> dict[str, Any]:
        return {**super().fields(), "status": self.status}


class BackendUnavailable(BackendError):
    """Nothing answers, or an answer says that it does not work now."""


class NotTheBackend(BackendError):
    """What answers is not the API of Kubeflow Pipelines."""


class LoginNeeded(BackendError):
    """The API is behind a login, and what was brought does not open it."""


class AccessDenied(BackendError):
    """The account may not do this."""


class BackendRefused(BackendError):
    """The API says no, and why."""
