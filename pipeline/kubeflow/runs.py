"""A run of Kubeflow Pipelines, as much of it as following it needs.

What the API calls task details are nodes of the workflow engine, five for each step:

    NAME-driver ─▶ NAME-driver(0)       decides whether the step runs; a pod
    NAME ─▶ executor ─▶ executor(0)     the step; the last is its pod

and others for the run, for groups and for the exit handler. A node names its children (`child_tasks[].pod_name`) by
node id, WORKFLOW-NUMBER, and itself not at all; the pod of that node is WORKFLOW-TEMPLATE-NUMBER.
"""

import datetime
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

PENDING, RUNNING, SUCCEEDED, FAILED, SKIPPED = "PENDING", "RUNNING", "SUCCEEDED", "FAILED", "SKIPPED"
CANCELED, CANCELING = "CANCELED", "CANCELING"
#: kfp.Client does not count CANCELED among them.
FINAL = (SUCCEEDED, FAILED, SKIPPED, CANCELED)
#: Those after which somebody may have it go on.
_AT_REST = frozenset({SUCCEEDED, FAILED, SKIPPED, None})
#: The templates whose pods do something; their logs say why.
_POD_TEMPLATES = ("system-container-impl", "system-container-driver", "system-dag-driver")
_NO_STEP = re.compile(
    r"(root|executor|exit-handler-\d+|condition(-branches)?-\d+|for-loop-\d+|iteration-.*)"
    r"|.*-driver|.*\.onExit|.*\(\d+(:.*)?\)"
)


@dataclass(frozen=True)
class Node:
    """children: node ids."""

    name: str
    state: str
    started: datetime.datetime | None
    seconds: float | None
    children: tuple[str, ...] = ()
    pods: tuple[str, ...] = ()

    @classmethod
    def from_detail(cls, detail: Any) -> "Node":
        """detail: V2beta1PipelineTaskDetail."""
        started, ended = _time(detail.start_time), _time(detail.end_time)
        is_over = started and ended and ended >= started and detail.state not in (PENDING, RUNNING)
        executor = detail.executor_detail
        named = (detail.pod_name, *((executor.failed_main_jobs or ()) if executor else ()))
        return cls(
            name=detail.display_name or "",
            state=str(detail.state or ""),
            started=started,
            seconds=(ended - started).total_seconds() if is_over and started and ended else None,
            children=tuple(child.pod_name for child in detail.child_tasks or () if child.pod_name),
            pods=tuple(name for name in named if name),
        )


def _time(value: datetime.datetime | None) -> datetime.datetime | None:
    """What has not begun or ended yet has the year 1 or 1970."""
    if value is None or value.year <= 1970:
        return None
    return value if value.tzinfo else value.replace(tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Run:
    """state: KFP's, one of FINAL once it is over. was_canceled: somebody ended it, though it then counts as failed.
    seconds: all that it took."""

    run_id: str
    name: str
    state: str
    was_canceled: bool = False
    nodes: tuple[Node, ...] = ()
    seconds: float | None = None
    created: datetime.datetime | None = None

    @classmethod
    def from_api(cls, run: Any) -> "Run":
        """run: V2beta1Run.

        Raises:
            LookupError, AttributeError, TypeError: it is none.
        """
        details = run.run_details.task_details if run.run_details else None
        states = [each.state for each in run.state_history or ()]
        begun, ended = _time(run.created_at), _time(run.finished_at)
        if not run.run_id:
            raise LookupError("run_id")
        return cls(
            run_id=run.run_id,
            name=run.display_name or run.run_id,
            state=str(run.state or PENDING),
            was_canceled=_was_canceled(str(run.state or PENDING), states),
            nodes=tuple(Node.from_detail(each) for each in details or ()),
            seconds=(ended - begun).total_seconds() if begun and ended else None,
            created=begun,
        )

    @property
    def is_over(self) -> bool:
        return self.state in FINAL

    @property
    def succeeded(self) -> bool:
        return self.state == SUCCEEDED

    def ended_by_somebody(self) -> "Run":
        """The same, where it is known that somebody terminated it; one that came to its end before did so itself."""
        return replace(self, was_canceled=not self.succeeded)

    def steps(self) -> list[Node]:
        """The nodes that are steps of the pipeline, in the order in which they began."""
        workflow = _workflow(self.nodes)
        found = {each.name: each for each in self.nodes if each.name != workflow and not _NO_STEP.fullmatch(each.name)}
        begun = [each for each in found.values() if each.started]
        return sorted(begun, key=lambda step: (step.started, step.name))

    def failed_step(self) -> str:
        """The first step that failed; one that did not come to run because its driver failed counts too. Empty if
        none is known."""
        failed = [each.name for each in self.steps() if each.state == FAILED]
        drivers = [each.name for each in self.nodes if each.state == FAILED and each.name.endswith("-driver")]
        return next(iter(failed + [name.removesuffix("-driver") for name in drivers]), "")

    def pods_of(self, step: str) -> Iterator[str]:
        """Names that pods of a failed step may have, the likeliest first."""
        own = [each for each in self.nodes if each.name in (step, f"{step}-driver")]
        failed = [each for each in self.nodes if each.state == FAILED]
        nodes = [*own, *(each for each in failed if each.name.startswith("executor"))]
        yield from dict.fromkeys(pod for each in nodes for pod in each.pods)
        identifiers = list(dict.fromkeys(child for each in nodes for child in each.children))
        for template in _POD_TEMPLATES:
            for identifier in reversed(identifiers):
                workflow, _, number = identifier.rpartition("-")
                yield f"{workflow}-{template}-{number}"
        yield from identifiers


def _was_canceled(state: str, history: Sequence[str | None]) -> bool:
    """The history only grows: what was before somebody retried the run says nothing of how it ended then."""
    under_way = [each for each in (*history, state) if each not in _AT_REST]
    return state != SUCCEEDED and under_way[-1:] in ([CANCELING], [CANCELED])


def _workflow(nodes: Sequence[Node]) -> str:
    """The name of the run's own node: what all node ids begin with."""
    identifiers = [child for each in nodes for child in each.children]
    return identifiers[0].rpartition("-")[0] if identifiers else ""
