"""Shrinks a finding: the smallest scenario that still shows it, and the fewest disturbances.

Everything that a file can say is taken out once, the big parts first, and stays out if the finding still shows; that
is repeated until nothing more can go. What follows an event by its number follows the event that is like it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Final

from durascope.experiments.exploration.disturbances import Disturbance, Disturbances, calm, disturbed
from durascope.experiments.exploration.explored import Exploration
from durascope.experiments.exploration.findings import DUPLICATE, Finding
from durascope.experiments.exploration.outcomes import Outcome, judged, trace_of
from durascope.experiments.exploration.properties import Calm
from durascope.experiments.exploration.tally import Shown, excess
from durascope.models.faults import FAULT_KINDS
from durascope.models.problems import ScenarioProblems
from durascope.models.reading import scenario_of
from durascope.models.scenario import Scenario
from durascope.models.source import Source
from durascope.models.trace import Trace
from durascope.models.writing import as_brief, yaml_of
from durascope.models.yaml12 import compose
from durascope.simulators.simulate import simulate

MOST_TRIES: Final = 2_000
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Smallest:
    """What is left of a finding."""

    scenario: Scenario
    """Without faults."""
    disturbances: Disturbances
    tries: int

    def yaml(self) -> str:
        """The scenario as a file, its faults in it."""
        plain = as_brief(disturbed(self.scenario, self.disturbances))
        plain["faults"] = [
            dict(sorted(fault.items(), key=lambda item: (item[0] not in FAULT_KINDS, item[0] not in ("at", "when"))))
            for fault in plain.get("faults", ())
        ]
        return yaml_of(plain)


def shrunk(exploration: Exploration) -> Exploration:
    """The exploration with the smallest scenario of each of its findings."""
    engines = {
        name: replace(each, findings=[_with_smallest(exploration.scenario, name, found) for found in each.findings])
        for name, each in exploration.engines.items()
    }
    return replace(exploration, engines=engines)


def _with_smallest(scenario: Scenario, engine: str, finding: Finding) -> Finding:
    shown = (finding.property, finding.step if finding.property == DUPLICATE else None)
    found = smallest(scenario, engine, finding.seed, shown, finding.disturbances)
    return replace(finding, smallest=found.yaml())


def smallest(scenario: Scenario, engine: str, seed: int, shown: Shown, disturbances: Disturbances) -> Smallest:
    """The smallest scenario, and the fewest of the disturbances, that still show the finding."""
    return _Shrinking(calm(scenario), engine, seed, shown, disturbances).run()


class _Shrinking:
    def __init__(self, scenario: Scenario, engine: str, seed: int, shown: Shown, disturbances: Disturbances) -> None:
        self.engine, self.seed, self.shown = engine, seed, shown
        self.tries = 0
        self.best = scenario
        self.disturbances = disturbances
        self.before = simulate(scenario, engine, seed=seed, full=True, records=False)
        found = self._outcome(scenario, self.before, disturbances)
        self.late = excess(disturbances, found) // 2
        """A finding of a delay keeps at least half of it."""
        self.broken = _clause(found.broken.get(shown[0], ""))

    def run(self) -> Smallest:
        self._fewer()
        plain = as_brief(self.best)
        changed = True
        while changed and self.tries < MOST_TRIES:
            changed = False
            for path in list(_parts(plain)):
                smaller = _without(plain, path)
                if smaller is not None and self._still(smaller):
                    plain, changed = smaller, True
        self._fewer()
        return Smallest(self.best, self.disturbances, self.tries)

    def _fewer(self) -> None:
        """Drops each disturbance that is not needed."""
        for each in self.disturbances:
            rest = tuple(other for other in self.disturbances if other is not each)
            if rest and self._shows(self.best, self.before, rest):
                self.disturbances = rest

    def _still(self, plain: dict[str, Any]) -> bool:
        """Whether those values are a scenario that shows it; if so, it is the best from here on."""
        if self.tries >= MOST_TRIES:
            return False
        self.tries += 1
        try:
            scenario = scenario_of(*compose(Source("smallest.yaml", yaml_of(plain))))
            before = simulate(scenario, self.engine, seed=self.seed, full=True, records=False)
            moved = tuple(_moved(each, self.before, before) for each in self.disturbances)
        except (ScenarioProblems, LookupError):
            return False
        if not self._shows(scenario, before, moved):
            return False
        self.best, self.before, self.disturbances = scenario, before, moved
        return True

    def _outcome(self, scenario: Scenario, before: Trace, disturbances: Disturbances) -> Outcome:
        return judged(scenario, Calm.of(before), trace_of(scenario, self.engine, self.seed, disturbances))

    def _shows(self, scenario: Scenario, before: Trace, disturbances: Disturbances) -> bool:
        name, step = self.shown
        try:
            found = self._outcome(scenario, before, disturbances)
        except ValueError:  # the disturbance names what is gone
            return False
        usual = judged(scenario, Calm.of(before), before)
        if name == "duplicate":
            most = usual.effects.get(step or "", (0, 0))[1]
            return found.effects.get(step or "", (0, 0))[1] > most > 0
        if name == "slow":
            return excess(disturbances, found) >= max(1, self.late)
        if name == "expect" and _clause(found.broken.get(name, "")) != self.broken:
            return False  # another expectation than the one that was found
        return name in found.broken and name not in usual.broken


def _clause(found: str) -> str:
    """What was expected, without what was found."""
    return found.rpartition(": ")[0]


def _moved(disturbance: Disturbance, old: Trace, new: Trace) -> Disturbance:
    """The disturbance at the same event of another trace. Raises LookupError if there is none like it."""
    if disturbance.event is None:
        return disturbance
    if disturbance.event >= len(old.events):
        raise LookupError(disturbance.event)
    like = _kind(old, disturbance.event)
    before = sum(1 for number in range(disturbance.event) if _kind(old, number) == like)
    numbers = [number for number in range(len(new.events)) if _kind(new, number) == like]
    if not numbers:
        raise LookupError(disturbance.event)
    number = numbers[min(before, len(numbers) - 1)]
    fault = json.loads(disturbance.fault)
    fault["when"] = {"event": number}
    return replace(disturbance, event=number, until=number, at_us=new.events[number].at, fault=json.dumps(fault))


def _kind(trace: Trace, number: int) -> tuple[object, ...]:
    event = trace.events[number]
    return event.kind, event.step, event.lane.rstrip("0123456789-")


def _parts(plain: dict[str, Any]) -> Iterator[Path]:
    """Every part that could be left out, those that hold most first."""
    found: list[tuple[int, int, Path]] = []

    def walk(value: Any, path: Path) -> int:
        size = 1
        pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, inside in pairs:
            size += walk(inside, (*path, key))
        if path:
            found.append((-size, len(found), path))
        return size

    walk(plain, ())
    return (path for _, _, path in sorted(found))


def _without(plain: dict[str, Any], path: Path) -> dict[str, Any] | None:
    """The values without that part; None if it is gone already."""
    copy = deepcopy(plain)
    inside: Any = copy
    try:
        for key in path[:-1]:
            inside = inside[key]
        del inside[path[-1]]
    except (LookupError, TypeError):
        return None
    return copy
