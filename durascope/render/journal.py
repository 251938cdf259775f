"""A run's record as it grows, and beside it what each execution of the workflow's code read back and what it added.

    draw(trace, scenario) -> Picture

The rows are the record's entries, in the engine's own words. The columns are the times the app ran workflow code (a
workflow task, a request, an attempt). A column's filled upper part is what a replay read back; the steps of the stairs
are what was new.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from durascope.models.effects import recoveries
from durascope.models.engine import shown, title_of
from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.spans import Span, spans
from durascope.models.trace import Kind, Trace
from durascope.models.waits import longest
from durascope.render import measure
from durascope.render.bars import Look, crash_mark
from durascope.render.canvas import Canvas
from durascope.render.excerpt import excerpt
from durascope.render.headline import story_heading
from durascope.render.legend import Entry
from durascope.render.picture import Picture
from durascope.render.sheet import MARGIN, draw_footer, footer_height, heading_of
from durascope.render.theme import BODY, FRAME, INK, MUTED, SMALL, Paint

ROW: Final = 19.0
COLUMN: Final = 62.0
TEXT: Final = 330.0
HEAD: Final = 62.0
MAX_ENTRIES: Final = 64
MAX_COLUMNS: Final = 14
_AROUND: Final = 4
"""So many entries before and after a crash are never folded."""
_APART: Final = frozenset(
    {Kind.TASK_QUEUED, Kind.TASK_PICKED_UP, Kind.TIMER_FIRED, Kind.EVENT_RECEIVED, Kind.STEP_STARTED}
)
"""What follows from these was not done by the execution before."""
_NEW: Final = Look("new in the record", Paint("#bfe6c9", "#2f7d46"))
_READ: Final = Look("read back by a replay", Paint("#d5e3fd", "#2b64b0"), "rising")
_BAD: Final = Look("a failure, a timeout, or an answer that was lost", Paint("#fde3e0", "#b42318"), "cross")
_ALONE: Final = Look("added while no code of the workflow ran", Paint("#eef1f6", "#8b95a5"))
_FAILS: Final = re.compile(r"Failed|TimedOut|Terminated|Error|-> (lost|unheard|refused|[45]\d\d)|Output failed")
"""An entry that tells of a failure, in any engine's words."""


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
    folded: bool = False
    """That execution has no column."""


@dataclass(frozen=True, slots=True)
class Column:
    """One execution of the workflow's code."""

    span: Span
    read: frozenset[int]
    """The entries that were read back, by their place; empty: no replay."""


_ENDS: Final = 30
"""Executions at the beginning and at the end, and beside a crash, that may get a column; of the others nobody sees what
they read back, and to find it out for each of thousands takes minutes."""
_UNREAD: Final = frozenset({-1})
_SIDE_BY_SIDE: Final = 200
"""No more executions than this go on in one component at a time."""


def draw(trace: Trace, scenario: Scenario, *, run: str | None = None) -> Picture:
    """The picture of one run; of the first that something happened to unless it is named."""
    trace = excerpt(trace)
    all_spans = spans(trace, scenario)
    run = run or _eventful(trace, all_spans)
    entries, executions = read(trace, all_spans, run)
    lead = _lead(run, entries, executions)
    crashes = [number for number, _ in trace.of_kind(Kind.CRASHED)]
    lines, columns, notes = _fold(entries, executions, crashes)
    if len(trace.runs) > 1:
        notes.insert(0, f"Of {len(trace.runs)} runs this is {run}.")
    legend = _legend(lines, columns, crashed=bool(crashes))
    left = MARGIN + 34 + TEXT + 62
    width = left + COLUMN * max(len(columns), 3) + MARGIN
    record = shown(trace.engine).record
    title = f"{heading_of(scenario, trace)} · {record}"
    story = story_heading(trace, scenario, longest(recoveries(trace, all_spans)), lead, width)
    heading = replace(story, over=title)
    top = heading.height + (HEAD if columns else 22)
    bottom = top + ROW * len(lines)
    canvas = Canvas(width, bottom + 26 + footer_height(legend, notes, width - 2 * MARGIN))
    heading.draw(canvas)
    _draw_columns(canvas, columns, left, top, bottom)
    for place, line in enumerate(lines):
        with canvas.group("entry", line.text):
            _draw_line(canvas, line, columns, left, top + ROW * place)
    _draw_crashes(canvas, trace, lines, left + COLUMN * len(columns), top)
    draw_footer(canvas, legend, notes, bottom + 26)
    return Picture(f"Record: {title}", f"The {record} of {run} on {title_of(trace.engine)}. {lead}.", canvas)


def _lead(run: str, entries: Sequence[Line], columns: Sequence[Column]) -> str:
    """What the whole record tells, whatever of it is drawn."""
    if not columns:
        return f"{run}: {len(entries)} entries"
    replays = sum(bool(column.read) for column in columns)
    crashed = sum(column.span.ended == "crashed" for column in columns)
    lanes = {column.span.lane for column in columns}
    where = f" in {lanes.pop()}" if len(lanes) == 1 else ""
    died = f"; it died {_times(crashed)}" if crashed else ""
    ran = f"workflow code ran {_times(len(columns))}{where}, {_times(replays)} as a replay"
    return f"{run}: {len(entries)} entries; {ran}{died}"


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def _eventful(trace: Trace, all_spans: Sequence[Span]) -> str:
    """The run that was replayed or crashed in first, else the first."""
    happened = next((span.run for span in all_spans if span.run and span.ended == "crashed"), None)
    happened = happened or next((span.run for span in all_spans if span.run and span.kind == "replaying"), None)
    return happened or (trace.runs[0].name if trace.runs else next(iter(trace.records), "run 1"))


def read(trace: Trace, all_spans: Sequence[Span], run: str) -> tuple[list[Line], list[Column]]:
    """The run's entries and the executions of its code."""
    appended = [(number, event) for number, event in trace.of_kind(Kind.RECORDED) if event.run == run]
    work = [span for span in all_spans if span.run == run and span.kind == "working"]
    replays = [span for span in all_spans if span.run == run and span.kind == "replaying"]
    work = work or replays
    texts = [(number, str(event.detail)) for number, event in appended]
    columns = [
        Column(span, _read_back(trace, span, replays, texts) if _may_be_drawn(place, work) else _UNREAD)
        for place, span in enumerate(work)
    ]
    if not appended:
        return [Line(n, text, None, -1) for n, text in enumerate(trace.records.get(run, ()))], []
    during = _Executions(trace, columns)
    lines = [
        Line(place, str(event.detail), event.at, number, during.of(number))
        for place, (number, event) in enumerate(appended)
    ]
    return lines, columns


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
        for place, span in enumerate(column.span for column in columns):
            last = span.events[-1] if span.ended != "open" else len(trace.events)
            self._spans.setdefault(span.lane, []).append((span.events[0], last, place))

    def of(self, number: int) -> int | None:
        """Its place; None where there is none."""
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
        spans = self._spans.get(self._events[number].lane, ())
        after = bisect_right(spans, number, key=lambda span: span[0])
        for first, last, place in spans[max(0, after - _SIDE_BY_SIDE) : after]:
            if first <= number <= last:
                return place
        return None


def _fold(
    lines: list[Line], columns: list[Column], crashes: Sequence[int]
) -> tuple[list[Line], list[Column], list[str]]:
    """What is too much is left out, never at a crash; how much it is stands in a row or a note."""
    notes: list[str] = []
    if len(columns) > MAX_COLUMNS:
        kept = _kept(len(columns), MAX_COLUMNS, [n for n, c in enumerate(columns) if c.span.ended == "crashed"], 1)
        left = len(columns) - len(kept)
        notes.append(f"Folded: {left} executions of the code in which nothing died have no column.")
        places = {old: new for new, old in enumerate(kept)}
        columns = [columns[at] for at in kept]
        lines = [
            replace(
                x, column=None if x.column is None else places.get(x.column), folded=x.column not in (None, *places)
            )
            for x in lines
        ]
    if len(lines) > MAX_ENTRIES:
        at_crash = [next((n for n, x in enumerate(lines) if x.event > event), len(lines) - 1) for event in crashes]
        kept = _kept(len(lines), MAX_ENTRIES, at_crash, _AROUND)
        notes.append(f"Folded: {len(lines) - len(kept)} entries far from any crash are not drawn.")
        lines = _with_gaps(lines, kept)
    return lines, columns, notes


def _kept(count: int, room: int, faults: Sequence[int], around: int) -> list[int]:
    """The places to keep: those around faults first, then from the beginning and, a third of them, from the end."""
    wanted = {at for fault in faults for at in range(fault - around, fault + around + 1) if 0 <= at < count}
    wanted = set(sorted(wanted)[:room])
    ends = [*range(count - (room - len(wanted)) // 3, count), *range(count)]
    for at in ends:
        if len(wanted) >= room:
            break
        wanted.add(at)
    return sorted(wanted)


def _with_gaps(lines: Sequence[Line], kept: Sequence[int]) -> list[Line]:
    """The lines that are kept, and a row for each gap that says how many are in it."""
    found: list[Line] = []
    before = -1
    for at in kept:
        if at > before + 1:
            found.append(Line(-1, f"…  {at - before - 1} more entries  …", None, -1))
        found.append(lines[at])
        before = at
    return found


# ---- drawing -------------------------------------------------------------------------------------------------


def _draw_columns(canvas: Canvas, columns: Sequence[Column], left: float, top: float, bottom: float) -> None:
    lanes = {column.span.lane for column in columns}
    for place, column in enumerate(columns):
        x, span = left + COLUMN * place, column.span
        middle = x + COLUMN / 2
        with canvas.group("execution", f"{span.detail or 'code'} on {span.lane}, {spell(span.start)}: {span.ended}"):
            canvas.text(middle, top - 40, str(place + 1), BODY, bold=True, anchor="middle")
            canvas.text(
                middle,
                top - 25,
                measure.shorten(spell(span.start), COLUMN - 4, SMALL),
                SMALL,
                ink=MUTED,
                anchor="middle",
            )
            if len(lanes) > 1:
                canvas.text(middle, top - 10, _short(span.lane), SMALL, ink=MUTED, anchor="middle")
            canvas.lines((x, top - 50), (x, bottom), stroke=FRAME, line=0.7)
            if span.ended == "crashed":
                crash_mark(canvas, middle, bottom + 11, 5)
    if columns:
        canvas.text(left - 70, top - 40, "execution", SMALL, ink=MUTED)
        canvas.text(left - 70, top - 25, "begun at", SMALL, ink=MUTED)
        if len(lanes) > 1:
            canvas.text(left - 70, top - 10, "in", SMALL, ink=MUTED)


def _short(lane: str) -> str:
    """The end of a long lane's name tells replicas apart."""
    room = COLUMN - 6
    while len(lane) > 3 and measure.width("…" + lane, SMALL) > room:
        lane = lane[1:]
    return lane if measure.width("…" + lane, SMALL) <= room - 6 or lane.isdigit() else "…" + lane


def _draw_line(canvas: Canvas, line: Line, columns: Sequence[Column], left: float, y: float) -> None:
    canvas.lines((MARGIN, y), (left + COLUMN * len(columns), y), stroke="#e8ebf0", line=0.7)
    baseline = y + 13.5
    if line.number < 0:
        canvas.text(MARGIN + 34, baseline, line.text, BODY, bold=True, ink=MUTED)
        return
    canvas.text(MARGIN + 24, baseline, str(line.number + 1), SMALL, ink=MUTED, anchor="end")
    canvas.text(MARGIN + 34, baseline, measure.shorten(line.text, TEXT, BODY), BODY, ink=INK)
    if line.at is not None:
        canvas.text(left - 8, baseline, spell(line.at), SMALL, ink=MUTED, anchor="end")
    if columns and line.column is None and not line.folded and line.at is not None:
        _cell(canvas, _ALONE, MARGIN - 8, y, 6)
    for place, column in enumerate(columns):
        x = left + COLUMN * place
        if line.number in column.read:
            _cell(canvas, _READ, x + 5, y, COLUMN - 10)
        elif line.column == place:
            _cell(canvas, _BAD if _FAILS.search(line.text) else _NEW, x + 5, y, COLUMN - 10)


def _draw_crashes(canvas: Canvas, trace: Trace, lines: Sequence[Line], right: float, top: float) -> None:
    """A line across at each crash: what stands above it was recorded before, what stands below it after."""
    for number, event in trace.of_kind(Kind.CRASHED):
        row = next((n for n, line in enumerate(lines) if line.event > number), len(lines))
        y = top + ROW * row
        with canvas.group("crash", f"{event.lane} dies at {spell(event.at)}"):
            canvas.lines((MARGIN, y), (right, y), stroke=_BAD.paint.stroke, dash=(6, 3))


def _cell(canvas: Canvas, look: Look, x: float, y: float, width: float) -> None:
    canvas.box(x, y + 2, width, ROW - 4, fill=look.paint.fill, stroke=look.paint.stroke, radius=2.5)
    canvas.hatch(x + 0.5, y + 2.5, width - 1, ROW - 5, look.hatch, look.paint.stroke, gap=9)


def _legend(lines: Sequence[Line], columns: Sequence[Column], *, crashed: bool) -> list[Entry]:
    def entry(look: Look, wide: float = 26.0) -> Entry:
        def swatch(canvas: Canvas, x: float, y: float) -> None:
            canvas.box(x + 17 - wide / 2, y - 6, wide, 13, fill=look.paint.fill, stroke=look.paint.stroke, radius=2.5)
            canvas.hatch(x + 17.5 - wide / 2, y - 5.5, wide - 1, 12, look.hatch, look.paint.stroke, gap=5)

        return Entry(look.word, swatch)

    found: list[Entry] = []
    if columns:
        found.append(entry(_NEW))
        if any(column.read for column in columns):
            found.append(entry(_READ))
        if any(line.column is None and not line.folded and line.at is not None for line in lines):
            found.append(entry(_ALONE, 6))
        if any(line.column is not None and _FAILS.search(line.text) for line in lines):
            found.append(entry(_BAD))
        if crashed:
            found.append(Entry("a process dies", _crash_swatch))
        if any(column.span.ended == "crashed" for column in columns):
            found.append(Entry("the code died with it", lambda canvas, x, y: crash_mark(canvas, x + 18, y, 5)))
    return found


def _crash_swatch(canvas: Canvas, x: float, y: float) -> None:
    canvas.lines((x + 4, y), (x + 30, y), stroke=_BAD.paint.stroke, dash=(6, 3))
