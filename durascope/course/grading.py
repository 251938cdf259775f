"""Grading: a learner's scenario is run in hidden situations, and what still breaks is reported, never the answer.

A situation is a disturbed world: other events, a service that rejects, a process that dies at every moment in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from durascope.course.cheating import cheats
from durascope.course.work import begun_again, left_behind, out_of_order, too_little
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
from durascope.models.effects import effects
from durascope.models.engine import title_of
from durascope.models.overrides import Overrides
from durascope.models.phrases import fault_text, spell
from durascope.models.reading import scenario_of
from durascope.models.scenario import Scenario
from durascope.models.source import Source
from durascope.models.steps import Compute
from durascope.models.trace import Trace
from durascope.models.units import Duration
from durascope.models.writing import as_plain, as_yaml
from durascope.models.yaml12 import compose
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
    sets: tuple[str, ...] = ()
    """What it sets inside of the answer's steps, as `--set` does: `workflows.order.steps.ship.fails=null`."""
    lasts_at_least: Duration = 0
    """A run that ends sooner has less to do than the exercise has."""
    work_before: dict[str, Duration] = {}
    """How long the steps before a step must work. Only steps with an effect work, and the workflow's own code."""
    begins: dict[str, int] = {}
    """How many times a step may begin."""
    undoes: dict[str, str] = {}
    """Steps and what must have happened if they did and the run did not complete."""
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
    order: tuple[tuple[str, ...], ...] = ()
    """Steps whose first effects must come in that order; left out: that of `keeps`."""
    needs: dict[str, str] = {}
    """Steps that the exercise asks for, and the service that each must call."""
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
        article = "the " if self.first.target in ("app", "engine") else ""
        example = article + fault_text(self.first.as_fault).replace(" (attempt 1)", "")
        return f"{where}. For example, when {example}. So it is with {self.count} of {self.of} moments"


@dataclass(frozen=True, slots=True)
class Grade:
    """The verdict on an answer."""

    cheats: Sequence[str] = ()
    missing: Sequence[str] = ()
    """What the exercise asks for and the answer does not have, in sentences."""
    broken: Sequence[Broken] = ()
    tried: int = field(default=0)
    """How many simulations were made."""

    @property
    def passed(self) -> bool:
        return not self.cheats and not self.missing and not self.broken


def grade(exercise: Scenario, answer: Scenario, grading: Grading, name: str = "mine.yaml") -> Grade:
    """Runs the answer in every situation, unless it changes what the exercise is; `name`: the answer's file."""
    found = cheats(exercise, answer, grading.keeps, grading.may_change, grading.needs)
    if found:
        return Grade(cheats=found)
    steps = {step.run: step for _, step in answer.runs()}
    missing = [
        f"There is no step `{name}` yet. The exercise asks for one with that name."
        if name not in steps
        else f"`{name}` does not call `{service}`. Its effect must happen there."
        for name, service in grading.needs.items()
        if name not in steps or steps[name].on != service
    ]
    if missing:
        return Grade(missing=missing)
    order = grading.order or (grading.keeps,)
    broken: list[Broken] = []
    tried = 0
    for situation in grading.situations:
        for engine in situation.engines or grading.engines:
            results = list(_tried(situation, answer, engine, order))
            tried += len(results)
            wrong = [(each, what) for each, what in results if what is not None]
            if wrong:
                first, what = wrong[0]
                shown = first is not None and first.phrase is not None and not situation.patch
                command = reproduce((first,), engine, 0, answer, Origin(name)) if first is not None and shown else None
                broken.append(Broken(situation.says, engine, what, first, len(wrong), len(results), command))
    return Grade(broken=broken, tried=tried)


def _tried(
    situation: Situation, answer: Scenario, engine: str, order: Sequence[Sequence[str]]
) -> Iterator[tuple[Disturbance | None, str | None]]:
    """Each simulation of a situation: what disturbed it, and what was wrong then."""
    asked = laid_over(answer, situation)
    for seed in situation.seeds:
        bare = calm(asked)
        base = undisturbed(bare, engine, seed=seed)
        if not situation.what:
            trace = simulate(asked, engine, seed=seed, full=True, records=False)
            yield None, _wrong(situation, asked, base.trace, trace) or out_of_order(trace, order)
            continue
        try:
            chosen = list(points(asked, base, situation.what, events=situation.events))
        except NothingToExplore as nothing:
            yield None, str(nothing)
            continue
        for each in chosen:
            trace = simulate(each.applied_to(bare), engine, seed=seed, full=True, records=False)
            yield each, _wrong(situation, bare, base.trace, trace)


def laid_over(answer: Scenario, situation: Situation) -> Scenario:
    """The answer in a situation: its patch, its expectations, and no faults of its own unless they are the point."""
    plain = as_plain(answer if situation.keeps_faults else calm(answer))
    plain["expect"] = situation.expect
    text = as_yaml(Scenario.model_validate(_merged(plain, situation.patch)))
    value, problems = compose(Source(answer.scenario, text))
    value, wrong = Overrides(situation.sets).applied_to(value)
    return scenario_of(value, [*problems, *wrong])


def _merged(plain: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    merged = dict(plain)
    for key, value in patch.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _wrong(situation: Situation, scenario: Scenario, known: Trace, trace: Trace) -> str | None:
    """The first thing that does not hold, in words; `known`: what happens undisturbed."""
    return next((found for found in _findings(situation, scenario, known, trace) if found is not None), None)


def _findings(situation: Situation, scenario: Scenario, known: Trace, trace: Trace) -> Iterator[str | None]:
    for verdict in verdicts(scenario, trace):
        yield None if verdict.held else f"expected {verdict.expected}; found {verdict.found}"
    for promise in situation.always:
        sentence, check = ALWAYS[promise]
        found = check(scenario, Calm.of(known), trace)
        yield None if found is None else f"{sentence}: not so, {found}"
    yield left_behind(trace, situation.undoes)
    completed = sum(run.status == "completed" for run in trace.started)
    if completed < situation.runs:
        yield f"{situation.runs} runs were asked for and {completed} completed"
    lasted = min((run.ended_at - run.started_at for run in trace.started if run.ended_at is not None), default=0)
    if lasted < situation.lasts_at_least:
        least = spell(situation.lasts_at_least)
        yield f"a run lasted only {spell(lasted)}; its work takes at least {least}. Do not make it smaller"
    computing = {
        step.label for each in scenario.workflows.values() for step in each.walk() if isinstance(step, Compute)
    }
    yield too_little(trace, situation.work_before, computing)
    yield begun_again(trace, situation.begins)
    if situation.waste_at_most is not None:
        waste = sum(mark.price for mark in effects(trace) if mark.duplicate)
        if waste > situation.waste_at_most + 1e-9:
            yield f"repeated calls cost {waste:.2f} USD; at most {situation.waste_at_most:.2f} USD is allowed"
