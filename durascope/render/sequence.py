"""The sequence of a trace: client, engine, apps and services as life lines, and what they say to each other.

    draw(trace, scenario) -> Picture       also as Mermaid and D2 source

Time runs down, row by row rather than to scale; a long silence is a band that says how long. A life line is dashed
while its component is dead; what is lost or refused ends in a cross.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from durascope.models.engine import title_of
from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.spans import Span
from durascope.models.trace import Trace
from durascope.models.waits import waits
from durascope.render import measure
from durascope.render.bars import LOOKS, crash_mark, effect_mark, restart_mark
from durascope.render.canvas import Canvas
from durascope.render.cast import cast
from durascope.render.conversation import Conversation, Item, Role, conversation
from durascope.render.excerpt import shows, worst_of
from durascope.render.folding import FoldedConversation, fold, repeated_steps
from durascope.render.headline import story_heading
from durascope.render.legend import Entry
from durascope.render.picture import Picture
from durascope.render.sequence_legend import sequence_entries
from durascope.render.sequence_sheet import (
    LINE,
    SILENCE,
    TIME,
    WIDEST,
    Line,
    Sheet,
    head_width,
    label_place,
    labels,
    sheet_of,
)
from durascope.render.sequence_sources import d2, mermaid
from durascope.render.sheet import (
    MARGIN,
    WIDTH,
    draw_footer,
    footer_height,
    heading_of,
    outcome_of,
)
from durascope.render.silence import Silences
from durascope.render.theme import BODY, FRAME, INK, MUTED, PAPER, ROLES, SMALL, STATES, Paint
from durascope.render.timescale import break_words
from durascope.render.waiting import WAITS

_REPLAY: Final = LOOKS["replaying"]
HIGHEST: Final = 1_200.0
"""A picture that is higher is no longer seen as one."""
_LINE: Final = "x" * 100
"""Stands for a line of a note that is not known yet."""
_MOST_LINES: Final = 4
"""So many lines of notes say what was left out, at the most."""
_SPACE: Final = 18.0
"""Above the footer."""


def draw(trace: Trace, scenario: Scenario, *, whole: bool = False) -> Picture:
    """The picture of one trace: at most eight life lines, as wide as a README and not much higher than a screen.

    `whole`: every life line, and every message up to a few hundred.

    >>> from durascope.models.loading import load_scenario
    >>> from durascope.simulators.simulate import simulate
    >>> payment = load_scenario("payment")
    >>> trace = simulate(payment, "restate")
    >>> draw(trace, payment).title
    'Sequence: Payments, one at a time for each user · Restate'
    """
    everything, worst = trace, worst_of(trace, scenario)
    outcome, trace = outcome_of(trace), shows(trace, worst)
    talk, merged = conversation(trace, scenario), list[str]()
    if not whole:
        talk, merged = cast(talk, scenario, trace.engine, room=WIDTH - 2 * MARGIN - TIME)
    width = 0.0 if whole else WIDTH
    heading = story_heading(everything, scenario, worst, outcome, WIDTH)
    told = [f"Note: {note}" for note in trace.notes if not heading.says(note)]

    kinds = {span.kind: span for span in talk.spans}.values()

    def layout(folded: FoldedConversation, *, roughly: bool = False) -> _Layout:
        sheet = sheet_of(talk, folded.items, folded.quiet, scenario, heading.height - 4, width)
        bars = [] if roughly else _activations(sheet, [
            span for span in talk.spans
            if folded.run in (None, span.run) and (span.run, span.step) not in folded.banded
        ])  # fmt: skip
        entries = sequence_entries(folded.items, kinds if roughly else [bar.span for bar in bars])
        return _Layout(folded, sheet, bars, entries, [*_made_short(merged, folded.notes), *told])

    laid = _laid_out(talk, [run.name for run in trace.runs], None if worst is None else worst.run, layout, whole)
    folded, sheet = laid.folded, laid.sheet
    lanes = [talk.title_of(name, scenario) for name in sheet.lanes]
    canvas = Canvas(sheet.width, laid.height)
    heading.draw(canvas)
    twice = repeated_steps(talk.items)
    first = sorted(talk.spans, key=lambda span: (span.run, span.step) not in twice)
    reasons = Silences(trace, folded.run, () if worst is None else waits(everything, worst), first)
    _draw_lanes(canvas, sheet, talk)
    _draw_activations(canvas, laid.bars)
    for line in sheet.lines:
        with canvas.group(line.item.sort, _told(line.item), run=line.item.run or "", step=line.item.step or ""):
            _draw_item(canvas, sheet, line, reasons)
    _draw_times(canvas, sheet)
    draw_footer(canvas, laid.entries, laid.notes, sheet.foot + _SPACE)
    title = f"Sequence: {heading_of(scenario, trace)}"
    words = f"Messages between {', '.join(lanes)} on {title_of(trace.engine)}, in order: {outcome}."
    return Picture(
        title,
        words,
        canvas,
        {
            "mermaid": lambda: mermaid(talk, folded, scenario, title, reasons),
            "d2": lambda: d2(talk, folded, scenario, title, reasons),
        },
        finding=heading.finding,
    )


@dataclass(frozen=True, slots=True)
class _Layout:
    """What is drawn of a conversation, and where."""

    folded: FoldedConversation
    sheet: Sheet
    bars: Sequence[_Activation]
    entries: Sequence[Entry]
    notes: Sequence[str]

    @property
    def height(self) -> float:
        footer = footer_height(self.entries, self.notes, self.sheet.width - 2 * MARGIN)
        return self.sheet.foot + _SPACE + footer


class _Lays(Protocol):
    def __call__(self, folded: FoldedConversation, *, roughly: bool = False) -> _Layout:
        """`roughly`: no lower than it will be, and without bars."""
        ...


def _laid_out(
    talk: Conversation,
    runs: Sequence[str],
    worst: str | None,
    layout: _Lays,
    whole: bool,
    lines: int = 0,
) -> _Layout:
    """With as much drawn as there is room for. What is left out is told in notes, which take room themselves: how many
    `lines` of them there are is known only afterwards."""
    unknown = tuple([_LINE] * lines)

    def fits(items: Sequence[Item], quiet: int) -> bool:
        return whole or layout(FoldedConversation(tuple(items), unknown, quiet=quiet), roughly=True).height <= HIGHEST

    laid = layout(fold(talk, runs, worst=worst, fits=fits))
    if whole or laid.height <= HIGHEST or lines == _MOST_LINES:
        return laid
    return _laid_out(talk, runs, worst, layout, whole, lines + 1)


def _made_short(merged: Sequence[str], folded: Sequence[str]) -> Iterator[str]:
    """What was left out, and how."""
    if merged:
        yield f"Merged: {'; '.join(merged)}."
    if folded:
        yield f"Folded: {' '.join(folded)}"


# ---- drawing -------------------------------------------------------------------------------------------------


def _paint(role: Role) -> Paint:
    return ROLES[role]


def _draw_lanes(canvas: Canvas, sheet: Sheet, talk: Conversation) -> None:
    heads = [sheet.top - sheet.head - 4, *([sheet.bottom + 4] if sheet.long else [])]
    high = sheet.head - 13
    for name, x in sheet.lanes.items():
        paint, lines = _paint(sheet.roles[name]), sheet.heads[name]
        width = head_width(lines)
        with canvas.group("lane", name, lane=name):
            canvas.lines((x, sheet.top - 8), (x, sheet.bottom + (4 if sheet.long else 0)), stroke="#8b95a5")
            for top in heads:
                canvas.box(x - width / 2, top, width, high, fill=paint.fill, stroke=paint.stroke, line=1.3, radius=5)
                for at, text in enumerate(lines):
                    y = top + 18 + (high - 27 - LINE * (len(lines) - 1)) / 2 + at * LINE
                    canvas.text(x, y, text, BODY, bold=True, ink=paint.ink, anchor="middle")
            for span in talk.spans:
                if span.kind == "down" and span.lane == name and sheet.lines:
                    _draw_down(canvas, sheet, span, x)


def _draw_down(canvas: Canvas, sheet: Sheet, span: Span, x: float) -> None:
    begun = sheet.row_of(span.events[0], after=True)
    if begun >= len(sheet.lines):
        return
    ended = sheet.row_of(span.events[-1], after=False) if span.ended == "done" else len(sheet.lines)
    together = 0 <= ended < len(sheet.lines) and sheet.lines[ended].item.sort == "restart"
    if span.ended == "done" and not (together and sheet.lines[ended].item.at == span.end):
        ended = sheet.row_of(span.events[-1], after=True)
    bottom = sheet.lines[ended].y if ended < len(sheet.lines) else sheet.bottom
    canvas.lines((x, sheet.lines[begun].y), (x, bottom), stroke=PAPER, line=4)
    canvas.lines((x, sheet.lines[begun].y), (x, bottom), stroke=LOOKS["down"].paint.stroke, line=1.6, dash=(2, 4))


@dataclass(frozen=True, slots=True)
class _Activation:
    """A bar on a life line: work that goes on."""

    span: Span
    x: float
    top: float
    bottom: float
    width: float


def _activations(sheet: Sheet, all_spans: Sequence[Span]) -> list[_Activation]:
    found: list[_Activation] = []
    if not sheet.lines:
        return found
    for kind, width in (("working", 11.0), ("running", 9.0)):
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
            x = sheet.lanes[span.lane] - width / 2 + 3.5 * min(len(stacked), 4)
            found.append(_Activation(span, x, top, bottom, width))
    return found


def _draw_activations(canvas: Canvas, bars: Iterable[_Activation]) -> None:
    for bar in bars:
        look = LOOKS["working" if bar.span.kind == "working" else "running"]
        if bar.span.ended == "crashed" and bar.span.kind == "running":
            look = LOOKS["crashed"]
        high = max(bar.bottom - bar.top, 6)
        canvas.box(bar.x, bar.top, bar.width, high, fill=look.paint.fill, stroke=look.paint.stroke, radius=2)
        canvas.hatch(bar.x, bar.top, bar.width, high, look.hatch, look.paint.stroke, gap=5)


def _draw_item(canvas: Canvas, sheet: Sheet, line: Line, reasons: Silences) -> None:
    item, y = line.item, line.y
    if line.silence:
        _draw_silence(canvas, sheet, y - line.high - SILENCE / 2 + 7, line, reasons)
    x = sheet.lanes.get(item.lane, MARGIN + TIME)
    match item.sort:
        case "message" | "call" | "return":
            if item.to in sheet.lanes and item.lane in sheet.lanes:
                _draw_arrow(canvas, sheet, item, x, sheet.lanes[item.to], y)
        case "note":
            _draw_note(canvas, line, x)
        case "crash":
            crash_mark(canvas, x, y - 3, 7)
            canvas.box(x + 9, y - 10, measure.width(item.text, SMALL, bold=True) + 8, 14, fill=PAPER)
            canvas.text(x + 13, y + 1, item.text, SMALL, bold=True, ink=STATES["crashed"].stroke)
        case "restart":
            restart_mark(canvas, x, y - 3)
            canvas.text(x + 13, y + 1, item.text, SMALL, ink=STATES["done"].stroke)
        case "fold":
            _draw_fold(canvas, sheet, item, y)


def _draw_arrow(canvas: Canvas, sheet: Sheet, item: Item, start: float, end: float, y: float) -> None:
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
    text, middle = label_place(list(labels(item)), start, end, sheet.lanes.values())
    width = measure.width(text, SMALL)
    canvas.box(middle - width / 2 - 3, y - 16.5, width + 6, 13, fill=PAPER)
    canvas.text(middle, y - 6, text, SMALL, ink=STATES["crashed"].stroke if bad else INK, anchor="middle")
    if item.effect:
        effect_mark(canvas, start, y, duplicate=item.effect == "again", known=item.effect == "known")


def _draw_note(canvas: Canvas, line: Line, x: float) -> None:
    item, y, note = line.item, line.y, line.note
    assert note is not None
    tones = {
        "replay": STATES["replayed"],
        "bad": STATES["crashed"],
        "good": STATES["done"],
        "wait": Paint(WAITS["backoff"][0], "#a86a0b"),
        "": Paint("#f6f7f9", "#8b95a5"),
    }
    paint = tones[item.tone]
    more = LINE * (len(note.lines) - 1)
    if item.tone == "replay":
        canvas.box(x - 5, y - 13 - more, 10, 19 + more, fill=_REPLAY.paint.fill, stroke=_REPLAY.paint.stroke, radius=2)
        canvas.hatch(x - 5, y - 13 - more, 10, 19 + more, _REPLAY.hatch, _REPLAY.paint.stroke, gap=4)
    canvas.box(
        note.left, y - 12 - more, note.width, 17 + more, fill=paint.fill, stroke=paint.stroke, line=0.8, radius=3
    )
    for at, text in enumerate(note.lines):
        canvas.text(note.left + 5, y + 0.5 - more + at * LINE, text, SMALL)
    if item.tone != "replay":
        canvas.circle(x, y - 3.5 - more / 2, 2.6, fill=paint.stroke)


def _draw_silence(canvas: Canvas, sheet: Sheet, y: float, line: Line, reasons: Silences) -> None:
    """A stretch in which nothing is said: how long it lasts, and what is being waited for."""
    left, right = MARGIN, sheet.width - MARGIN
    reason = reasons.of(line.item.at - line.silence, line.item.at)
    words, why = break_words(line.silence), reason.words
    with canvas.group("silence", f"{spell(line.silence)} in which nothing happens{f': {why}' if why else ''}"):
        canvas.box(left, y - 11, right - left, 22, fill=reason.fill or PAPER)
        for edge in (y - 11, y + 11):
            canvas.lines((left, edge), (right, edge), stroke="#8b95a5", line=0.8, dash=(2, 3))
        width = measure.width(words, BODY, bold=True)
        canvas.text(left + 6, y + 4, words, BODY, bold=True, ink=MUTED)
        if why:
            canvas.text(left + width + 18, y + 4, why, BODY, ink=INK)
        else:
            canvas.lines((left + width + 18, y), (right, y), stroke=FRAME, line=0.8, dash=(1, 5))


def _draw_fold(canvas: Canvas, sheet: Sheet, item: Item, y: float) -> None:
    left, right = MARGIN + TIME - 10, sheet.width - MARGIN
    canvas.box(left, y - 17, right - left, 22, fill="#f1f3f6", stroke="#8b95a5", radius=4, dash=(5, 3))
    words = measure.shorten(item.text, right - left - 60, BODY, bold=True)
    canvas.text((left + right) / 2, y - 2, f"…  {words}  …", BODY, bold=True, ink=MUTED, anchor="middle")


def _draw_times(canvas: Canvas, sheet: Sheet) -> None:
    told = ""
    with canvas.group("times"):
        for line in sheet.lines:
            words = spell(line.item.at)
            if words != told:
                above = 0.0 if line.note is None else LINE * (len(line.note.lines) - 1) / 2
                canvas.text(MARGIN + TIME - 22, line.y + 0.5 - above, words, SMALL, ink=MUTED, anchor="end")
                told = words


def _told(item: Item) -> str:
    whom = f" to {item.to}" if item.to else ""
    return f"{spell(item.at)}: {item.lane}{whom}: {item.text}{f', {item.fate}' if item.fate else ''}"
