"""What the scenario breaks, marked in its architecture: processes that die or hang, services that go down."""

from __future__ import annotations

from collections.abc import Iterator

from durascope.models.faults import Crash, Hang, Outage, RandomFault
from durascope.models.phrases import fault_text
from durascope.models.scenario import Scenario
from durascope.render.diagram import Diagram, Node, key

ENGINE = "server"
"""The frame of the engine's own parts, in every architecture."""


def mark(diagram: Diagram, scenario: Scenario) -> None:
    """Marks them, and says in a note what happens to them."""
    told: list[str] = []
    for fault in scenario.faults:
        match fault:
            case Crash():
                where = list(_processes(diagram, scenario, fault.crash, fault.when.step if fault.when else None))
            case Hang():
                where = list(_processes(diagram, scenario, fault.hang, fault.when.step if fault.when else None))
            case RandomFault():
                where = list(_processes(diagram, scenario, fault.random.crash, None))
            case Outage():
                where = [key("service", fault.outage)]
            case _:
                continue
        diagram.struck |= set(where)
        told.append(fault_text(fault))
    if told:
        diagram.notes.insert(0, f"A red cross marks what the scenario breaks: {'; '.join(told)}.")


def _processes(diagram: Diagram, scenario: Scenario, name: str, step: str | None) -> Iterator[str]:
    if name == "engine":
        yield ENGINE
        return
    apps = [node for node in diagram.nodes if node.role == "app"]
    doing = [node for node in apps if step is not None and _does(node, scenario, step)]
    # of those that name the step the last: where activities have workers of their own, they stand after the workflow's
    for node in [each for each in apps if each.title == name] or doing[-1:] or apps:
        yield node.key


def _does(node: Node, scenario: Scenario, step: str) -> bool:
    """Whether the node has a row for the step, or for the code that makes its call."""
    calls = {each.via for _, each in scenario.runs() if each.label == step} | {step}
    return any(row.text in calls for row in node.rows)
