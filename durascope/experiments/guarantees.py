"""The guarantees of a scenario in short: every process is killed once at each moment of each step.

`durascope explore` does the same at every event, with the findings and the remedies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from durascope.experiments.exploration.explore import explore
from durascope.models.scenario import Scenario
from durascope.models.units import MILLISECOND
from durascope.simulators.simulate import simulate

QUICK: Final = 60
"""A run with more side effects than this is left to `durascope explore`."""


@dataclass(frozen=True, slots=True)
class Guaranteed:
    """On one engine."""

    points: int
    effects: Mapping[str, tuple[int, int]]
    """By step: the fewest and the most times that its effect happens in a run."""
    stuck: int
    """How many of the crashes leave a run that does not end."""
    worst_delay_us: int | None
    """None: some run did not end that ends undisturbed."""

    def worse_than(self, other: Guaranteed) -> bool:
        """Whether less holds: an effect may happen more times, or not at all, or a run may not end."""
        if self.stuck and not other.stuck:
            return True
        pairs = [(bounds, other.effects[step]) for step, bounds in self.effects.items() if step in other.effects]
        return any(mine[1] > theirs[1] or mine[0] < theirs[0] for mine, theirs in pairs)

    def as_json(self) -> dict[str, Any]:
        return {
            "points": self.points,
            "steps": {step: list(bounds) for step, bounds in self.effects.items()},
            "stuck": self.stuck,
            "worst_delay_ms": None if self.worst_delay_us is None else self.worst_delay_us / MILLISECOND,
        }


def guarantees(
    scenario: Scenario, engines: Sequence[str], *, seed: int = 0, processes: int | None = None
) -> dict[str, Guaranteed]:
    """By engine, for one run; empty if that would take long."""
    workload = scenario.workload.model_copy(update={"runs": min(1, scenario.workload.runs)})
    single = scenario.model_copy(update={"workload": workload, "faults": ()})
    found: dict[str, Guaranteed] = {}
    for engine in engines if workload.runs else ():
        trace = simulate(single, engine, seed=seed, full=False, records=False)
        if not 0 < sum(trace.effects.values()) <= QUICK:
            continue
        each = explore(single, [engine], seed=seed, between=False, processes=processes).engines[engine]
        effects = {step: (bounds.fewest, bounds.most) for step, bounds in each.steps.items()}
        found[engine] = Guaranteed(each.points, effects, each.stuck, each.worst_delay_us)
    return found
