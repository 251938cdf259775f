"""Why steps were undone, and what became of the one that was in flight: a sentence from the trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.spans import Span, spans
from durascope.models.trace import Event, Kind, Trace

_CANCEL: Final = "cancel"
"""What engines with a call of their own for it name it, whatever the scenario's signal is called."""


def why_undone(trace: Trace, scenario: Scenario) -> str:
    """What made the first undo begin: an event that cancels, or a step that fails for good; empty: nothing is undone.

    Of a cancellation it tells what became of the step in flight: the run lets it end, ends without it, or goes on
    without it, so that its effect may come after the effect of its undo.
    """
    undo = {undo.label: step.label for _, step in scenario.runs() if (undo := step.undo_step) is not None}
    if not any(event.step in undo for _, event in trace.of_kind(Kind.STEP_STARTED)):
        return ""
    running = [span for span in spans(trace, scenario) if span.kind == "running"]
    first = next((span for span in running if span.step in undo), None)
    if first is None:
        return ""
    event = _cancels(trace, scenario, first)
    if event is not None:
        flying = [each for each in running if each.start <= event.at < each.end and each.step in undo.values()]
        for span in flying:
            told = _in_flight(trace, event, span, running, undo)
            if told:
                return told
        return f"{event.detail} arrives: what has begun is undone, the last step first."
    return _failed(trace, first)


def _failed(trace: Trace, first: Span) -> str:
    """Of what a run that undoes has failed: its last step, unless that was answered in the end."""
    rest = "what has begun is undone, the last step first"
    tried = [
        event for _, event in trace.of_kind(Kind.STEP_FAILED, Kind.STEP_REPORTED)
        if event.at <= first.start and event.run == first.run
    ]  # fmt: skip
    last = tried[-1] if tried else None
    if last is not None and last.kind is Kind.STEP_FAILED:
        error = "" if last.detail is None else f" ({last.detail})"
        return f"the step {last.step} fails for good{error}: {rest}."
    return f"{first.run} fails: {rest}." if any(run.status == "failed" for run in trace.runs) else ""


def _cancels(trace: Trace, scenario: Scenario, first: Span) -> Event | None:
    """The last event before the undo that cancels."""
    names = {_CANCEL} | {
        name for workflow in scenario.workflows.values() for name, signal in workflow.signals.items()
        if signal.then != "ignore"
    }  # fmt: skip
    came = (event for _, event in trace.of_kind(Kind.EVENT_RECEIVED) if event.detail in names)
    mine = [event for event in came if event.at <= first.start and event.run in (first.run, None)]
    return mine[-1] if mine else None


def _in_flight(trace: Trace, event: Event, span: Span, running: Sequence[Span], undo: Mapping[str, str]) -> str:
    """What becomes of a step that runs when the event comes; empty: it is not undone."""
    step = str(span.step)
    mine = [each for each in running if each.start >= event.at and undo.get(str(each.step)) == step]
    undoing = next((each for each in mine if each.run == span.run), mine[0] if mine else None)
    if undoing is None:
        return ""
    ended = next((run.ended_at for run in trace.runs if run.name == span.run), None)
    if ended is not None and ended < undoing.start and ended < span.end:
        dropped = any(each.step == step and each.run == span.run for _, each in trace.of_kind(Kind.STEP_DROPPED))
        left = ", its result is dropped" if dropped else ""
        on = f"{step} goes on for {spell(span.end - event.at)}{left}, and {undoing.run} undoes it"
        return f"{event.detail} ends {span.run} at once: {on}."
    if undoing.start < span.end:
        after = span.end - undoing.end
        late = f"its effect comes {spell(after)} after that of its undo" if after > 0 else "it goes on"
        return f"{event.detail} makes {step} fail at once, but cannot stop the call in flight: {late}."
    return f"{event.detail} comes while {step} is in flight: the code waits for its end and then undoes it."
