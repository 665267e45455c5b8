"""A graph's operations and its function library, and what runs when some of its tensors are asked for."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Node(NamedTuple):
    """One operation. `inputs` as the graph spells them (`name`, `name:1`, `^control`; in a function also `name:out:0`
    or an argument's bare name); `calls` are the functions named in its attributes, or by its very operation."""

    name: str
    op: str
    inputs: tuple[str, ...]
    calls: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """The main graph's nodes, and the nodes of every library function by the function's name."""

    nodes: tuple[Node, ...]
    functions: Mapping[str, tuple[Node, ...]]

    def everywhere(self) -> Iterator[tuple[str, Node]]:
        """Every node with the name of the function that holds it; `""` is the main graph."""
        for node in self.nodes:
            yield "", node
        for function, nodes in self.functions.items():
            for node in nodes:
                yield function, node

    def operation_counts(self) -> dict[str, int]:
        """Operation -> how often it stands in the graph and its functions; sorted by name. A function's own name is
        no operation."""
        counts = Counter(node.op for _, node in self.everywhere() if node.op not in self.functions)
        return dict(sorted(counts.items()))

    def reached(self, tensors: Iterable[str]) -> frozenset[tuple[str, str]]:
        """What may run to compute `tensors`: pairs (function, node name), `""` for the main graph.

        A function that is called counts whole: which of its nodes run depends on their state.
        """
        by_name = {node.name: node for node in self.nodes}
        waiting = [node_of(tensor) for tensor in tensors]
        seen: set[str] = set()
        called: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in seen or name not in by_name:
                continue
            seen.add(name)
            called.update(by_name[name].calls)
            waiting += map(node_of, by_name[name].inputs)
        within = self._called_from(called)
        return frozenset(("", name) for name in seen) | {
            (fn, node.name) for fn in within for node in self.functions[fn]
        }

    def _called_from(self, functions: Iterable[str]) -> set[str]:
        """The functions, and all that they call in turn."""
        waiting, seen = list(functions), set[str]()
        while waiting:
            function = waiting.pop()
            if function in seen or function not in self.functions:
                continue
            seen.add(function)
            waiting += (call for node in self.functions[function] for call in node.calls)
        return seen


def node_of(tensor: str) -> str:
    """`scores` for `scores:0`, `scores:out:0` and `^scores`."""
    return tensor.removeprefix("^").partition(":")[0]
