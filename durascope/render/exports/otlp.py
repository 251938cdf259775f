"""OTLP JSON: a trace for each run, a resource for each component, a span for each attempt of a step.

A run is its trace's root span. Under it stand the executions of workflow code, their replays, the attempts of steps,
and what waits. A replay links to the attempts whose recorded results it passes. The simulation's clock starts at
`EPOCH`, so that backends that want a real date have one; ids are made of the seed, so the bytes are always the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Final

from durascope.models.effects import EffectMark, effects
from durascope.models.scenario import Scenario
from durascope.models.spans import Span, spans
from durascope.models.trace import Kind, RunSummary, Trace

EPOCH: Final = 1_767_225_600
"""1 January 2026, 00:00 UTC, in seconds: the simulation's 0."""
_INTERNAL, _CLIENT = 1, 3
_OK, _ERROR = 1, 2


def write(trace: Trace, scenario: Scenario) -> Iterator[str]:
    """An `ExportTraceServiceRequest` in the JSON encoding of OTLP (ids as hex, times as strings of nanoseconds).

    A span a line, made when it is written: hundred thousands of them are too large as objects.
    """
    made = _Spans(trace, scenario)
    yield '{"resourceSpans": ['
    for lanes, (lane, found) in enumerate(made.by_lane().items()):
        yield f"{',' if lanes else ''}\n{_head(trace, lane)}"
        for place, each in enumerate(found):
            yield f"{',' if place else ''}\n{_json(made.span(each))}"
        yield "\n]}]}"
    yield "\n]}\n"


def _head(trace: Trace, lane: str) -> str:
    """A component up to its spans."""
    resource = {
        "service.name": lane,
        "service.namespace": trace.scenario,
        "durascope.engine": trace.engine,
        "durascope.seed": trace.seed,
    }
    attributes = _json({"attributes": _attributes(resource)})
    scope = _json({"name": "durascope", "version": trace.version})
    return f'{{"resource": {attributes}, "scopeSpans": [{{"scope": {scope}, "spans": ['


class _Spans:
    """Makes the spans of one trace."""

    def __init__(self, trace: Trace, scenario: Scenario) -> None:
        self.trace = trace
        self.spans = [span for span in spans(trace, scenario) if span.run is not None]
        self.marks = {mark.event: mark for mark in effects(trace)}
        self.services = {step.label: step.on for _, step in scenario.runs()}
        self.root = {run.name: self.id("run", run.name) for run in trace.runs}
        self.done: dict[tuple[str | None, str | None], list[Span]] = {}
        for span in self.spans:
            if span.kind == "running":
                self.done.setdefault((span.run, span.step), []).append(span)

    def by_lane(self) -> dict[str, list[RunSummary | Span]]:
        """What each component shows as spans of its own: the runs that it began, then what it did."""
        lanes: dict[str, list[RunSummary | Span]] = {}
        starts = {event.run: event.lane for _, event in self.trace.of_kind(Kind.RUN_STARTED)}
        for run in self.trace.runs:
            lanes.setdefault(starts.get(run.name, self.trace.engine), []).append(run)
        for span in self.spans:
            lanes.setdefault(span.lane, []).append(span)
        return lanes

    def span(self, shown: RunSummary | Span) -> dict[str, object]:
        return self._run(shown) if isinstance(shown, RunSummary) else self._span(shown)

    def id(self, *what: object, length: int = 16) -> str:
        text = "\0".join(map(str, (self.trace.scenario, self.trace.engine, self.trace.seed, *what)))
        return sha256(text.encode()).hexdigest()[:length]

    def trace_id(self, run: str) -> str:
        return self.id("trace", run, length=32)

    def span_id(self, span: Span) -> str:
        return self.id("span", span.kind, span.events[0])

    def _run(self, run: RunSummary) -> dict[str, object]:
        end = run.ended_at if run.ended_at is not None else self.trace.ended_at
        failed = run.status not in ("completed", "continued-as-new", "running")
        return {
            "traceId": self.trace_id(run.name),
            "spanId": self.root[run.name],
            "name": run.workflow,
            "kind": _INTERNAL,
            "startTimeUnixNano": _nanoseconds(run.started_at),
            "endTimeUnixNano": _nanoseconds(end),
            "attributes": _attributes({"durascope.run": run.name, "durascope.status": run.status}),
            "status": {"code": _ERROR, "message": run.status} if failed else {"code": _OK},
        }

    def _span(self, span: Span) -> dict[str, object]:
        run = span.run or ""
        bad = span.ended in ("crashed", "failed", "dropped", "abandoned")
        had = [self.marks[event] for event in span.events if event in self.marks]
        made: dict[str, object] = {
            "traceId": self.trace_id(run),
            "spanId": self.span_id(span),
            "parentSpanId": self.root.get(run, ""),
            "name": _name(span),
            "kind": _CLIENT if span.kind == "running" and self.services.get(span.step or "") else _INTERNAL,
            "startTimeUnixNano": _nanoseconds(span.start),
            "endTimeUnixNano": _nanoseconds(span.end),
            "attributes": _attributes(self._of(span, had)),
            "events": [_effect(mark) for mark in had],
            "links": [{"traceId": self.trace_id(run), "spanId": each} for each in self._replayed(span)],
            "status": {"code": _ERROR, "message": span.detail or span.ended} if bad else {"code": _OK},
        }
        return {key: value for key, value in made.items() if value != []}

    def _of(self, span: Span, had: Sequence[EffectMark]) -> dict[str, object]:
        attributes: dict[str, object] = {
            "durascope.kind": span.kind,
            "durascope.run": span.run,
            "durascope.step": span.step,
            "durascope.attempt": span.attempt,
            "durascope.ended": span.ended,
            "durascope.detail": span.detail or None,
            "peer.service": self.services.get(span.step or "") if span.kind == "running" else None,
        }
        if had:
            attributes["durascope.duplicate_effect"] = any(mark.duplicate for mark in had)
        return {key: value for key, value in attributes.items() if value is not None}

    def _replayed(self, span: Span) -> Iterable[str]:
        """The attempts whose results the replay passes: of each step the last that had ended by then."""
        if span.kind != "replaying":
            return
        for number in span.events:
            event = self.trace.events[number]
            if event.kind is Kind.REPLAY_STEP:
                ended = [
                    each
                    for each in self.done.get((span.run, event.step), ())
                    if each.end <= event.at and each.ended == "done"
                ]
                if ended:
                    yield self.span_id(ended[-1])


def _name(span: Span) -> str:
    return {
        "running": span.step or "step",
        "replaying": "replay",
        "queued": f"queued in {span.detail}" if span.detail else "queued",
        "working": (span.detail or "workflow code").split(" → ")[0],
    }.get(span.kind, f"{span.kind} {span.step or ''}".strip())


def _effect(mark: EffectMark) -> dict[str, object]:
    name = "duplicate effect" if mark.duplicate else "deduplicated effect" if mark.deduplicated else "effect"
    return {
        "timeUnixNano": _nanoseconds(mark.at),
        "name": name,
        "attributes": _attributes({"peer.service": mark.service, "durascope.price_usd": mark.price or None}),
    }


def _nanoseconds(at: int) -> str:
    return str((EPOCH * 1_000_000 + at) * 1_000)


def _attributes(values: Mapping[str, object]) -> list[dict[str, object]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items() if value is not None]


def _value(value: object) -> dict[str, object]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case _:
            return {"stringValue": str(value)}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
