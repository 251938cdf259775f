"""The stories that a page opens with: the scenario as it is written, and the same without its faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from durascope.models.phrases import fault_text
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.simulators.simulate import simulate

CALM = "calm"
WRITTEN = "written"


@dataclass(frozen=True, slots=True)
class Story:
    """One way in which things went, on each engine."""

    id: str
    title: str
    scenario: Scenario
    traces: Mapping[str, Trace] = field(repr=False)
    parent: str | None = None
    """The story that it forks from."""
    fault: str | None = None
    """What it has that its parent has not, in words."""


def stories(scenario: Scenario, engines: Sequence[str], seed: int) -> list[Story]:
    """Without the scenario's faults, and with them where it has some; the last is the one to open."""
    calm = scenario.model_copy(update={"faults": ()})
    found = [Story(CALM, "Without faults", calm, _traces(calm, engines, seed))]
    if scenario.faults:
        faults = "; ".join(map(fault_text, scenario.faults))
        found.append(Story(WRITTEN, "As written", scenario, _traces(scenario, engines, seed), CALM, faults))
    return found


def _traces(scenario: Scenario, engines: Sequence[str], seed: int) -> dict[str, Trace]:
    return {engine: simulate(scenario, engine, seed=seed, full=True, records=False) for engine in engines}
