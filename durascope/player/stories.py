"""The stories that a page opens with: the scenario as it is written, and the same without its faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from durascope.experiments.exploration.disturbances import calm
from durascope.models.phrases import fault_text
from durascope.models.scenario import Scenario
from durascope.simulators.places import Undisturbed, undisturbed
from durascope.simulators.simulate import FULL_UP_TO, simulate

CALM = "calm"
WRITTEN = "written"


@dataclass(frozen=True, slots=True)
class Story:
    """One course of events, on each engine."""

    id: str
    title: str
    scenario: Scenario
    went: Mapping[str, Undisturbed] = field(repr=False)
    """By engine: what happened, and where it can be broken."""
    parent: str | None = None
    """The story that it forks from."""
    fault: str | None = None
    """How it differs from its parent, in words."""


def stories(scenario: Scenario, engines: Sequence[str], seed: int) -> list[Story]:
    """Without the scenario's faults, and with them where it has some; the last is the one to open."""
    quiet = calm(scenario)
    found = [Story(CALM, "Without faults", quiet, _went(quiet, engines, seed))]
    if scenario.faults:
        faults = "; ".join(map(fault_text, scenario.faults))
        found.append(Story(WRITTEN, "As written", scenario, _went(scenario, engines, seed), CALM, faults))
    return found


def _went(scenario: Scenario, engines: Sequence[str], seed: int) -> dict[str, Undisturbed]:
    traces = {engine: simulate(scenario, engine, seed=seed, full=True, records=True) for engine in engines}
    if scenario.workload.runs > FULL_UP_TO:
        return {engine: Undisturbed(trace, (), (), ()) for engine, trace in traces.items()}
    return {engine: replace(undisturbed(scenario, engine, seed=seed), trace=traces[engine]) for engine in engines}
