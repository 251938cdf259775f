"""The work of an exercise, as a trace shows it: how much there was, in which order, and whether it was undone.

What a learner must not shirk: a sleep is no import, and a refund that is always made undoes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import pairwise

from durascope.experiments.exploration.properties import effects_per_run
from durascope.models.phrases import spell
from durascope.models.spans import Span, spans
from durascope.models.trace import Kind, RunSummary, Trace


def too_little(trace: Trace, wanted: Mapping[str, int], computing: Container[str]) -> str | None:
    """Less work than there is to do (microseconds) before a step begins, in words; `computing`: steps that have no
    effect, and are work all the same."""
    found = spans(trace)
    for run in trace.started:
        work = list(_work(run, found, trace, computing))
        for step, least in wanted.items():
            begun = min((each.start for each in work if each.step == step), default=trace.ended_at)
            done = sum(min(each.end, begun) - each.start for each in work if each.start < begun)
            if done < least:
                did = f"only {spell(done)}" if done else "none"
                return f"{did} of the work was done before `{step}`; it takes {spell(least)}. Do not make it smaller"
    return None


def begun_again(trace: Trace, most: Mapping[str, int]) -> str | None:
    """A step that began more often than it may, in words."""
    begun = Counter(event.step for _, event in trace.of_kind(Kind.STEP_STARTED))
    wrong = next((step for step, number in most.items() if begun[step] > number), None)
    return None if wrong is None else f"`{wrong}` began {begun[wrong]} times"


def out_of_order(trace: Trace, orders: Sequence[Sequence[str]]) -> str | None:
    """Two steps of a run whose first effects came in another order than in one of `orders`, in words."""
    first: dict[tuple[str | None, str | None], int] = {}
    for number, event in trace.of_kind(Kind.STEP_AFTER_EFFECT):
        first.setdefault((event.run, event.step), number)
    for run in trace.runs:
        for order in orders:
            happened = [step for step in order if (run.name, step) in first]
            for before, after in pairwise(happened):
                if first[run.name, after] < first[run.name, before]:
                    return f"`{after}` happened before `{before}`; keep the order"
    return None


def left_behind(trace: Trace, undoes: Mapping[str, str]) -> str | None:
    """A step that had its effect in a run which did not complete, and whose undo had none, in words."""
    had = effects_per_run(trace)
    for run in trace.started:
        for step, undo in undoes.items():
            if run.status != "completed" and had.get((run.name, step), 0) > had.get((run.name, undo), 0):
                return f"`{step}` happened and `{undo}` did not"
    return None


def _work(run: RunSummary, found: Sequence[Span], trace: Trace, computing: Container[str]) -> Iterator[Span]:
    for each in found:
        if (
            each.kind == "running"
            and each.run == run.name
            and each.step is not None
            and (trace.effects.get(each.step, 0) or each.step in computing)
        ):
            yield each
