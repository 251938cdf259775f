"""The sequence of a trace: client, engine, apps and services as life lines, and what they say to each other.

    draw(trace, scenario) -> Picture       also as Mermaid and D2 source

Time runs down, row by row rather than to scale; a long silence is a band that says how long. A life line is dashed
while its component is dead; what is lost or refused ends in a cross.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from durascope.models.engine import title_of
from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.spans import Span
from durascope.models.trace import Trace
from durascope.render import measure
from durascope.render.bars import LOOKS, crash_mark, effect_mark, restart_mark
from durascope.render.canvas import Canvas
from durascope.render.conversation import Item, Role, conversation
from durascope.render.excerpt import excerpt
from durascope.render.folding import fold
from durascope.render.picture import Picture
from durascope.render.sequence_legend import sequence_entries
from durascope.render.sequence_sheet import HEIGHTS, SILENCE, TIME, WIDEST, Line, Sheet, lane_title, sheet_of
from durascope.render.sequence_sources import d2, mermaid
from durascope.render.sheet import (
    HEADING,
    MARGIN,
    draw_footer,
    draw_heading,
    footer_height,
    heading_of,
    outcome_of,
)
from durascope.render.theme import BODY, FRAME, INK, MUTED, PAPER, ROLES, SMALL, STATES, Paint
from durascope.render.timescale import break_words

_REPLAY: Final = LOOKS["replaying"]


def draw(trace: Trace, scenario: Scenario) -> Picture:
    """The picture of one trace."""
    outcome, trace = outcome_of(trace), excerpt(trace)
    talk = conversation(trace, scenario)
    folded = fold(talk, [run.name for run in trace.runs])
    sheet = sheet_of(talk, folded, scenario)
    entries = sequence_entries(folded.items, [span for span in talk.spans if span.lane in sheet.lanes])
    notes = [*(f"Folded: {note}" for note in folded.notes), *(f"Note: {note}" for note in trace.notes)]
    canvas = Canvas(sheet.width, sheet.bottom + 18 + footer_height(entries, notes, sheet.width - 2 * MARGIN))
    draw_heading(canvas, heading_of(scenario, trace), outcome)
    _draw_lanes(canvas, sheet, scenario, talk.spans)
    _draw_activations(canvas, sheet, [span for span in talk.spans if folded.run in (None, span.run)])
    for line in sheet.lines:
        with canvas.group(line.item.sort, _told(line.item), run=line.item.run or "", step=line.item.step or ""):
            _draw_item(canvas, sheet, line)
    _draw_times(canvas, sheet)
    draw_footer(canvas, entries, notes, sheet.bottom + 18)
    lanes = [name for name, _ in talk.lanes]
    title = f"Sequence: {heading_of(scenario, trace)}"
    told = f"Messages between {', '.join(lanes)} on {title_of(trace.engine)}, in order: {outcome}."
    return Picture(
        title,
        told,
        canvas,
        {"mermaid": lambda: mermaid(talk, folded, scenario, title), "d2": lambda: d2(talk, folded, scenario, title)},
    )


# ---- drawing -------------------------------------------------------------------------------------------------


def _paint(role: Role) -> Paint:
    return ROLES[role]


def _draw_lanes(canvas: Canvas, sheet: Sheet, scenario: Scenario, all_spans: Sequence[Span]) -> None:
    for name, x in sheet.lanes.items():
        paint, title = _paint(sheet.roles[name]), lane_title(name, scenario)
        width = measure.width(title, BODY, bold=True) + 20
        with canvas.group("lane", name, lane=name):
            canvas.lines((x, sheet.top - 8), (x, sheet.bottom), stroke="#8b95a5")
            canvas.box(x - width / 2, HEADING + 8, width, 27, fill=paint.fill, stroke=paint.stroke, line=1.3, radius=5)
            canvas.text(x, HEADING + 26, title, BODY, bold=True, ink=paint.ink, anchor="middle")
            for span in all_spans:
                if span.kind == "down" and span.lane == name and sheet.lines:
                    _draw_down(canvas, sheet, span, x)


def _draw_down(canvas: Canvas, sheet: Sheet, span: Span, x: float) -> None:
    begun = sheet.row_of(span.events[0], after=True)
    if begun >= len(sheet.lines):
        return
    ended = sheet.row_of(span.events[-1], after=True) if span.ended == "done" else len(sheet.lines)
    bottom = sheet.lines[ended].y if ended < len(sheet.lines) else sheet.bottom
    canvas.lines((x, sheet.lines[begun].y), (x, bottom), stroke=PAPER, line=4)
    canvas.lines((x, sheet.lines[begun].y), (x, bottom), stroke=LOOKS["down"].paint.stroke, line=1.6, dash=(2, 4))


def _draw_activations(canvas: Canvas, sheet: Sheet, all_spans: Sequence[Span]) -> None:
    if not sheet.lines:
        return
    looks = {"working": (LOOKS["working"], 11.0), "running": (LOOKS["running"], 9.0)}
    for kind in ("working", "running"):
        open_until: dict[str, list[float]] = {}
        for span in all_spans:
            if span.kind != kind or span.lane not in sheet.lanes or sheet.folded(span):
                continue
            first = sheet.row_of(span.events[0], after=kind == "running")
            last = sheet.row_of(span.events[-1], after=True)
            if last >= len(sheet.lines) or span.ended == "open":
                last = len(sheet.lines) - 1
            if first < 0 or first >= len(sheet.lines) or (first == last and kind == "running"):
                continue
            top, bottom = sheet.lines[first].y, sheet.lines[last].y
            stacked = [end for end in open_until.get(span.lane, []) if end > top]
            open_until[span.lane] = [*stacked, bottom]
            look, width = looks[kind]
            if span.ended == "crashed" and kind == "running":
                look = LOOKS["crashed"]
            x = sheet.lanes[span.lane] - width / 2 + 3.5 * min(len(stacked), 4)
            canvas.box(x, top, width, max(bottom - top, 6), fill=look.paint.fill, stroke=look.paint.stroke, radius=2)
            canvas.hatch(x, top, width, max(bottom - top, 6), look.hatch, look.paint.stroke, gap=5)


def _draw_item(canvas: Canvas, sheet: Sheet, line: Line) -> None:
    item, y = line.item, line.y
    if line.silence:
        _draw_silence(canvas, sheet, y - HEIGHTS[item.sort] - SILENCE / 2 + 7, line.silence)
    x = sheet.lanes.get(item.lane, MARGIN + TIME)
    match item.sort:
        case "message" | "call" | "return":
            if item.to in sheet.lanes and item.lane in sheet.lanes:
                _draw_arrow(canvas, item, x, sheet.lanes[item.to], y)
        case "note":
            _draw_note(canvas, item, x, y)
        case "crash":
            crash_mark(canvas, x, y - 3, 7)
            canvas.box(x + 9, y - 10, measure.width(item.text, SMALL, bold=True) + 8, 14, fill=PAPER)
            canvas.text(x + 13, y + 1, item.text, SMALL, bold=True, ink=STATES["crashed"].stroke)
        case "restart":
            restart_mark(canvas, x, y - 3)
            canvas.text(x + 13, y + 1, item.text, SMALL, ink=STATES["done"].stroke)
        case "fold":
            _draw_fold(canvas, sheet, item, y)


def _draw_arrow(canvas: Canvas, item: Item, start: float, end: float, y: float) -> None:
    way = 1.0 if end >= start else -1.0
    bad = item.fate != "" or item.tone == "bad"
    colour = STATES["crashed"].stroke if bad else MUTED if item.sort == "return" else INK
    dash = (4.0, 3.0) if item.sort == "return" else ()
    begin, tip = start + way * 6, end - way * 6
    if start == end:  # a message to itself
        canvas.path(
            ("M", start + 5, y - 8),
            ("C", start + 34, y - 8, start + 34, y, start + 6, y),
            stroke=colour,
            line=1.3,
            dash=dash,
        )
        canvas.polygon((start + 12, y - 4), (start + 5, y), (start + 12, y + 4), fill=colour)
        canvas.text(start + 34, y, measure.shorten(item.text, WIDEST, SMALL), SMALL, ink=colour)
        return
    if item.fate:
        tip = end - way * 15
        canvas.lines((begin, y), (tip, y), stroke=colour, line=1.4, dash=dash)
        for lean in (-4.5, 4.5):
            canvas.lines((tip - 4.5, y - lean), (tip + 4.5, y + lean), stroke=colour, line=2)
    else:
        canvas.lines((begin, y), (tip - way * 5, y), stroke=colour, line=1.3, dash=dash)
        canvas.polygon((tip - way * 8, y - 4), (tip, y), (tip - way * 8, y + 4), fill=colour)
    text = f"{item.text} ({item.fate})" if item.fate and item.sort == "message" else item.text
    text = measure.shorten(text, abs(end - start) - 22, SMALL)
    width = measure.width(text, SMALL)
    middle = (start + end) / 2
    canvas.box(middle - width / 2 - 3, y - 17, width + 6, 13, fill=PAPER)
    canvas.text(middle, y - 6.5, text, SMALL, ink=STATES["crashed"].stroke if bad else INK, anchor="middle")
    if item.effect:
        effect_mark(canvas, start, y, duplicate=item.effect == "again", known=item.effect == "known")


def _draw_note(canvas: Canvas, item: Item, x: float, y: float) -> None:
    text = measure.shorten(item.text, 1.5 * WIDEST if item.tone == "replay" else WIDEST, SMALL)
    width = measure.width(text, SMALL)
    tones = {
        "replay": STATES["replayed"],
        "bad": STATES["crashed"],
        "good": STATES["done"],
        "": Paint("#f6f7f9", "#8b95a5"),
    }
    paint = tones[item.tone]
    if item.tone == "replay":
        canvas.box(x - 5, y - 13, 10, 19, fill=_REPLAY.paint.fill, stroke=_REPLAY.paint.stroke, radius=2)
        canvas.hatch(x - 5, y - 13, 10, 19, _REPLAY.hatch, _REPLAY.paint.stroke, gap=4)
    canvas.box(x + 10, y - 12, width + 10, 17, fill=paint.fill, stroke=paint.stroke, line=0.8, radius=3)
    canvas.text(x + 15, y + 0.5, text, SMALL)
    if item.tone != "replay":
        canvas.circle(x, y - 3.5, 2.6, fill=paint.stroke)


def _draw_silence(canvas: Canvas, sheet: Sheet, y: float, silence: int) -> None:
    left, right = MARGIN, sheet.width - MARGIN
    words = break_words(silence)
    with canvas.group("silence", f"{spell(silence)} in which nothing happens"):
        canvas.box(left, y - 11, right - left, 22, fill=PAPER)
        for edge in (y - 11, y + 11):
            canvas.lines((left, edge), (right, edge), stroke="#8b95a5", line=0.8, dash=(2, 3))
        width = measure.width(words, BODY, bold=True)
        canvas.text(left + 6, y + 4, words, BODY, bold=True, ink=MUTED)
        canvas.lines((left + width + 18, y), (right, y), stroke=FRAME, line=0.8, dash=(1, 5))


def _draw_fold(canvas: Canvas, sheet: Sheet, item: Item, y: float) -> None:
    left, right = MARGIN + TIME - 10, sheet.width - MARGIN
    canvas.box(left, y - 22, right - left, 26, fill="#f1f3f6", stroke="#8b95a5", radius=4, dash=(5, 3))
    canvas.text((left + right) / 2, y - 5, f"…  {item.text}  …", BODY, bold=True, ink=MUTED, anchor="middle")


def _draw_times(canvas: Canvas, sheet: Sheet) -> None:
    told = ""
    with canvas.group("times"):
        for line in sheet.lines:
            words = spell(line.item.at)
            if words != told:
                canvas.text(MARGIN + TIME - 22, line.y + 0.5, words, SMALL, ink=MUTED, anchor="end")
                told = words


def _told(item: Item) -> str:
    whom = f" to {item.to}" if item.to else ""
    return f"{spell(item.at)}: {item.lane}{whom}: {item.text}{f', {item.fate}' if item.fate else ''}"
