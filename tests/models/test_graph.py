"""A workflow's graph says what can follow what."""

from __future__ import annotations

import networkx as nx
import pytest

from durascope.models.graph import COMPLETED, FAILED, START, Graph, workflow_graph
from durascope.models.loading import builtin_names, load_scenario
from durascope.models.reading import parse_scenario
from durascope.models.steps import STEP_KINDS


def graph_of(steps: str, more: str = "") -> Graph:
    """The graph of a workflow with these steps."""
    scenario = parse_scenario(
        f"scenario: s\nworkflows:\n  w: {{steps: [{steps}]{more}}}\nworkload: {{inputs: [{{x: 1}}]}}\n"
    )
    return workflow_graph(scenario.workflows["w"])


def edges(graph: Graph) -> set[tuple[str, str, str]]:
    """The edges by the labels of their ends, with their kind."""
    labels = nx.get_node_attributes(graph, "label")
    return {(labels[a], labels[b], kind) for a, b, kind in graph.edges(data="kind")}


def test_steps_follow_each_other() -> None:
    assert edges(graph_of("{run: a}, {sleep: 2s}")) == {
        ("start", "a", "next"),
        ("a", "sleep 2s", "next"),
        ("sleep 2s", "completed", "next"),
    }


def test_undo_steps_hang_on_theirs() -> None:
    assert ("a", "b", "undo") in edges(graph_of("{run: a, undo: b}"))


def test_branches_meet_again() -> None:
    found = edges(graph_of("{parallel: [{run: a}, [{run: b}, {run: c}]]}, {run: d}"))
    assert {("parallel", "a", "branch"), ("parallel", "b", "branch"), ("b", "c", "next")} <= found
    assert ("parallel", "d", "next") in found


def test_a_wait_ends_in_two_ways() -> None:
    graph = graph_of("{wait_for: e, timeout: 1m, then: [{run: a}], on_timeout: [{run: b}]}, {run: c}")
    assert {("e", "a", "event"), ("e", "b", "timeout"), ("a", "c", "next"), ("b", "c", "next")} <= edges(graph)
    assert graph.edges["steps.0", "steps.0.on_timeout.0"]["label"] == "1m"


def test_a_choice_without_otherwise_may_do_nothing() -> None:
    graph = graph_of("{choose: [{when: x > 1, do: [{run: a}]}]}, {run: b}")
    assert {("choose", "a", "choice"), ("choose", "b", "choice"), ("a", "b", "next")} <= edges(graph)
    assert graph.edges["steps.0", "steps.1"]["label"] == "otherwise"


def test_rounds_come_again() -> None:
    assert {("a", "repeat 3", "again"), ("repeat 3", "b", "next")} <= edges(
        graph_of("{repeat: 3, do: [{run: a}]}, {run: b}")
    )


def test_ends() -> None:
    graph = graph_of("{fail: no}", ", on_failure: [{run: tell}]")
    assert edges(graph) == {("start", "no", "next"), ("no", "failed", "next"), ("failed", "tell", "failure")}
    assert COMPLETED not in graph
    assert FAILED in graph


@pytest.mark.parametrize("name", builtin_names())
def test_every_step_of_what_ships_can_be_reached(name: str) -> None:
    for workflow in load_scenario(name).workflows.values():
        graph = workflow_graph(workflow)
        roots = [START, FAILED, *(node for node in graph if node.startswith("updates.") and node.count(".") == 1)]
        reached = set[str]().union(*(nx.descendants(graph, root) | {root} for root in roots if root in graph))
        assert reached == set(graph)
        assert {data["kind"] for _, data in graph.nodes(data=True)} <= {
            *STEP_KINDS,
            START,
            COMPLETED,
            FAILED,
            "join",
            "update",
        }
