"""How a run goes on with time: the nodes of the workflow engine, as the API shows them."""

import datetime
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import kfp_server_api

NEVER = datetime.datetime(1, 1, 1, tzinfo=datetime.UTC)
_WORDS = {"READY": "PENDING", "RUNNING": "RUNNING", "DONE": "SUCCEEDED"}


class Clock:
    """A time that goes `speed` times as fast as the real one. The API tells whole seconds."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed, self._began, self._epoch = speed, time.monotonic(), time.time()

    def now(self) -> float:
        return self._epoch + (time.monotonic() - self._began) * self._speed


def moment(seconds: float | None) -> datetime.datetime:
    return NEVER if seconds is None else datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)


@dataclass(frozen=True)
class Script:
    """What is to happen to runs.

    pace_s: of each pod. logs: by step. failing: steps whose code fails; failing_drivers: steps that never run.
    silent: steps whose pods leave no log. endless: a step that never ends. canceled_as: what a terminated run ends as.
    details: whether the API tells of tasks at all. earlier: what the run has been before somebody retried it.
    history_of_cancel: whether the history tells that it was terminated, which is up to who comes by meanwhile.
    """

    pace_s: float = 10.0
    logs: Mapping[str, str] = field(default_factory=dict)
    failing: frozenset[str] = frozenset()
    failing_drivers: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    endless: str = ""
    canceled_as: str = "FAILED"
    attempts: bool = True
    details: bool = True
    earlier: tuple[str, ...] = ()
    history_of_cancel: bool = True


@dataclass(frozen=True)
class Node:
    """path: unique within the run. began, ended: None for not yet. template: of pods only."""

    path: str
    name: str
    began: float
    ended: float | None
    failed: bool
    children: tuple[str, ...] = ()
    template: str = ""

    def state(self, now: float) -> str:
        if self.began > now:
            return "PENDING"
        if self.ended is None or self.ended > now:
            return "RUNNING"
        return "FAILED" if self.failed else "SUCCEEDED"


@dataclass
class Course:
    """One run's way through its steps. canceled: when somebody terminated it."""

    workflow: str
    steps: list[str]
    exit_step: str
    script: Script
    created: float
    canceled: float | None = None

    def state(self, now: float) -> str:
        over = self.over()
        if over is not None and over <= now:
            return self._verdict()
        if self.canceled is not None:
            return "CANCELING"
        return "PENDING" if now < self.created + self.script.pace_s else "RUNNING"

    def _verdict(self) -> str:
        if self.canceled is not None:
            return self.script.canceled_as
        failing = self.script.failing | self.script.failing_drivers
        return "FAILED" if failing & set(self.steps) else "SUCCEEDED"

    def cancel(self, now: float) -> None:
        self.canceled = now

    def over(self) -> float | None:
        """When the run is over; None if it does not end of itself."""
        ends = [node.ended for node in self.nodes() if node.path.startswith(f"{self.exit_step}/")]
        return ends[-1] if ends and ends[-1] is not None else None

    def states(self, now: float) -> list[str]:
        """All that it has been, in order."""
        been = list(self.script.earlier) or ["PENDING"]
        been += ["RUNNING"] * (now >= self.created + self.script.pace_s)
        been += ["CANCELING"] * (self.canceled is not None and self.script.history_of_cancel)
        unknown = self.state(now) == "CANCELING" and not self.script.history_of_cancel
        return been + [self.state(now)] * (self.state(now) != been[-1] and not unknown)

    def nodes(self) -> list[Node]:
        """Those that begin at some time, in that order; the run's own and groups last."""
        pace, begins = self.script.pace_s, self.created + 2 * self.script.pace_s
        made: list[Node] = []
        at: float | None = begins
        failed = False
        for step in self.steps:
            step_nodes, at, failed = self._step(step, at or begins)
            made += step_nodes
            if failed or at is None:
                break
        if at is not None:
            exit_nodes, at, _ = self._step(self.exit_step, at)
            made += exit_nodes
        group = Node("root/exit-handler-1", "exit-handler-1", begins, at, failed, self._ids(made[:1]))
        driver = self._pod("root-driver(0)", "root-driver(0)", begins - pace, begins, "system-dag-driver")
        root = Node("root", "root", begins - pace, at, failed, self._ids([group]))
        # The exit task is a hook of the group, in whose name the engine keeps a node of its own.
        begun = [node for node in made if node.path.startswith(f"{self.exit_step}/")]
        hooks = (
            [Node("hook", "exit-handler-1.onExit", begun[0].began, at, False, self._ids(begun[:1]))] if begun else []
        )
        return [
            *made,
            *hooks,
            driver,
            group,
            root,
            Node("", self.workflow, self.created, at, failed, self._ids([driver])),
        ]

    def _step(self, step: str, begins: float) -> tuple[list[Node], float | None, bool]:
        """Its nodes, when it ends, and whether it fails."""
        pace = self.script.pace_s
        cut = self.canceled if self.canceled is not None and step != self.exit_step else None
        driven = begins + pace
        no_run = step in self.script.failing_drivers or (cut is not None and cut < driven)
        if no_run:
            driven = max(cut, begins) if cut is not None else driven
        nodes = self._attempted(f"{step}/driver", f"{step}-driver", begins, driven, no_run, "system-container-driver")
        if no_run:
            return nodes, driven, True
        ends = None if self.script.endless == step else driven + pace
        fails = step in self.script.failing
        if cut is not None and (ends is None or cut < ends):
            ends, fails = cut, True
        executor = self._attempted(f"{step}/executor", "executor", driven, ends, fails, "system-container-impl")
        return [*nodes, Node(f"{step}/", step, driven, ends, fails, self._ids(executor[:1])), *executor], ends, fails

    def _attempted(
        self, path: str, name: str, begins: float, ends: float | None, fails: bool, template: str
    ) -> list[Node]:
        """With the engine's default retries a node for all attempts, and one for each; else the pod alone."""
        if not self.script.attempts:
            return [self._pod(path, name, begins, ends, template, fails=fails)]
        pod = self._pod(f"{path}(0)", f"{name}(0)", begins, ends, template, fails=fails)
        return [Node(path, name, begins, ends, fails, self._ids([pod])), pod]

    @staticmethod
    def _pod(path: str, name: str, begins: float, ends: float | None, template: str, *, fails: bool = False) -> Node:
        return Node(path, name, begins, ends, fails, template=template)

    def _ids(self, nodes: list[Node]) -> tuple[str, ...]:
        return tuple(f"{self.workflow}-{_number(node.path)}" for node in nodes)

    def pods(self) -> Iterator[tuple[str, str]]:
        """Name of each pod, and the step that it belongs to."""
        for node in self.nodes():
            if node.template:
                yield f"{self.workflow}-{node.template}-{_number(node.path)}", node.path.partition("/")[0]

    def log(self, pod: str, now: float) -> str | None:
        """None: no such pod, or it left none."""
        step = dict(self.pods()).get(pod)
        if step is None or step in self.script.silent:
            return None
        if "driver" in pod:
            failed = step in self.script.failing_drivers
            return self.script.logs.get(step, "driver failed") if failed else "I0101 00:00:00.000000 1 main.go:1] ok\n"
        return self.script.logs.get(step, f"INFO components.{step.replace('-', '_')}: done\n")

    def details(self, now: float, *, run_id: str) -> list[Any] | None:
        """As V2beta1PipelineTaskDetail. The order is that of the node's ids, which says nothing."""
        if not self.script.details:
            return None
        begun = sorted((node for node in self.nodes() if node.began <= now), key=lambda node: _number(node.path))
        return [self._detail(node, now, run_id=run_id) for node in begun]

    def _detail(self, node: Node, now: float, *, run_id: str) -> Any:
        is_over = node.ended is not None and node.ended <= now
        children = [kfp_server_api.PipelineTaskDetailChildTask(pod_name=each) for each in node.children]
        return kfp_server_api.V2beta1PipelineTaskDetail(
            run_id=run_id,
            task_id=f"task-{_number(node.path)}",
            display_name=node.name,
            create_time=moment(self.created),
            start_time=moment(node.began),
            end_time=moment(node.ended if is_over else None),
            state=node.state(now),
            child_tasks=children or None,
        )


def _number(path: str) -> int:
    return zlib.crc32(path.encode())
