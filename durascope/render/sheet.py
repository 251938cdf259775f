"""What the views along a time axis have in common: the heading, the axis with its breaks, the legend and the notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from durascope.models.engine import title_of
from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.starts import not_begun
from durascope.models.trace import Trace
from durascope.render import measure
from durascope.render.canvas import Canvas
from durascope.render.legend import Entry
from durascope.render.theme import BODY, FRAME, INK, LINE, MUTED, PAPER, SMALL, TITLE, UNDO
from durascope.render.timescale import TimeScale, break_words

MARGIN: Final = 24.0
WIDTH: Final = 880.0
"""Pictures of traces are as wide as a README shows them."""
HEADING: Final = 66.0
AXIS: Final = 40.0
_FINDING: Final = 18.0
_LEGEND_LINE: Final = 22.0
_NOTE_LINE: Final = 15.0


def heading_of(scenario: Scenario, trace: Trace | None = None) -> str:
    """`Order fulfillment on Temporal`"""
    title = scenario.title or scenario.scenario
    return title if trace is None else f"{title} · {title_of(trace.engine)}"


def outcome_of(trace: Trace) -> str:
    """`completed after 11.9 s · 6 effects, 1 of them a duplicate`; many runs are counted by how they ended."""
    never = not_begun(trace)
    if len(trace.runs) == 1 and not never:
        run = trace.runs[0]
        ended = run.ended_at if run.ended_at is not None else trace.ended_at
        words = [
            f"{run.status} after {spell(ended - run.started_at)}" if run.ended_at is not None else f"still {run.status}"
        ]
    else:
        ends = Counter([run.status for run in trace.runs] + list(never.values()))
        what = f"{ends.total()} starts" if never else f"{len(trace.runs)} runs"
        words = [f"{what}: " + ", ".join(f"{n} {status}" for status, n in sorted(ends.items()))]
    duplicates = round(trace.counters.get("duplicate_effects", 0))
    effects = sum(trace.effects.values())
    again = (
        "none a duplicate"
        if not duplicates
        else "1 is a duplicate"
        if duplicates == 1
        else f"{duplicates} are duplicates"
    )
    words.append(f"{effects} effects outside, {again}" if effects > 1 else f"{effects} effect outside")
    return " · ".join(words)


def draw_heading(canvas: Canvas, title: str, lead: str) -> None:
    room = canvas.width - 2 * MARGIN
    canvas.text(MARGIN, 33, measure.shorten(title, room, TITLE, bold=True), TITLE, bold=True)
    canvas.text(MARGIN, 53, measure.shorten(lead, room, BODY), BODY, ink=MUTED)


@dataclass(frozen=True, slots=True)
class Findings:
    """A heading that says what was found: the scenario over it, the reasons under it, each on lines of its own."""

    over: str
    lines: tuple[str, ...]
    reasons: tuple[str, ...]

    @classmethod
    def of(cls, over: str, title: str, reasons: Sequence[str], width: float) -> Findings:
        """Wrapped to a picture's width."""
        room = width - 2 * MARGIN
        wrapped = [line for reason in reasons for line in measure.wrap(reason, room, BODY)]
        return cls(over, tuple(measure.wrap(title, room, _FINDING, bold=True)), tuple(wrapped))

    def says(self, note: str) -> bool:
        """Whether the note has been said there."""
        return note in " ".join(self.reasons)

    @property
    def finding(self) -> str:
        """What was found, in one sentence."""
        return " ".join(self.lines)

    @property
    def height(self) -> float:
        return 34 + 24 * len(self.lines) + 17 * len(self.reasons) + 10

    def draw(self, canvas: Canvas) -> None:
        canvas.text(MARGIN, 28, measure.shorten(self.over, canvas.width - 2 * MARGIN, BODY), BODY, ink=MUTED)
        y = 32.0
        for line in self.lines:
            y += 22
            canvas.text(MARGIN, y, line, _FINDING, bold=True)
        y += 2
        for line in self.reasons:
            y += 17
            canvas.text(MARGIN, y, line, BODY, ink=MUTED)


def draw_axis(canvas: Canvas, scale: TimeScale, top: float, bottom: float, zero: str = "") -> None:
    """Ticks over the plot, grid lines through it; the words of the breaks stand over the ticks.

    `zero`: what happens there, where the axis counts from something else than the start.
    """
    with canvas.group("axis"):
        for tick in scale.ticks():
            if zero and tick.at == 0:
                canvas.text(tick.x, top - 8, zero, SMALL, bold=True, ink=UNDO, anchor="middle")
                canvas.lines((tick.x, top - 4), (tick.x, bottom), stroke=UNDO, line=1, dash=(4, 3))
                continue
            canvas.text(tick.x, top - 8, tick.label, SMALL, ink=INK if tick.main else MUTED, anchor="middle")
            canvas.lines((tick.x, top - 4), (tick.x, bottom), stroke=FRAME, line=0.7)
        canvas.lines((scale.left, top), (scale.right, top), stroke=LINE, line=1)
        for piece in scale.breaks:
            words = break_words(piece.end - piece.start)
            canvas.text((piece.left + piece.right) / 2, top - 24, words, SMALL, bold=True, ink=MUTED, anchor="middle")


def draw_breaks(canvas: Canvas, scale: TimeScale, top: float, bottom: float) -> None:
    """A tear through the whole plot at each break; drawn last, over the bars."""
    for piece in scale.breaks:
        left, right = piece.left + 6, piece.right - 6
        with canvas.group("break", f"{spell(piece.end - piece.start)} are left out"):
            middle = (left + right) / 2
            for x, lean in ((middle - 3, 1), (middle + 3, -1)):
                points = [(x + (3 if n % 2 else -3), y) for n, y in enumerate(_steps(top - 6, bottom + 4, 6))]
                if lean > 0:
                    away = [(px + 6, y) for px, y in reversed(points)]
                    canvas.polygon(*points, *away, fill=PAPER)
                canvas.lines(*points, stroke="#a9b2bf", line=0.9)


def _steps(start: float, end: float, step: float) -> list[float]:
    count = max(1, int((end - start) / step))
    return [start + (end - start) * n / count for n in range(count + 1)]


# ---- under the plot ------------------------------------------------------------------------------------------


def footer_height(entries: Sequence[Entry], notes: Sequence[str], room: float) -> float:
    """The room that legend and notes take."""
    legend = 14 + _LEGEND_LINE * len(_lines(entries, room))
    return legend + _NOTE_LINE * len(_wrapped(notes, room)) + (8 if notes else 0) + 12


def draw_footer(canvas: Canvas, entries: Sequence[Entry], notes: Sequence[str], top: float) -> None:
    """The legend, then the notes: what was folded, what the engine lacks."""
    room = canvas.width - 2 * MARGIN
    canvas.lines((MARGIN, top), (MARGIN + room, top), stroke=FRAME)
    y = top + 14
    with canvas.group("legend"):
        for line in _lines(entries, room):
            x = MARGIN
            for entry in line:
                entry.draw(canvas, x, y + 6)
                canvas.text(x + 37, y + 9.8, entry.word, SMALL, ink=MUTED)
                x += entry.width
            y += _LEGEND_LINE
    with canvas.group("notes"):
        y += 8
        for line in _wrapped(notes, room):
            canvas.text(MARGIN, y + 4, line, SMALL, ink=MUTED)
            y += _NOTE_LINE


def _lines(entries: Sequence[Entry], room: float) -> list[list[Entry]]:
    lines: list[list[Entry]] = []
    used = room
    for entry in entries:
        if not lines or used + entry.width > room + 22:
            lines.append([])
            used = 0.0
        lines[-1].append(entry)
        used += entry.width
    return lines


def _wrapped(notes: Sequence[str], room: float) -> list[str]:
    return [line for note in notes for line in measure.wrap(note.replace("`", ""), room, SMALL)]
