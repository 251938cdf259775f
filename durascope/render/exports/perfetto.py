"""Perfetto: a native TrackEvent trace, for ui.perfetto.dev or its trace processor.

Each run and each component is a process. What overlaps is put on threads of its own, so that every slice is drawn as
long as it is; queues are counters; effects, crashes and restarts are instants. Flows lead from what caused a piece of
work to that work, along the trace's own causes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Final

from durascope.models.effects import EffectMark, effects
from durascope.models.scenario import Scenario
from durascope.models.spans import Span, ripe, spans
from durascope.models.trace import Kind, Trace
from durascope.render.exports import MissingExtra
from durascope.render.queues import loads

_SEQUENCE: Final = 1
_FAR: Final = 40
"""A flow may begin at most this many causes back."""


def write(trace: Trace, scenario: Scenario) -> bytes:
    """The trace's bytes; raises `MissingExtra` without the package `perfetto`."""
    try:
        types: Any = import_module("perfetto.protos.perfetto.trace.perfetto_trace_pb2")
    except ImportError as error:
        raise MissingExtra("the format perfetto", "traces") from error
    return _Writer(types, trace, scenario).bytes()


class _Writer:
    """Collects packets in order of time."""

    def __init__(self, types: Any, trace: Trace, scenario: Scenario) -> None:
        self.types = types
        self.trace = trace
        self.spans = spans(trace, scenario)
        self.marks = effects(trace)
        self.packets: list[tuple[int, int, Any]] = []
        self.descriptors: list[Any] = []
        self.uuid = 0
        self.flows_out: dict[int, list[int]] = {}
        self.flows_in: dict[int, list[int]] = {}
        for number, (source, target) in enumerate(flows(trace, self.spans), start=1):
            self.flows_out.setdefault(id(source), []).append(number)
            self.flows_in.setdefault(id(target), []).append(number)

    def bytes(self) -> bytes:
        self._runs()
        self._components()
        self._queues()
        made = self.types.Trace()
        made.packet.extend(self.descriptors)
        made.packet.extend(packet for _, _, packet in sorted(self.packets, key=lambda each: each[:2]))
        written: bytes = made.SerializeToString(deterministic=True)
        return written

    # ---- tracks --------------------------------------------------------------------------------------------

    def _runs(self) -> None:
        for number, run in enumerate(self.trace.runs, start=1):
            process = self._process(f"{run.name} · {run.workflow}", number)
            end = run.ended_at if run.ended_at is not None else self.trace.ended_at
            whole = self._thread(process, run.name, number, 0)
            self._slice(whole, f"{run.workflow}: {run.status}", run.started_at, end, {})
            waits = [span for span in self.spans if span.run == run.name and span.kind not in ("working", "replaying")]
            for lane, members in enumerate(apart(waits), start=1):
                thread = self._thread(process, "steps and waits", number, lane)
                for span in members:
                    self._span(thread, span)
            marks = [mark for mark in self.marks if mark.run == run.name]
            if marks:
                self._effects(self._thread(process, "effects", number, 999), marks)

    def _components(self) -> None:
        lanes: dict[str, list[Span]] = {}
        for span in self.spans:
            if span.kind in ("working", "replaying", "down"):
                lanes.setdefault(span.lane, []).append(span)
        for number, (lane, members) in enumerate(lanes.items(), start=10_001):
            process = self._process(lane, number)
            for place, apart_ones in enumerate(apart(members)):
                thread = self._thread(process, "work", number, place)
                for span in apart_ones:
                    self._span(thread, span)
            marks = self._thread(process, "faults", number, 999)
            for kind in (Kind.CRASHED, Kind.RESTARTED, Kind.HUNG, Kind.RESUMED, Kind.DEPLOYED):
                for _, event in self.trace.of_kind(kind):
                    if event.lane == lane:
                        self._instant(marks, kind.value, event.at, {})

    def _queues(self) -> None:
        for load in loads(ripe(self.spans)):
            track = self._descriptor(f"queue {load.name}")
            track.counter.unit = self.types.CounterDescriptor.UNIT_COUNT
            for at, depth in load.depths:
                event = self._event(at, 3).track_event
                event.type, event.track_uuid = self.types.TrackEvent.TYPE_COUNTER, track.uuid
                event.counter_value = depth

    def _descriptor(self, name: str) -> Any:
        self.uuid += 1
        packet = self.types.TracePacket()
        packet.trusted_packet_sequence_id = _SEQUENCE
        packet.track_descriptor.uuid = self.uuid
        packet.track_descriptor.name = name
        self.descriptors.append(packet)
        return packet.track_descriptor

    def _process(self, name: str, pid: int) -> Any:
        track = self._descriptor(name)
        track.process.pid = pid
        track.process.process_name = name
        return track

    def _thread(self, process: Any, name: str, pid: int, place: int) -> int:
        track = self._descriptor(name)
        track.parent_uuid = process.uuid
        track.thread.pid = pid
        track.thread.tid = pid * 1_000 + place
        track.thread.thread_name = name
        return int(track.uuid)

    # ---- events --------------------------------------------------------------------------------------------

    def _event(self, at: int, rank: int) -> Any:
        packet = self.types.TracePacket()
        packet.timestamp = at * 1_000
        packet.trusted_packet_sequence_id = _SEQUENCE
        self.packets.append((at, rank, packet))
        return packet

    def _span(self, track: int, span: Span) -> None:
        step = f"{span.step} #{span.attempt}" if span.step and span.attempt else span.step or ""
        name = {"running": step, "down": f"down: {span.detail}"}.get(
            span.kind, f"{span.kind} {step or span.detail}".strip()
        )
        about = {"run": span.run, "lane": span.lane, "ended": span.ended, "detail": span.detail}
        begin = self._slice(
            track, name, span.start, span.end, {key: str(value) for key, value in about.items() if value}
        )
        begin.categories.append(span.kind)
        begin.flow_ids.extend(self.flows_out.get(id(span), ()))
        begin.terminating_flow_ids.extend(self.flows_in.get(id(span), ()))

    def _slice(self, track: int, name: str, start: int, end: int, about: dict[str, str]) -> Any:
        begin = self._event(start, 1).track_event
        begin.type, begin.track_uuid, begin.name = self.types.TrackEvent.TYPE_SLICE_BEGIN, track, name
        self._annotate(begin, about)
        close = self._event(end, 2 if end == start else 0).track_event
        close.type, close.track_uuid = self.types.TrackEvent.TYPE_SLICE_END, track
        return begin

    def _instant(self, track: int, name: str, at: int, about: dict[str, str]) -> None:
        event = self._event(at, 2).track_event
        event.type, event.track_uuid, event.name = self.types.TrackEvent.TYPE_INSTANT, track, name
        self._annotate(event, about)

    def _effects(self, track: int, marks: Sequence[EffectMark]) -> None:
        for mark in marks:
            again = " again" if mark.duplicate else " (known to the service)" if mark.deduplicated else ""
            about = {"service": mark.service or "", "attempt": str(mark.attempt or "")}
            self._instant(track, f"effect of {mark.step}{again}", mark.at, about)

    def _annotate(self, event: Any, about: dict[str, str]) -> None:
        for key, value in about.items():
            note = event.debug_annotations.add()
            note.name, note.string_value = key, value


def apart(members: Sequence[Span]) -> list[list[Span]]:
    """The spans on as few rows as it takes for none to overlap another on its row."""
    rows: list[list[Span]] = []
    for span in sorted(members, key=lambda each: (each.start, each.events[0])):
        row = next((row for row in rows if row[-1].end <= span.start and row[-1].start < span.start), None)
        if row is None:
            rows.append([span])
        else:
            row.append(span)
    return rows


def flows(trace: Trace, all_spans: Sequence[Span]) -> Iterator[tuple[Span, Span]]:
    """(what led to it, a piece of work): the nearest other span among the causes of its first event."""
    owner = {event: span for span in all_spans for event in span.events}
    for span in all_spans:
        cause, steps = trace.events[span.events[0]].cause, 0
        while cause is not None and steps < _FAR:
            source = owner.get(cause)
            if source is not None and source is not span:
                yield source, span
                break
            cause, steps = trace.events[cause].cause, steps + 1
