"""What a compiled pipeline says: its parameters and its steps."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from tests.kfp_standin.answers import invalid

_TEMPLATE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


@dataclass(frozen=True)
class Specification:
    """steps: in the order in which they run; exit_step: comes last, whatever happened; text: as it came."""

    name: str
    parameters: Mapping[str, Mapping[str, Any]]
    steps: tuple[str, ...]
    exit_step: str
    text: str = field(default="", repr=False)

    @classmethod
    @functools.cache  # a quarter of a megabyte, time and again
    def parse(cls, text: str) -> "Specification":
        """
        Raises:
            ValueError: it is no pipeline.
        """
        try:
            document = next(iter(yaml.load_all(text, Loader=yaml.CSafeLoader)))
            json_format.ParseDict(document, pipeline_spec_pb2.PipelineSpec())
            root = document["root"]
        except (yaml.YAMLError, json_format.ParseError, KeyError, TypeError, AttributeError, StopIteration) as error:
            raise ValueError("unknown template format: pipeline spec is invalid") from error
        tasks = root["dag"]["tasks"]
        exits = [name for name, task in tasks.items() if "triggerPolicy" in task]
        groups = [name for name in tasks if name not in exits]
        inner = document["components"][tasks[groups[0]]["componentRef"]["name"]]["dag"]["tasks"] if exits else tasks
        order = TopologicalSorter({name: task.get("dependentTasks", ()) for name, task in inner.items()}).static_order()
        parameters = root.get("inputDefinitions", {}).get("parameters", {})
        return cls(document["pipelineInfo"]["name"], parameters, tuple(order), exits[0] if exits else "exit", text)

    def resolved(self, given: Mapping[str, Any], *, workflow: str, doing: str) -> dict[str, Any]:
        """The parameters with what the workflow engine replaces in them.

        Raises:
            Refusal
        """
        for name, value in given.items():
            if name not in self.parameters:
                raise invalid(f"unknown input parameter {name!r}", doing=doing)
            self._check(name, value, doing=doing)
        for name, definition in self.parameters.items():
            if name not in given and not definition.get("isOptional"):
                raise invalid(f"input parameter {name!r} requires a value", doing=doing)
        return {name: _replaced(value, workflow=workflow, doing=doing) for name, value in given.items()}

    def _check(self, name: str, value: Any, *, doing: str) -> None:
        kind = self.parameters[name]["parameterType"]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = {
            "STRING": isinstance(value, str),
            "BOOLEAN": isinstance(value, bool),
            "NUMBER_INTEGER": number,
            "NUMBER_DOUBLE": number,
        }.get(kind, True)
        if not fits:
            found = "null" if value is None else type(value).__name__
            raise invalid(f"input parameter {name!r} requires {kind}, found {found}", doing=doing)


def _replaced(value: Any, *, workflow: str, doing: str) -> Any:
    if not isinstance(value, str):
        return value
    for name in _TEMPLATE.findall(value):
        if name.strip() != "workflow.name":
            raise invalid(f"failed to resolve {{{{{name}}}}}", doing=doing)
    return _TEMPLATE.sub(workflow, value)
