"""Questions: what a learner predicts before the scenario is run, and the run that confirms or refutes it.

No answer is stored: each choice is a claim about a measured figure of each engine, and the simulation decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from durascope.models.conditions import Condition
from durascope.models.effects import effects, recoveries
from durascope.models.scenario import Scenario
from durascope.models.trace import Kind, Trace
from durascope.models.units import SECOND
from durascope.simulators.simulate import simulate


class Choice(BaseModel):
    """One of the answers to choose from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    says: str
    claims: tuple[Condition, ...] = Field(min_length=1)
    """All must hold, each over the figures of the engines by name: `temporal == 2`."""

    def refuted_by(self, figures: Mapping[str, float]) -> Condition | None:
        """The first claim that does not hold; None: the prediction is right."""
        return next((claim for claim in self.claims if not claim.holds(figures)), None)


class Question(BaseModel):
    """A question about the lesson's scenario; exactly one choice is right."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asks: str
    measure: str
    """What is measured on each engine: a key of `MEASURES`, and the step that it is of, if any: `effects charge`."""
    engines: tuple[str, ...] = ("temporal", "inngest", "restate")
    choices: tuple[Choice, ...] = Field(min_length=2, max_length=6)

    @property
    def letters(self) -> Mapping[str, Choice]:
        return dict(zip("abcdef", self.choices, strict=False))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the simulations say about a question."""

    question: Question
    traces: Mapping[str, Trace]
    figures: Mapping[str, float]

    @property
    def right(self) -> str:
        """The letter of the choice that holds."""
        holding = [letter for letter, choice in self.question.letters.items() if not choice.refuted_by(self.figures)]
        if len(holding) != 1:
            raise AssertionError(f"{len(holding)} choices hold for {dict(self.figures)}: {self.question.asks}")
        return holding[0]

    def moment(self, engine: str) -> int | None:
        """The event that shows the figure of an engine: the last of those that it counts; None: there is none."""
        measure, _, step = self.question.measure.partition(" ")
        trace = self.traces[engine]
        kind = _SHOWN_BY.get(measure, Kind.RUN_ENDED)
        return max((n for n, event in trace.of_kind(kind) if not step or event.step == step), default=None)

    def counterexample(self, letter: str) -> tuple[str, ...]:
        """The engines whose run refutes a choice; empty: it is right. Raises `KeyError` for another letter."""
        refuted = self.question.letters[letter].refuted_by(self.figures)
        if refuted is None:
            return ()
        return tuple(engine for engine in self.question.engines if engine in refuted.names)


def answer(scenario: Scenario, question: Question, *, seed: int = 0) -> Answer:
    """Runs the scenario on the question's engines and measures what is asked."""
    traces = {engine: simulate(scenario, engine, seed=seed, full=True) for engine in question.engines}
    measure, _, step = question.measure.partition(" ")
    figures = {engine: MEASURES[measure](trace, step) for engine, trace in traces.items()}
    return Answer(question, traces, figures)


def _effects(trace: Trace, step: str) -> float:
    return sum(1 for mark in effects(trace) if mark.step == step and not mark.deduplicated)


def _attempts(trace: Trace, step: str) -> float:
    return sum(1 for _, event in trace.of_kind(Kind.STEP_STARTED) if event.step == step)


def _recovery(trace: Trace, _step: str) -> float:
    return max((found.lasts or 0 for found in recoveries(trace)), default=0) / SECOND


def _duration(trace: Trace, _step: str) -> float:
    return max((run.ended_at - run.started_at for run in trace.started if run.ended_at is not None), default=0) / SECOND


def _completed(trace: Trace, _step: str) -> float:
    return sum(1 for run in trace.started if run.status == "completed")


def _waste(trace: Trace, _step: str) -> float:
    """US dollars; rounded to a hundredth of a cent, so that a claim may name the sum."""
    return round(sum(mark.price for mark in effects(trace) if mark.duplicate), 4)


def _replays(trace: Trace, _step: str) -> float:
    return sum(1 for _ in trace.of_kind(Kind.REPLAY_STARTED))


def _overlaps(trace: Trace, _step: str) -> float:
    """How many runs began while another one of their workflow and key was between its first and its last step."""
    spans: dict[tuple[str, str | None], list[tuple[int, int]]] = {}
    for run in trace.started:
        times = [event.at for event in trace.events if event.run == run.name and event.step is not None]
        if times:
            spans.setdefault((run.workflow, run.key), []).append((min(times), max(times)))
    return sum(later[0] < earlier[1] for each in spans.values() for earlier, later in pairwise(sorted(each)))


MEASURES: Final[Mapping[str, Callable[[Trace, str], float]]] = {
    "effects": _effects,
    "attempts": _attempts,
    "recovery": _recovery,
    "duration": _duration,
    "completed": _completed,
    "waste": _waste,
    "replays": _replays,
    "overlaps": _overlaps,
}
"""Figures of a trace: effects and attempts of a step; the longest recovery and run, in seconds; completed runs; the
price of duplicate effects, in US dollars."""

_SHOWN_BY: Final[Mapping[str, Kind]] = {
    "effects": Kind.STEP_AFTER_EFFECT, "attempts": Kind.STEP_STARTED, "waste": Kind.STEP_AFTER_EFFECT,
    "replays": Kind.REPLAY_STARTED, "overlaps": Kind.STEP_STARTED,
}  # fmt: skip
"""What happens each time that a figure grows; for the others a run ends."""

UNITS: Final[Mapping[str, str]] = {
    "effects": "effects", "attempts": "attempts", "recovery": "s", "duration": "s", "completed": "completed runs",
    "waste": "USD", "replays": "replays", "overlaps": "overlaps",
}  # fmt: skip
