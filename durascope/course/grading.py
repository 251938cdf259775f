"""Grading: a learner's scenario is run in hidden situations, and what still breaks is reported, never the answer.

A situation is a disturbed world: other events, a service that rejects, a process that dies at every moment in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from durascope.course.cheating import cheats
from durascope.experiments.expectations import verdicts
from durascope.experiments.exploration.disturbances import (
    Disturbance,
    NothingToExplore,
    What,
    calm,
)
from durascope.experiments.exploration.findings import reproduce
from durascope.experiments.exploration.points import points
from durascope.experiments.exploration.properties import ALWAYS, Calm
from durascope.experiments.exploration.tokens import Origin
from durascope.models.durations import format_duration
from durascope.models.effects import effects
from durascope.models.engine import title_of
from durascope.models.reading import parse_scenario
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace
from durascope.models.units import Duration
from durascope.models.writing import as_plain, as_yaml
from durascope.simulators.places import undisturbed
from durascope.simulators.simulate import simulate


class Situation(BaseModel):
    """One hidden situation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    says: str
    """What is different in it, for people: `The app or the engine dies`."""
    patch: dict[str, Any] = {}
    """Fields of the scenario that this situation sets, laid over the answer."""
    keeps_faults: bool = False
    """The answer's own faults stay: they are the answer, or a deploy to explore."""
    what: tuple[What, ...] = ()
    """Kinds of disturbance to try at every moment; none: the situation alone."""
    events: bool = False
    """Also after every event of the trace, not only at the moments of steps."""
    expect: dict[str, Any] = {}
    """What must hold, in the language of `expect`."""
    always: tuple[str, ...] = ()
    """Promises of an exploration that must hold, too."""
    lasts_at_least: Duration = 0
    """A run that ends sooner has less to do than the exercise has."""
    runs: int = 0
    """Runs that must complete; a start that the engine refuses is none, and no expectation counts it."""
    waste_at_most: float | None = None
    """US dollars that duplicate effects may cost."""
    seeds: tuple[int, ...] = (0,)
    engines: tuple[str, ...] = ()
    """Left out: those of the grading."""


class Grading(BaseModel):
    """How an exercise is graded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engines: tuple[str, ...] = ("temporal", "inngest", "restate")
    keeps: tuple[str, ...]
    """Steps that must stay as they are, apart from what may change."""
    needs: tuple[str, ...] = ()
    """Steps that the exercise asks for."""
    may_change: tuple[str, ...]
    """Patterns of paths."""
    situations: tuple[Situation, ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """What still breaks, in one situation on one engine."""

    situation: str
    engine: str
    found: str
    first: Disturbance | None
    count: int
    of: int
    reproduce: str | None
    """A command that shows it; None if no single command can."""

    def __str__(self) -> str:
        where = f"{self.situation} ({title_of(self.engine)}): {self.found}"
        if self.first is None:
            return where
        return f"{where}. First: {self.first.words}. {self.count} of {self.of} disturbances"


@dataclass(frozen=True, slots=True)
class Grade:
    """The verdict on an answer."""

    cheats: Sequence[str] = ()
    missing: Sequence[str] = ()
    """Steps that the exercise asks for and the answer does not have."""
    broken: Sequence[Broken] = ()
    tried: int = field(default=0)
    """How many simulations were made."""

    @property
    def passed(self) -> bool:
        return not self.cheats and not self.missing and not self.broken


def grade(exercise: Scenario, answer: Scenario, grading: Grading, name: str = "mine.yaml") -> Grade:
    """Runs the answer in every situation, unless it changes what the exercise is; `name`: the answer's file."""
    found = cheats(exercise, answer, grading.keeps, grading.may_change)
    if found:
        return Grade(cheats=found)
    missing = [name for name in grading.needs if name not in {step.run for _, step in answer.runs()}]
    if missing:
        return Grade(missing=missing)
    broken: list[Broken] = []
    tried = 0
    for situation in grading.situations:
        for engine in situation.engines or grading.engines:
            results = list(_tried(situation, answer, engine))
            tried += len(results)
            wrong = [(each, what) for each, what in results if what is not None]
            if wrong:
                first, what = wrong[0]
                shown = first is not None and first.phrase is not None and not situation.patch
                command = reproduce((first,), engine, 0, answer, Origin(name)) if first is not None and shown else None
                broken.append(Broken(situation.says, engine, what, first, len(wrong), len(results), command))
    return Grade(broken=broken, tried=tried)


def _tried(situation: Situation, answer: Scenario, engine: str) -> Iterator[tuple[Disturbance | None, str | None]]:
    """Each simulation of a situation: what disturbed it, and what was wrong then."""
    asked = laid_over(answer, situation)
    for seed in situation.seeds:
        bare = calm(asked)
        base = undisturbed(bare, engine, seed=seed)
        known = Calm.of(base.trace)
        if not situation.what:
            trace = simulate(asked, engine, seed=seed, full=True, records=False)
            yield None, _wrong(situation, asked, known, trace)
            continue
        try:
            chosen = list(points(asked, base, situation.what, events=situation.events))
        except NothingToExplore as nothing:
            yield None, str(nothing)
            continue
        for each in chosen:
            trace = simulate(each.applied_to(bare), engine, seed=seed, full=True, records=False)
            yield each, _wrong(situation, bare, known, trace)


def laid_over(answer: Scenario, situation: Situation) -> Scenario:
    """The answer in a situation: its patch, its expectations, and no faults of its own unless they are the point."""
    plain = as_plain(answer if situation.keeps_faults else calm(answer))
    plain["expect"] = situation.expect
    return parse_scenario(as_yaml(Scenario.model_validate(_merged(plain, situation.patch))))


def _merged(plain: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    merged = dict(plain)
    for key, value in patch.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


_PROMISES: Final = frozenset(ALWAYS)


def _wrong(situation: Situation, scenario: Scenario, known: Calm, trace: Trace) -> str | None:
    """The first thing that does not hold, in words."""
    for verdict in verdicts(scenario, trace):
        if not verdict.held:
            return f"expected {verdict.expected}; found {verdict.found}"
    for promise in situation.always:
        sentence, check = ALWAYS[promise]
        found = check(scenario, known, trace)
        if found is not None:
            return f"{sentence}: not so, {found}"
    completed = sum(run.status == "completed" for run in trace.started)
    if completed < situation.runs:
        return f"{situation.runs} runs were asked for and {completed} completed"
    lasted = min((run.ended_at - run.started_at for run in trace.started if run.ended_at is not None), default=0)
    if lasted < situation.lasts_at_least:
        least = format_duration(situation.lasts_at_least)
        return f"a run lasted only {format_duration(lasted)}; its work takes at least {least}. Do not make it smaller"
    if situation.waste_at_most is not None:
        waste = sum(mark.price for mark in effects(trace) if mark.duplicate)
        if waste > situation.waste_at_most + 1e-9:
            return f"repeated calls cost {waste:.2f} USD; at most {situation.waste_at_most:.2f} USD is allowed"
    return None
