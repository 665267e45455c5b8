"""A recurring run, made as asked for: one of its name, no more, and none touched if nothing has changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from model.errors import InvalidValue
from pipeline.kubeflow.errors import BackendRefused
from pipeline.kubeflow.names import MOST_OF_SCHEDULE
from pipeline.kubeflow.triggers import Trigger

if TYPE_CHECKING:
    from pipeline.kubeflow.backend import Backend

#: By this a recurring run is known as one of ours: nobody else's is ever replaced.
MARK = "Made by `savedmodel-release schedule`, which replaces it when something changes."
_ACCOUNT = " Service account: "
#: Characters of the description's end, so that there is room for what goes before.
_MOST_OF_ACCOUNT = 100
UNCHANGED, CREATED, REPLACED = "unchanged", "created", "replaced"


@dataclass(frozen=True)
class Schedule:
    """What a recurring run does. description: says whose it is, and which service account was asked for, since the
    backend writes its default where none was."""

    name: str
    trigger: Trigger
    experiment_id: str
    pipeline_id: str
    version_id: str
    parameters: Mapping[str, Any]
    description: str
    service_account: str = ""

    @classmethod
    def releasing(cls, *, model_name: str, export_uri: str, service_account: str, **others: Any) -> "Schedule":
        account = _fitting(f"{_ACCOUNT}{service_account or 'the default one'}.", most=_MOST_OF_ACCOUNT)
        room = MOST_OF_SCHEDULE - len(MARK) - len(account)
        description = MARK + _fitting(f" Releases {model_name} from {export_uri}.", most=room) + account
        return cls(description=description, service_account=service_account, **others)

    @property
    def account_asked_for(self) -> str:
        """As the description has it, whatever of the rest there was room for."""
        return self.description.rpartition(_ACCOUNT)[2]


def _fitting(text: str, *, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


@dataclass(frozen=True)
class RecurringRun:
    """A schedule that the backend has."""

    identifier: str
    schedule: Schedule
    enabled: bool
    catches_up: bool = False
    at_once: int = 1

    @classmethod
    def from_api(cls, found: Any) -> "RecurringRun":
        """found: V2beta1RecurringRun.

        Raises:
            LookupError, AttributeError, TypeError: it is none.
        """
        if not found.recurring_run_id:
            raise LookupError("recurring_run_id")
        version, config = found.pipeline_version_reference, found.runtime_config
        schedule = Schedule(
            name=found.display_name or "",
            trigger=Trigger.from_api(found.trigger),
            experiment_id=found.experiment_id or "",
            pipeline_id=(version.pipeline_id if version else None) or "",
            version_id=(version.pipeline_version_id if version else None) or "",
            parameters=(config.parameters if config else None) or {},
            description=found.description or "",
            service_account=found.service_account or "",
        )
        enabled = found.mode == "ENABLE"
        return cls(found.recurring_run_id, schedule, enabled, not found.no_catchup, int(found.max_concurrency or 1))

    @property
    def is_ours(self) -> bool:
        return self.schedule.description.startswith(MARK)

    def does(self, wanted: Schedule) -> bool:
        """Whether it is what `wanted` asks for, enabled or not."""
        had = self.schedule
        same_account = not wanted.service_account or had.service_account == wanted.service_account
        as_always = not self.catches_up and self.at_once == 1
        names = ("trigger", "experiment_id", "version_id", "parameters", "account_asked_for")
        return same_account and as_always and all(getattr(had, each) == getattr(wanted, each) for each in names)


@dataclass(frozen=True)
class Outcome:
    """deleted: ids of recurring runs of that name that went."""

    action: str
    recurring_run: RecurringRun
    deleted: tuple[str, ...] = field(default=())


def put(backend: "Backend", wanted: Schedule) -> Outcome:
    """Makes it so that exactly one recurring run has this name, and does what is wanted.

    The new one is made before others go, so that a crash in between leaves one too many, never none; the next call
    puts that right. One that is disabled stays so. Of two calls at once the one that made the newest prevails.

    Raises:
        InvalidValue: one of that name is not ours.
        BackendRefused: another call prevails, and it wants something else.
        BackendError
    """
    found = ours(backend, wanted.name)
    kept = next((each for each in found if each.does(wanted)), None)
    enabled = not found or any(each.enabled for each in found)
    own = kept or backend.create_recurring_run(wanted, enabled=enabled)
    since = [] if kept else _since(backend, wanted.name, before=found)
    current = next(iter(since), own)
    others = tuple(each.identifier for each in (*since, *found) if each.identifier != current.identifier)
    for identifier in others:
        backend.delete_recurring_run(identifier)
    if current.identifier != own.identifier and not current.does(wanted):
        raise BackendRefused(
            expected="to be the only one that makes a schedule of that name",
            found="one that was made at the same time, and does something else",
            where=backend.recurring_run_link(current.identifier),
            do="That one stays. Call again for yours.",
        )
    action = UNCHANGED if kept else REPLACED if found else CREATED
    return Outcome(action, current, others)


def _since(backend: "Backend", name: str, *, before: list[RecurringRun]) -> list[RecurringRun]:
    """Those that have been made meanwhile, by whom ever, the newest first; all who ask see them in the same order.
    Their times, in whole seconds, may be the same as those of the ones that were there before."""
    known = {each.identifier for each in before}
    return [each for each in backend.recurring_runs(name) if each.identifier not in known and each.is_ours]


def ours(backend: "Backend", name: str) -> list[RecurringRun]:
    """The recurring runs of that name, the newest first.

    Raises:
        InvalidValue: one of them was made otherwise.
    """
    found = backend.recurring_runs(name)
    foreign = next((each for each in found if not each.is_ours), None)
    if foreign is not None:
        raise InvalidValue(
            expected="a name that only schedules of `savedmodel-release schedule` have",
            found=f"{name!r}, made otherwise: {backend.recurring_run_link(foreign.identifier)}",
            where="--name",
            do="Choose another --name, or delete that one in the UI.",
        )
    return found
