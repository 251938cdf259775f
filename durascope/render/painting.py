"""What happened to each step of a scenario in a run, for the workflow view that is coloured with it.

Of many runs of a workflow it is the worst one: what happened to all of them at once happened to none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from durascope.models.effects import effects, recoveries
from durascope.models.scenario import Scenario
from durascope.models.spans import Span, spans
from durascope.models.steps import Call, Run
from durascope.models.trace import Kind, RunSummary, Trace
from durascope.models.waits import longest
from durascope.render.theme import State

_WORST_FIRST: Final[tuple[State, ...]] = ("crashed", "undone", "retried", "replayed", "done", "never-reached")
_REACHED: Final = frozenset({Kind.STEP_SCHEDULED, Kind.STEP_STARTED, Kind.STEP_RECORDED, Kind.TIMER_SET})


@dataclass(frozen=True, slots=True)
class Painting:
    """What happened to each step, by its label, and in which run."""

    states: Mapping[str, State]
    whose: str
    """`run 7 of 300`"""


def painted(trace: Trace, scenario: Scenario, all_spans: Sequence[Span] | None = None) -> Painting:
    """Each step's label with the worst that happened to it in one run of its workflow and in what that run started."""
    all_spans = spans(trace, scenario) if all_spans is None else all_spans
    chosen = _chosen(trace, all_spans)
    names = _family(trace, chosen)
    found: dict[str, set[State]] = {}
    for span in all_spans:
        if span.kind == "running" and span.step is not None and span.run in names:
            states = found.setdefault(span.step, set())
            states.add("crashed" if span.ended == "crashed" else "done")
            if span.ended in ("failed", "dropped", "abandoned") or (span.attempt or 1) > 1:
                states.add("retried")
    for event in trace.events:
        if event.step is None or event.run not in names:
            continue
        if event.kind is Kind.REPLAY_STEP:
            found.setdefault(event.step, set()).add("replayed")
        elif event.kind in _REACHED:
            found.setdefault(event.step, set()).add("done")
    for label, undo in _undo(scenario).items():
        if undo in found:
            found.setdefault(label, set()).add("undone")
    return Painting({label: _worst(label, found) for label in _labels(scenario)}, _whose(trace, chosen))


# ---- which runs ----------------------------------------------------------------------------------------------


def _chosen(trace: Trace, all_spans: Sequence[Span]) -> list[RunSummary]:
    """Of each workflow's runs that were started from outside, the one that stood still longest, else the first that
    did something twice or has not ended, else the first."""
    worst = longest(recoveries(trace, all_spans))
    again = {mark.run for mark in effects(trace) if mark.duplicate}
    ranked = sorted(
        trace.started,
        key=lambda run: (worst is None or run.name != worst.run, run.name not in again, run.ended_at is not None),
    )
    return list({run.workflow: run for run in reversed(ranked)}.values())[::-1]


def _family(trace: Trace, chosen: Iterable[RunSummary]) -> set[str | None]:
    """They and what they have called or started; parents stand before their children."""
    names: set[str | None] = {run.name for run in chosen}
    for run in trace.runs:
        if run.parent in names and run.parent is not None:
            names.add(run.name)
    return names


def _whose(trace: Trace, chosen: Sequence[RunSummary]) -> str:
    counts = Counter(run.workflow for run in trace.started)
    return " and ".join(
        run.name if counts[run.workflow] == 1 else f"{run.name} of {counts[run.workflow]}" for run in chosen
    )


# ---- which steps ---------------------------------------------------------------------------------------------


def _labels(scenario: Scenario) -> list[str]:
    return [step.label for workflow in scenario.workflows.values() for step in workflow.walk()] + list(
        _undo(scenario).values()
    )


def _undo(scenario: Scenario) -> dict[str, str]:
    """The label of what undoes a step, by the step's."""
    steps = (step for workflow in scenario.workflows.values() for step in workflow.walk())
    undoable = (step for step in steps if isinstance(step, Run | Call))
    return {step.label: undo.label for step in undoable if (undo := step.undo_step) is not None}


def _worst(label: str, found: Mapping[str, set[State]]) -> State:
    """A label with loop variables stands for all steps that it may have named."""
    states = set(found.get(label, ()))
    if "{" in label:
        named = re.compile(re.sub(r"\\\{\w+\\\}", ".+", re.escape(label)))
        for name, theirs in found.items():
            if named.fullmatch(name):
                states |= theirs
    for state in _WORST_FIRST:
        if state in states:
            return state
    return "never-reached"
