"""Markdown: how the runs ended, what each step's attempts did, and what the record says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from durascope.models.effects import EffectMark, effects, recoveries
from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.spans import Span, spans
from durascope.models.trace import Trace
from durascope.render.sheet import heading_of, outcome_of

_FAULTS: Final = {"deploy": "stop for new code"}


def write(trace: Trace, scenario: Scenario) -> bytes:
    """The trace as a document of tables."""
    all_spans, marks = spans(trace, scenario), effects(trace)
    parts = [
        f"# {_cell(heading_of(scenario, trace))}",
        f"{outcome_of(trace)}. Seed {trace.seed}, durascope {trace.version}.",
        "## Runs",
        _table(("run", "workflow", "started", "lasted", "ended as"), _runs(trace)),
        "## Attempts",
        _table(("run", "step", "attempt", "on", "began", "lasted", "ended", "effect"), _attempts(all_spans, marks)),
    ]
    stood_still = [
        (
            each.run,
            f"{_FAULTS.get(each.fault, each.fault)} of {each.lane}",
            spell(each.at),
            "never" if each.lasts is None else spell(each.lasts),
        )
        for each in recoveries(trace, all_spans)
    ]
    if stood_still:
        parts += ["## Recovery", _table(("run", "fault", "at", "work went on after"), stood_still)]
    if trace.notes:
        parts += ["## Notes", "\n".join(f"- {note}" for note in trace.notes)]
    return ("\n\n".join(parts) + "\n").encode("utf-8")


def _runs(trace: Trace) -> Iterable[tuple[str, ...]]:
    for run in trace.runs:
        lasted = "" if run.ended_at is None else spell(run.ended_at - run.started_at)
        yield run.name, run.workflow, spell(run.started_at), lasted, run.status


def _attempts(all_spans: Sequence[Span], marks: Sequence[EffectMark]) -> Iterable[tuple[str, ...]]:
    by_event = {mark.event: mark for mark in marks}
    for span in all_spans:
        if span.kind != "running":
            continue
        had = [by_event[event] for event in span.events if event in by_event]
        effect = "; ".join("again" if m.duplicate else "known to the service" if m.deduplicated else "yes" for m in had)
        ended = span.ended + (f": {span.detail}" if span.detail else "")
        attempt = "" if span.attempt is None else str(span.attempt)
        yield span.run or "", span.step or "", attempt, span.lane, spell(span.start), spell(span.lasts), ended, effect


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
