"""What a check found, and what that means for the whole."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class State(StrEnum):
    """MISSING: also what is there and cannot be used. UNKNOWN: could not be asked. SKIPPED: nobody wanted to know."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """check: what was looked at. found, do: sentences; command: what to type for it. needed: no release without it."""

    check: str
    state: State
    found: str
    do: str = ""
    command: str = ""
    needed: bool = True

    @property
    def stands_in_the_way(self) -> bool:
        """What could not be asked is not known to be there."""
        return self.needed and self.state in (State.MISSING, State.UNKNOWN)


@dataclass(frozen=True)
class Report:
    """Of one namespace, the findings in the order in which they were made."""

    namespace: str
    findings: tuple[Finding, ...]

    @property
    def is_ready(self) -> bool:
        """Whether all that a release needs is there."""
        return bool(self.findings) and not any(each.stands_in_the_way for each in self.findings)

    def to_json(self) -> str:
        found = [asdict(each) for each in self.findings]
        return json.dumps({"ready": self.is_ready, "namespace": self.namespace, "checks": found}, ensure_ascii=False)
