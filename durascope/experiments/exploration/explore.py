"""Explores a scenario: every disturbance on every engine, one table of guarantees, and the findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from durascope.experiments.exploration.disturbances import (
    Disturbance,
    NothingToExplore,
    What,
    calm,
    disturbances,
)
from durascope.experiments.exploration.findings import Finding, findings
from durascope.experiments.exploration.outcomes import ALWAYS, SOMETIMES, Calm, Outcome, judged, outcome
from durascope.experiments.pool import mapped
from durascope.models.scenario import Scenario
from durascope.models.units import MILLISECOND
from durascope.simulators.simulate import FULL_UP_TO, simulate
from durascope.version import __version__

DEFAULT: Final[tuple[What, ...]] = ("crash",)
LATE_US: Final = 1_000_000
"""A delay below this (1 s) is nothing to speak of on the map."""


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What is guaranteed of one step on one engine, over all that was explored."""

    fewest: int
    most: int
    worst_recovery_us: int | None


@dataclass(frozen=True, slots=True)
class Explored:
    """One engine's part."""

    engine: str
    points: int
    steps: Mapping[str, Guarantee]
    worst_delay_us: int | None
    """None: some run did not end that ends undisturbed."""
    statuses: Mapping[str, int]
    stuck: int
    """Disturbances after which a run does not end."""
    broken: Mapping[str, int]
    """By property: after how many disturbances it did not hold."""
    seen: Mapping[str, int]
    findings: Sequence[Finding]
    outcomes: Sequence[tuple[Disturbance, Outcome]]
    calm_effects: Mapping[str, int]
    """By step: the most effects that a run has undisturbed."""


@dataclass(frozen=True, slots=True)
class Exploration:
    """The whole of it."""

    scenario: Scenario
    seed: int
    whats: tuple[What, ...]
    engines: Mapping[str, Explored]

    @property
    def held(self) -> bool:
        """Whether every promise held after every disturbance."""
        return not any(each.broken for each in self.engines.values())

    @property
    def vacuous(self) -> tuple[str, ...]:
        """Engines on which no disturbance changed anything."""
        return tuple(name for name, each in self.engines.items() if not any(each.seen.values()))

    def as_json(self) -> dict[str, Any]:
        """The shape that `durascope explore --json` promises; times in ms."""
        return {
            "scenario": self.scenario.scenario,
            "title": self.scenario.title or self.scenario.scenario,
            "seed": self.seed,
            "version": __version__,
            "what": list(self.whats),
            "held": self.held,
            "engines": {name: _explored(each) for name, each in self.engines.items()},
        }


def _explored(each: Explored) -> dict[str, Any]:
    return {
        "points": each.points,
        "merged": 0,
        "simulated": each.points,
        "steps": {
            step: {"effects": [found.fewest, found.most], "worst_recovery_ms": _ms(found.worst_recovery_us)}
            for step, found in each.steps.items()
        },
        "runs": {
            "worst_delay_ms": _ms(each.worst_delay_us),
            "statuses": dict(each.statuses),
            "stuck": each.stuck,
        },
        "properties": {
            **{
                name: {"kind": "always", "sentence": sentence, "held": name not in each.broken,
                       "broken_after": each.broken.get(name, 0)}
                for name, (sentence, _) in ALWAYS.items()
            },
            **{
                name: {"kind": "sometimes", "sentence": sentence, "held": bool(each.seen.get(name)),
                       "seen_after": each.seen.get(name, 0)}
                for name, sentence in SOMETIMES.items()
            },
        },
        "findings": [finding.as_json() for finding in each.findings],
        "map": [
            {"step": d.step, "moment": d.moment, "attempt": d.attempt, "what": d.what, "target": d.target,
             "down_ms": _ms(d.down_us), "leads_to": _leads_to(o, each.calm_effects)}
            for d, o in each.outcomes if d.step is not None
        ],
    }  # fmt: skip


def _leads_to(found: Outcome, usual: Mapping[str, int]) -> str:
    """stuck · duplicate · delay · nothing: the worst of what a disturbance led to."""
    if found.delay_us is None:
        return "stuck"
    if any(high > usual.get(step, high) for step, (_, high) in found.effects.items()):
        return "duplicate"
    return "delay" if found.delay_us > LATE_US else "nothing"


def _ms(us: int | None) -> float | None:
    return None if us is None else us / MILLISECOND


def explore(
    scenario: Scenario,
    engines: Sequence[str],
    *,
    seed: int = 0,
    whats: Sequence[What] = DEFAULT,
    down_us: int | None = None,
    between: bool = True,
    processes: int | None = None,
    name: str | None = None,
    progress: Callable[[str, int, int], None] = lambda _engine, _done, _of: None,
) -> Exploration:
    """Breaks the scenario, without its own faults, at every point of its undisturbed trace, once for each.

    `name` is what a user calls the scenario on a command line; it stands in the lines that reproduce findings. Raises
    `NothingToExplore`.
    """
    if not 0 < scenario.workload.runs <= FULL_UP_TO:
        raise NothingToExplore(
            f"a scenario is explored with 1 to {FULL_UP_TO} runs, this one has {scenario.workload.runs:,}: use --runs"
        )
    undisturbed = calm(scenario)
    found: dict[str, Explored] = {}
    for engine in engines:
        trace = simulate(undisturbed, engine, seed=seed, full=True, records=False)
        known = Calm.of(trace)
        points = disturbances(scenario, trace, whats, down_us=down_us, between=between)
        work = partial(_one, undisturbed, engine, seed, known)
        outcomes: list[Outcome] = []
        for each in mapped(work, points, processes=processes):
            outcomes.append(each)
            progress(engine, len(outcomes), len(points))
        pairs = list(zip(points, outcomes, strict=True))
        found[engine] = _summed(scenario, engine, seed, pairs, judged(undisturbed, known, trace), name)
    return Exploration(scenario, seed, tuple(whats), found)


def _one(scenario: Scenario, engine: str, seed: int, known: Calm, disturbance: Disturbance) -> Outcome:
    return outcome(scenario, engine, seed, disturbance, known)


def _summed(
    scenario: Scenario,
    engine: str,
    seed: int,
    pairs: Sequence[tuple[Disturbance, Outcome]],
    undisturbed: Outcome,
    name: str | None,
) -> Explored:
    steps: dict[str, Guarantee] = {
        step: Guarantee(low, high, None) for step, (low, high) in undisturbed.effects.items()
    }
    statuses: dict[str, int] = {}
    broken: dict[str, int] = {}
    seen: dict[str, int] = {}
    delays = [each.delay_us for _, each in pairs]
    for _, each in pairs:
        for step, (low, high) in each.effects.items():
            old = steps.get(step, Guarantee(low, high, None))
            late = each.recovery_us.get(step)
            worst = old.worst_recovery_us if late is None else max(late, old.worst_recovery_us or 0)
            steps[step] = Guarantee(min(low, old.fewest), max(high, old.most), worst)
        for status, count in each.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
        for prop in each.broken:
            broken[prop] = broken.get(prop, 0) + 1
        for thing in each.seen:
            seen[thing] = seen.get(thing, 0) + 1
    return Explored(
        engine=engine,
        points=len(pairs),
        steps=steps,
        worst_delay_us=None if None in delays else max((d for d in delays if d is not None), default=0),
        statuses=statuses,
        stuck=broken.get("no-run-lost", 0),
        broken=broken,
        seen=seen,
        findings=findings(scenario, engine, seed, pairs, undisturbed, name),
        outcomes=pairs,
        calm_effects={step: high for step, (_, high) in undisturbed.effects.items()},
    )
