"""A run's record as it grows, and beside it what each execution of the workflow's code read back and what it added.

    draw(trace, scenario) -> Picture

The rows are the record's entries, in the engine's own words. The columns are the times the app ran workflow code (a
workflow task, a request, an attempt); executions that went alike share one. A column's filled upper part is what a
replay read back; the steps of the stairs are what was new. A line across is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from durascope.models.effects import effects
from durascope.models.engine import shown, title_of
from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.spans import Span, spans
from durascope.models.trace import Event, Kind, Trace
from durascope.models.unended import standstill
from durascope.render import measure
from durascope.render.bars import Look, crash_mark
from durascope.render.canvas import Canvas
from durascope.render.excerpt import of_one_run, worst_of
from durascope.render.executions import Column, Line, read
from durascope.render.headline import story_heading
from durascope.render.journal_folding import Fault, Shared, fold
from durascope.render.legend import Entry
from durascope.render.picture import Picture
from durascope.render.sheet import MARGIN, WIDTH, draw_footer, footer_height, heading_of
from durascope.render.theme import BODY, FRAME, INK, MUTED, PAPER, SMALL, Paint

ROW: Final = 19.0
COLUMN: Final = 62.0
TEXT: Final = 330.0
NUMBER: Final = 34.0
AT: Final = 76.0
HEAD: Final = 62.0
_NEW: Final = Look("new in the record", Paint("#bfe6c9", "#2f7d46"))
_READ: Final = Look("read back by a replay", Paint("#d5e3fd", "#2b64b0"), "rising")
_BAD: Final = Look("a failure, a timeout, or an answer that was lost", Paint("#fde3e0", "#b42318"), "cross")
_ALONE: Final = Look("added while no workflow code was running", Paint("#eef1f6", "#8b95a5"))
_FAILS: Final = re.compile(r"Failed|TimedOut|Terminated|Error|-> (lost|unheard|refused|[45]\d\d)|Output failed")
"""An entry that tells of a failure, in any engine's words."""
_FAULTS: Final = {
    Kind.CRASHED: "dies", Kind.HUNG: "hangs", Kind.OUTAGE_STARTED: "does not answer", Kind.CUT: "is cut off",
    Kind.DEPLOYED: "new code is deployed",
}  # fmt: skip


def draw(trace: Trace, scenario: Scenario, *, run: str | None = None) -> Picture:
    """The picture of one run: the one that stood still longest, or to which something happened, unless it is named.

    >>> from durascope.models.loading import load_scenario
    >>> from durascope.simulators.simulate import simulate
    >>> order = load_scenario("order-fulfillment")
    >>> trace = simulate(order, "restate")
    >>> draw(trace, order).title
    'Record: Order fulfillment · Restate · journal'
    """
    whole, worst = trace, worst_of(trace, scenario)
    trace = of_one_run(trace, worst)
    all_spans = spans(trace, scenario)
    run = run or (_eventful(trace, all_spans) if worst is None else worst.run)
    entries, executions = read(trace, all_spans, run)
    lead = _lead(run, entries, executions)
    room = max(TEXT, WIDTH - 2 * MARGIN - NUMBER - AT - COLUMN * len(executions))
    text = min(room, max((measure.width(line.text, BODY) + _beside(line) for line in entries), default=0.0) + 12)
    left = MARGIN + NUMBER + text + AT
    repeated = frozenset(str(mark.step) for mark in effects(trace) if mark.duplicate and mark.run == run)
    most = int((WIDTH - MARGIN - left) // COLUMN)
    folded = fold(entries, executions, _faults(trace, run), most=most, bad=_fails, repeated=repeated)
    lines, columns, notes = folded.lines, folded.columns, [*folded.notes]
    if len(trace.runs) > 1:
        notes.insert(0, f"Of {len(trace.runs)} runs this is {run}.")
    legend = _legend(lines, columns)
    record = shown(trace.engine).record
    title = f"{heading_of(scenario, trace)} · {record}"
    story = story_heading(whole, scenario, worst, lead, WIDTH)
    heading = replace(story, over=title)
    top = heading.height + (HEAD if columns else 22)
    bottom = top + ROW * len(lines)
    canvas = Canvas(WIDTH, bottom + 26 + footer_height(legend, notes, WIDTH - 2 * MARGIN))
    heading.draw(canvas)
    _draw_columns(canvas, columns, left, top, bottom)
    for place, line in enumerate(lines):
        y = top + ROW * place
        with canvas.group("fault" if isinstance(line, Fault) else "entry", line.text):
            if isinstance(line, Fault):
                _draw_fault(canvas, line, left + COLUMN * len(columns), y)
            else:
                _draw_line(canvas, line, columns, left, y)
    draw_footer(canvas, legend, notes, bottom + 26)
    return Picture(
        f"Record: {title}",
        f"The {record} of {run} on {title_of(trace.engine)}. {lead}.",
        canvas,
        finding=heading.finding,
    )


def _faults(trace: Trace, run: str) -> list[Fault]:
    """What broke, and new code; parts that die together are one. At the end, that the run stands still."""
    found: list[tuple[int, Event, list[str]]] = []
    for number, event in trace.of_kind(*_FAULTS):
        if found and (found[-1][1].at, found[-1][1].kind) == (event.at, event.kind):
            found[-1][2].append(event.lane)
        else:
            found.append((number, event, [event.lane]))
    struck = [Fault(number, f"{_breaks(event.kind, lanes)}, {spell(event.at)}") for number, event, lanes in found]
    still = (why for why in trace.unended if why.run == run)
    return [*struck, *(Fault(len(trace.events), f"{standstill(why)}, since {spell(why.since)}") for why in still)]


def _breaks(kind: Kind, lanes: Sequence[str]) -> str:
    if kind is Kind.DEPLOYED:
        return _FAULTS[kind]
    return f"{lanes[0]}{'' if len(lanes) == 1 else f' (with {len(lanes) - 1} more)'} {_FAULTS[kind]}"


def _beside(line: Line) -> float:
    return measure.width(line.about, SMALL) + 10 if line.about else 0.0


def _fails(line: Line) -> bool:
    return _FAILS.search(line.text) is not None


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


# ---- drawing -------------------------------------------------------------------------------------------------


def _draw_columns(canvas: Canvas, columns: Sequence[Shared], left: float, top: float, bottom: float) -> None:
    lanes = {each.span.lane for column in columns for each in column.members}
    for place, column in enumerate(columns):
        x, span = left + COLUMN * place, column.members[0].span
        middle = x + COLUMN / 2
        with canvas.group("execution", _told(column)):
            canvas.text(middle, top - 40, column.name, BODY, bold=True, anchor="middle")
            begun = measure.shorten(spell(span.start), COLUMN - 4, SMALL)
            canvas.text(middle, top - 25, begun, SMALL, ink=MUTED, anchor="middle")
            if len(lanes) > 1:
                canvas.text(middle, top - 10, _where(column), SMALL, ink=MUTED, anchor="middle")
            canvas.lines((x, top - 50), (x, bottom), stroke=FRAME, line=0.7)
            if column.crashed:
                crash_mark(canvas, middle, bottom + 11, 5)
            elif column.failed:
                canvas.text(middle, bottom + 15, "fails", SMALL, bold=True, ink=_BAD.paint.stroke, anchor="middle")
    if columns:
        heads = ("execution", "begun at", "in") if len(lanes) > 1 else ("execution", "begun at")
        for row, word in enumerate(heads):
            canvas.text(left - 8, top - 40 + 15 * row, word, SMALL, ink=MUTED, anchor="end")


def _told(column: Shared) -> str:
    span = column.members[0].span
    many = f"{len(column.members)} × " if len(column.members) > 1 else ""
    return f"{many}{span.detail or 'code'} on {span.lane}, {spell(span.start)}: {span.ended}"


def _where(column: Shared) -> str:
    """The end of a long lane's name tells replicas apart."""
    lanes = {each.span.lane for each in column.members}
    if len(lanes) > 1:
        return f"{len(lanes)} of them"
    lane = lanes.pop()
    while measure.width(lane, SMALL) > COLUMN - 4 and "-" in lane:
        lane = lane.partition("-")[2]
    return measure.shorten(lane, COLUMN - 4, SMALL)


def _draw_line(canvas: Canvas, line: Line, columns: Sequence[Shared], left: float, y: float) -> None:
    canvas.lines((MARGIN, y), (left + COLUMN * len(columns), y), stroke="#e8ebf0", line=0.7)
    baseline = y + 13.5
    if line.number < 0:
        canvas.text(MARGIN + NUMBER, baseline, line.text, BODY, bold=True, ink=MUTED)
        return
    canvas.text(MARGIN + 24, baseline, str(line.number + 1), SMALL, ink=MUTED, anchor="end")
    room = left - AT - MARGIN - NUMBER
    text = line.text if measure.width(line.text, BODY) <= room else _brief(line.text)
    canvas.text(MARGIN + NUMBER, baseline, measure.shorten(text, room, BODY), BODY, ink=INK)
    used = measure.width(text, BODY) + 10
    if line.about and used + measure.width(line.about, SMALL) <= room:
        canvas.text(MARGIN + NUMBER + used, baseline, line.about, SMALL, ink=MUTED)
    if line.at is not None:
        canvas.text(left - 8, baseline, spell(line.at), SMALL, ink=MUTED, anchor="end")
    if columns and line.column is None and line.at is not None:
        _cell(canvas, _ALONE, MARGIN - 8, y, 6)
    for place, column in enumerate(columns):
        x = left + COLUMN * place
        if line.column in column.places:
            _cell(canvas, _BAD if _fails(line) else _NEW, x + 5, y, COLUMN - 10)
        elif line.number in column.read:
            _cell(canvas, _READ, x + 5, y, COLUMN - 10)


def _brief(text: str) -> str:
    """Lists of steps as how many they are: `memo=[12]`, `StepPlanned 10 steps`."""
    listed = re.sub(r"\[([^\]]+)\]", lambda found: f"[{found[1].count(', ') + 1}]", text)
    return re.sub(r"(?<=StepPlanned ).*, .*", lambda found: f"{found[0].count(', ') + 1} steps", listed)


def _draw_fault(canvas: Canvas, fault: Fault, right: float, y: float) -> None:
    """A line across: what stands above it was recorded before, what stands below it after."""
    red, middle = _BAD.paint.stroke, y + ROW / 2
    words = measure.shorten(fault.text, WIDTH - 2 * MARGIN - NUMBER, BODY, bold=True)
    crash_mark(canvas, MARGIN + 14, middle, 5)
    canvas.box(MARGIN + NUMBER - 2, y + 2, measure.width(words, BODY, bold=True) + 4, ROW - 4, fill=PAPER)
    canvas.text(MARGIN + NUMBER, y + 13.5, words, BODY, bold=True, ink=red)
    begin = MARGIN + NUMBER + measure.width(words, BODY, bold=True) + 8
    if begin < right:
        canvas.lines((begin, middle), (right, middle), stroke=red, line=1.4, dash=(6, 3))


def _cell(canvas: Canvas, look: Look, x: float, y: float, width: float) -> None:
    canvas.box(x, y + 2, width, ROW - 4, fill=look.paint.fill, stroke=look.paint.stroke, radius=2.5)
    canvas.hatch(x + 0.5, y + 2.5, width - 1, ROW - 5, look.hatch, look.paint.stroke, gap=9)


def _legend(lines: Sequence[Line | Fault], columns: Sequence[Shared]) -> list[Entry]:
    def entry(look: Look, wide: float = 26.0) -> Entry:
        def swatch(canvas: Canvas, x: float, y: float) -> None:
            canvas.box(x + 17 - wide / 2, y - 6, wide, 13, fill=look.paint.fill, stroke=look.paint.stroke, radius=2.5)
            canvas.hatch(x + 17.5 - wide / 2, y - 5.5, wide - 1, 12, look.hatch, look.paint.stroke, gap=5)

        return Entry(look.word, swatch)

    entries = [line for line in lines if isinstance(line, Line) and line.at is not None]
    if not columns:
        return []
    found = [entry(_NEW)]
    if any(column.read for column in columns):
        found.append(entry(_READ))
    if any(line.column is None for line in entries):
        found.append(entry(_ALONE, 6))
    if any(line.column is not None and _fails(line) for line in entries):
        found.append(entry(_BAD))
    if any(column.crashed for column in columns):
        found.append(Entry("the code died with its process", lambda canvas, x, y: crash_mark(canvas, x + 18, y, 5)))
    if any(len(column.members) > 1 for column in columns):
        found.append(Entry("executions that went alike", _many_swatch))
    return found


def _many_swatch(canvas: Canvas, x: float, y: float) -> None:
    canvas.text(x + 17, y + 4, "× 10", SMALL, bold=True, anchor="middle")
