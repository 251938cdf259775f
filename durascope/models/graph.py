"""A workflow as a graph: what can follow what, for diagrams and for questions about paths.

Nodes are steps, named by their place (`steps.2.parallel.0.0`), and the ends `start`, `completed` and `failed`. Their
attributes: `kind` (of the step, or start · completed · failed · join · update), `label`, and `step` (the model, where
there is one). Edges have a `kind`:

    next      the step after it
    branch    one of the branches of a parallel, a race or a for_each
    choice    an arm of a choose or patched, `label` is its condition
    event     the event that a wait_for waits for has come
    timeout   it has not, `label` is the timeout
    again     the next round of a repeat
    undo      what undoes the step, if the run fails
    failure   the steps of on_failure
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import networkx as nx

from durascope.models.scenario import Workflow
from durascope.models.steps import (
    Call,
    Choose,
    Fail,
    Finish,
    ForEach,
    Parallel,
    Patched,
    Race,
    Repeat,
    Run,
    Step,
    Steps,
    WaitFor,
)
from durascope.models.units import format_duration

if TYPE_CHECKING:
    Graph = nx.DiGraph[str]
else:
    Graph = nx.DiGraph

START: Final = "start"
COMPLETED: Final = "completed"
FAILED: Final = "failed"

_Loose = list[tuple[str, dict[str, Any]]]
"""Edges that have begun at a node and end at whatever comes next."""


def workflow_graph(workflow: Workflow) -> Graph:
    """The graph of a workflow: its steps, what undoes them, its updates and its failure handler.

    >>> from durascope.models.loading import load_scenario
    >>> graph = workflow_graph(load_scenario("order-fulfillment").workflows["fulfill-order"])
    >>> [label for _, label in graph.nodes(data="label")][:3]
    ['start', 'check-inventory', 'reserve-stock']
    """
    graph: Graph = nx.DiGraph()
    graph.add_node(START, kind=START, label=START)
    _join(graph, _chain(graph, workflow.steps, "steps", [(START, {"kind": "next"})]), COMPLETED)
    for name, update in workflow.updates.items():
        node = f"updates.{name}"
        graph.add_node(node, kind="update", label=name)
        _chain(graph, update.steps, f"{node}.steps", [(node, {"kind": "next"})])
    if workflow.on_failure:
        _end(graph, FAILED)
        _chain(graph, workflow.on_failure, "on_failure", [(FAILED, {"kind": "failure"})])
    return graph


def _chain(graph: Graph, steps: Steps, path: str, loose: _Loose) -> _Loose:
    """Adds steps that follow each other; returns the edges that leave the last one."""
    for index, step in enumerate(steps):
        loose = _add(graph, step, f"{path}.{index}", loose)
    return loose


def _add(graph: Graph, step: Step, node: str, loose: _Loose) -> _Loose:
    graph.add_node(node, kind=step.kind, label=step.label, step=step)
    _join(graph, loose, node)
    match step:
        case Run() | Call():
            return _undoable(graph, step, node)
        case WaitFor():
            return _wait(graph, step, node)
        case Parallel() | Race():
            branches = step.parallel if isinstance(step, Parallel) else step.race
            return _fork(graph, branches, node, step.kind)
        case ForEach():
            return _fork(graph, (step.do,), node, "do")
        case Repeat():
            for last, edge in _chain(graph, step.do, f"{node}.do", [(node, {"kind": "next"})]):
                graph.add_edge(last, node, **{**edge, "kind": "again"})
            return [(node, {"kind": "next"})]
        case Choose() | Patched():
            return _choice(graph, step, node)
        case Fail():
            _end(graph, FAILED)
            graph.add_edge(node, FAILED, kind="next")
            return []
        case Finish():
            _end(graph, COMPLETED)
            graph.add_edge(node, COMPLETED, kind="next")
            return []
        case _:
            return [(node, {"kind": "next"})]


def _undoable(graph: Graph, step: Run | Call, node: str) -> _Loose:
    undo = step.undo_step
    if undo is not None:
        graph.add_node(f"{node}.undo", kind=undo.kind, label=undo.label, step=undo)
        graph.add_edge(node, f"{node}.undo", kind="undo")
    return [(node, {"kind": "next"})]


def _wait(graph: Graph, step: WaitFor, node: str) -> _Loose:
    came = _chain(graph, step.then, f"{node}.then", [(node, {"kind": "event", "label": step.wait_for})])
    if step.timeout is None:
        return came
    late: _Loose = [(node, {"kind": "timeout", "label": format_duration(step.timeout)})]
    return came + _chain(graph, step.on_timeout, f"{node}.on_timeout", late)


def _fork(graph: Graph, branches: tuple[Steps, ...], node: str, key: str) -> _Loose:
    join = f"{node}.join"
    graph.add_node(join, kind="join", label=graph.nodes[node]["kind"])
    for index, branch in enumerate(branches):
        _join(graph, _chain(graph, branch, f"{node}.{key}.{index}", [(node, {"kind": "branch"})]), join)
    return [(join, {"kind": "next"})]


def _choice(graph: Graph, step: Choose | Patched, node: str) -> _Loose:
    if isinstance(step, Patched):
        arms = [(step.patched, step.do, "do"), ("otherwise", step.otherwise, "otherwise")]
    else:
        arms = [
            (str(arm.when) if arm.when is not None else "otherwise", arm.steps, f"choose.{index}")
            for index, arm in enumerate(step.choose)
        ]
        if all(arm.when is not None for arm in step.choose):
            arms.append(("otherwise", (), "otherwise"))
    loose: _Loose = []
    for label, steps, key in arms:
        loose += _chain(graph, steps, f"{node}.{key}", [(node, {"kind": "choice", "label": label})])
    return loose


def _end(graph: Graph, end: str) -> None:
    if end not in graph:
        graph.add_node(end, kind=end, label=end)


def _join(graph: Graph, loose: _Loose, node: str) -> None:
    if node == COMPLETED and loose:
        _end(graph, COMPLETED)
    for begin, edge in loose:
        label = edge.get("label")
        if graph.has_edge(begin, node):  # two ways from one node to the same: an arm without steps, say
            label = " · ".join(filter(None, (graph.edges[begin, node].get("label"), label)))
        graph.add_edge(begin, node, **(edge if label is None else {**edge, "label": label}))
