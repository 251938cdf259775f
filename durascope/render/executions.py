"""A run's record and the executions of its code: which entry each of them read back, and which it added."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from durascope.models.spans import Span
from durascope.models.trace import Kind, Trace

_APART: Final = frozenset(
    {Kind.TASK_QUEUED, Kind.TASK_PICKED_UP, Kind.TIMER_FIRED, Kind.EVENT_RECEIVED, Kind.STEP_STARTED}
)
"""What follows from these was not done by the execution before."""
_UNHEARD: Final = ("-> lost", "-> unheard")
_ENDS: Final = 30
"""Executions at the beginning and at the end, and beside a crash, that may get a column; of the others nobody sees what
they read back, and to find it out for each of thousands takes minutes."""
UNREAD: Final = frozenset({-1})
"""Unknown: what the execution read back."""
_SIDE_BY_SIDE: Final = 200
"""The most executions at a time in one component."""


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the record."""

    number: int
    text: str
    at: int | None
    event: int
    """The number of the event that appended it; -1: nobody knows."""
    column: int | None = None
    """The execution during which it was appended."""
    about: str = ""
    """Of an answer that nobody heard and that names no step: what was running, or what the answer was."""


@dataclass(frozen=True, slots=True)
class Column:
    """One execution of the workflow's code."""

    span: Span
    read: frozenset[int]
    """The entries that were read back, by their place; empty: no replay."""


def read(trace: Trace, all_spans: Sequence[Span], run: str) -> tuple[list[Line], list[Column]]:
    """The run's entries and the executions of its code."""
    appended = [(number, event) for number, event in trace.of_kind(Kind.RECORDED) if event.run == run]
    work = [span for span in all_spans if span.run == run and span.kind == "working"]
    replays = [span for span in all_spans if span.run == run and span.kind == "replaying"]
    work = work or replays
    texts = [(number, str(event.detail)) for number, event in appended]
    columns = [
        Column(span, _read_back(trace, span, replays, texts) if _may_be_drawn(place, work) else UNREAD)
        for place, span in enumerate(work)
    ]
    if not appended:
        return [Line(n, text, None, -1) for n, text in enumerate(trace.records.get(run, ()))], []
    during = _Executions(trace, columns)
    lines = [
        Line(place, str(event.detail), event.at, number, during.of(number), _about(trace, all_spans, run, number))
        for place, (number, event) in enumerate(appended)
    ]
    return lines, columns


def _about(trace: Trace, all_spans: Sequence[Span], run: str, number: int) -> str:
    event = trace.events[number]
    if event.detail not in _UNHEARD:
        return ""
    cause = None if event.cause is None else trace.events[event.cause]
    if cause is not None and cause.kind is Kind.WORK_ENDED:
        return str(cause.detail or "")
    running = [
        span.step for span in all_spans
        if span.kind == "running" and (span.run, span.ended, span.end) == (run, "crashed", event.at)
    ]  # fmt: skip
    if len(running) > 1:
        return f"one of {len(running)} steps that were running"
    return f"{running[0]} was running" if running else ""


def _may_be_drawn(place: int, work: Sequence[Span]) -> bool:
    ends = place < _ENDS or place >= len(work) - _ENDS
    return ends or any(span.ended == "crashed" for span in work[place - 1 : place + 2])


def _read_back(trace: Trace, span: Span, replays: Sequence[Span], texts: Sequence[tuple[int, str]]) -> frozenset[int]:
    """The entries that the execution's replay was handed: the whole record so far, or (Inngest) the steps' results."""
    replay = next(
        (each for each in replays if each.lane == span.lane and span.start <= each.start <= span.end
         and each.events[0] >= span.events[0] and len(each.events) > 2),
        None,
    )  # fmt: skip
    if replay is None:
        return frozenset()
    before = [(place, text) for place, (number, text) in enumerate(texts) if number < span.events[0]]
    if trace.engine != "inngest":
        return frozenset(place for place, _ in before)
    passed = {trace.events[number].step or "" for number in replay.events[1:-1]}
    results = [(place, text) for place, text in before if text.startswith(("checkpoint", "-> 2", "pause"))]
    return frozenset(place for place, text in results if passed & set(text.replace(",", " ").replace(";", " ").split()))


class _Executions:
    """Which execution an entry came from: the one that its causes lead back to without a queue in between."""

    def __init__(self, trace: Trace, columns: Sequence[Column]) -> None:
        self._events = trace.events
        self._known: dict[int, int | None] = {}
        self._spans: dict[str, list[tuple[int, int, int]]] = {}
        """By lane: the first and the last event of each execution, and its place; in order."""
        self._steps = [column.span.step for column in columns]
        for place, span in enumerate(column.span for column in columns):
            last = span.events[-1] if span.ended != "open" else len(trace.events)
            self._spans.setdefault(span.lane, []).append((span.events[0], last, place))

    def of(self, number: int) -> int | None:
        """Its place; None if there is none."""
        way: list[int] = []
        cause, found = self._events[number].cause, None
        while cause is not None and cause not in self._known:
            way.append(cause)
            found = self._at(cause)
            if found is not None or self._events[cause].kind in _APART:
                break
            cause = self._events[cause].cause
        else:
            found = None if cause is None else self._known[cause]
        self._known.update(dict.fromkeys(way, found))
        return found

    def _at(self, number: int) -> int | None:
        """Of several side by side the one that is for the event's step, else the first."""
        event = self._events[number]
        spans = self._spans.get(event.lane, ())
        after = bisect_right(spans, number, key=lambda span: span[0])
        around = spans[max(0, after - _SIDE_BY_SIDE) : after]
        places = [place for first, last, place in around if first <= number <= last]
        of_it = (place for place in places if event.step is not None and self._steps[place] == event.step)
        return next(of_it, places[0] if places else None)
