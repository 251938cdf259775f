"""Signals that a run has accepted and its code has not taken: they are gone with the run, and nobody is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from durascope.models.trace import Unconsumed

if TYPE_CHECKING:
    from durascope.simulators.temporal.engine import Temporal
    from durascope.simulators.temporal.mutable_state import MutableState


def unconsumed(engine: Temporal, states: Iterable[MutableState], names: Mapping[int, str]) -> list[Unconsumed]:
    """By execution; signals that a workflow declares are handled when they come."""
    found: list[Unconsumed] = []
    for state in states:
        declared = engine.scenario.workflows[state.run.workflow].signals
        arrived: dict[str, list[int]] = {}
        for event in state.history.events:
            if event.kind == "WorkflowExecutionSignaled" and event.attributes["name"] not in declared:
                arrived.setdefault(event.attributes["name"], []).append(event.at)
        for name, times in arrived.items():
            taken = engine.handled.get(((state.run.name, state.options.execution), name), 0)
            found += [Unconsumed(at, names[state.run_id], name) for at in times[taken:]]
    return sorted(found)
