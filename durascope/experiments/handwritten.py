"""How large a state machine is that one would write by hand for a workflow: its states and its transitions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from durascope.models.graph import COMPLETED, FAILED, Graph, workflow_graph
from durascope.models.scenario import Scenario, Workflow

_STATES: Final = frozenset({"start", "run", "sleep", "wait_for", "call", "join", "completed", "failed"})
"""Kinds of a graph's nodes in which a row can stand between two transactions; all else is done on the way."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of the transition table."""

    states: int
    transitions: int
    """Its lines: (state, what happens, next state)."""

    def __add__(self, other: Size) -> Size:
        return Size(self.states + other.states, self.transitions + other.transitions)


def size_of(scenario: Scenario) -> Size:
    """Of all workflows of the scenario together."""
    total = Size(0, 0)
    for workflow in scenario.workflows.values():
        total += _size(workflow)
    return total


def _size(workflow: Workflow) -> Size:
    """A line for each way from state to state; for each attempt that fails, or fails for good; for each undo.

    Where a run can be cancelled, each state that is not an end has one line more.
    """
    graph = workflow_graph(workflow)
    states = [node for node in graph if graph.nodes[node]["kind"] in _STATES]
    undoing = [node for node in states if node.endswith(".undo")]
    kinds = {node: str(graph.nodes[node]["kind"]) for node in states}
    ends = [node for node in states if kinds[node] in (COMPLETED, FAILED)]
    lines = sum(len(set(_next(graph, node))) for node in states)
    lines += sum(2 for node in states if kinds[node] == "run")  # tried again · failed for good
    lines += sum(1 for node in states if kinds[node] == "call")  # the called run has failed
    lines += len(undoing)  # undone: on to what is undone next, or to the end
    more = 0
    if FAILED not in kinds.values():
        more += 1
    if workflow.cancellable:
        more += 1
        lines += len(states) - len(ends)
    return Size(len(states) + more, lines)


def _next(graph: Graph, node: str) -> Iterator[str]:
    """The states that follow, past everything that is done on the way."""
    seen: set[str] = set()
    waiting = [other for other in graph.successors(node) if graph.edges[node, other].get("kind") != "undo"]
    while waiting:
        other = waiting.pop()
        if other in seen:
            continue
        seen.add(other)
        if graph.nodes[other]["kind"] in _STATES:
            yield other
        else:
            waiting += list(graph.successors(other))
