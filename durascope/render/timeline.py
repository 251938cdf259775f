"""The timeline of a trace: a row for each run, each attempt of each step, each component and each queue; or many runs
as dots.

    draw(trace, scenario) -> Picture

The axis leaves out long stretches in which nothing happens, and marks where; `linear=True` gives the true one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from durascope.models.effects import EffectMark, effects
from durascope.models.engine import title_of
from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.spans import Span, how_it_ends, ripe, spans
from durascope.models.trace import Kind, Trace
from durascope.models.units import FOREVER
from durascope.render import measure
from durascope.render.bands import unnumbered
from durascope.render.bars import (
    AGAIN,
    LOOKS,
    Shown,
    bar_entries,
    crash_mark,
    draw_bars,
    draw_effects,
    draw_wait,
    outside_mark,
    restart_mark,
)
from durascope.render.canvas import Canvas
from durascope.render.dots import GUTTER, MANY, dot_entries, draw_dots, durations, plot
from durascope.render.excerpt import excerpt, judged, worst_of
from durascope.render.headline import story_heading
from durascope.render.keys import served
from durascope.render.picture import Picture
from durascope.render.queue_reasons import Reason
from durascope.render.rows import Folded, Row, timeline_rows, until_lost
from durascope.render.sheet import (
    AXIS,
    MARGIN,
    WIDTH,
    Findings,
    draw_axis,
    draw_breaks,
    draw_footer,
    footer_height,
    heading_of,
    outcome_of,
)
from durascope.render.theme import BODY, FRAME, HEAD, INK, MUTED, PAPER, SMALL
from durascope.render.timescale import TimeScale, compressed
from durascope.render.timescale import linear as plain
from durascope.render.waiting import draw_strip, strip_height, strip_of

ROW: Final = 21.0
SECTION: Final = 26.0
GUTTER_MOST: Final = 300.0
_DOTS: Final = 330.0
"""The height of the plot of many runs."""

_BESIDE: Final = 10.0
"""From the middle of a cross to that of a triangle that leaves it seen."""
_SECTIONS: Final = {"component": "Components", "queue": "Queues"}


def draw(trace: Trace, scenario: Scenario, *, linear: bool = False) -> Picture:
    """The picture of one trace.

    >>> from durascope.models.loading import load_scenario
    >>> from durascope.simulators.simulate import simulate
    >>> payment = load_scenario("payment")
    >>> trace = simulate(payment, "temporal")
    >>> draw(trace, payment).title
    'Timeline: Payments, one at a time for each user · Temporal'
    """
    if len(trace.started) > MANY:
        return _draw_many(trace, scenario, true=linear)
    whole, trace = trace, excerpt(trace)
    outcome, worst = outcome_of(whole), worst_of(whole, scenario)
    all_spans, marks = served(trace, until_lost(trace, ripe(spans(trace, scenario)))), effects(trace)
    folded = timeline_rows(trace, all_spans, marks, scenario)
    strip = strip_of(trace, worst, all_spans)
    gutter = max(gutter_of(folded.rows), 0.0 if strip is None else strip.gutter + 18)
    scale = scale_of(trace, all_spans, MARGIN + gutter, WIDTH - MARGIN - 12, true=linear)
    heading = story_heading(whole, scenario, worst, outcome, WIDTH)
    drawn = [span for row in folded.rows for span in row.spans]
    entries = bar_entries(drawn, marks, shows(folded.rows))
    notes = [*cut_names(folded.rows, gutter).values(), *notes_of(trace, folded, heading)]
    top = heading.height + AXIS
    tall = sum(height_of(row, before) for before, row in zip((None, *folded.rows), folded.rows, strict=False))
    begin = top + (strip_height(scale, strip) + 6 if strip is not None else 0.0)
    bottom = begin + tall
    width = round(scale.right + MARGIN + 12, 3)
    canvas = Canvas(width, bottom + 14 + footer_height(entries, notes, width - 2 * MARGIN))
    heading.draw(canvas)
    draw_axis(canvas, scale, top, bottom)
    draw_rows(canvas, scale, folded.rows, begin)
    draw_breaks(canvas, scale, top, bottom)
    draw_outcomes(canvas, scale, folded.rows, begin)
    if strip is not None:
        draw_strip(canvas, scale, strip, top + 8)
    draw_footer(canvas, entries, notes, bottom + 14)
    return Picture(
        f"Timeline: {heading_of(scenario, trace)}",
        _told(trace, scenario, marks, outcome),
        canvas,
        finding=heading.finding,
    )


def _draw_many(trace: Trace, scenario: Scenario, *, true: bool) -> Picture:
    """All runs, whatever of their events is kept."""
    outcome, kept = outcome_of(trace), judged(trace)
    drawn = plot(trace, kept, scenario)
    moments = drawn.moments
    left, right = MARGIN + GUTTER, WIDTH - MARGIN - 12
    scale = plain(min(moments), max(moments), left, right) if true else compressed(moments, left, right)
    heading = story_heading(trace, scenario, drawn.worst, f"{outcome}. {durations(drawn)}", WIDTH)
    entries, notes = dot_entries(drawn), [f"Note: {note}" for note in kept.notes if not heading.says(note)]
    top = heading.height + AXIS
    canvas = Canvas(WIDTH, top + _DOTS + 22 + footer_height(entries, notes, WIDTH - 2 * MARGIN))
    heading.draw(canvas)
    draw_axis(canvas, scale, top, top + _DOTS)
    canvas.text(MARGIN, top - 8, "duration", SMALL, ink=MUTED)
    draw_dots(canvas, scale, drawn, top, _DOTS)
    draw_breaks(canvas, scale, top, top + _DOTS)
    draw_footer(canvas, entries, notes, top + _DOTS + 22)
    return Picture(
        f"Timeline: {heading_of(scenario, trace)}",
        _told(kept, scenario, effects(kept), outcome),
        canvas,
        finding=heading.finding,
    )


def scale_of(trace: Trace, all_spans: Iterable[Span], left: float, right: float, *, true: bool) -> TimeScale:
    """The axis of one trace."""
    moments, busy = moments_of(trace, all_spans)
    if true:
        return plain(min(moments, default=0), max(moments, default=1), left, right)
    return compressed(moments, left, right, busy)


def moments_of(trace: Trace, all_spans: Iterable[Span]) -> tuple[list[int], list[tuple[int, int]]]:
    """Whenever something begins, ends or happens, and when somebody works."""
    shown = [span for span in all_spans if span.ended != "open" or span.kind != "down"]
    moments = [0, *(at for span in shown for at in (span.start, span.end))]
    moments += [run.started_at for run in trace.runs] + [run.ended_at for run in trace.runs if run.ended_at is not None]
    moments += [event.at for _, event in trace.of_kind(Kind.STEP_AFTER_EFFECT, Kind.EVENT_RECEIVED, Kind.DEPLOYED)]
    busy = [(span.start, span.end) for span in shown if span.kind in ("running", "replaying")]
    return moments, busy


def notes_of(trace: Trace, folded: Folded, heading: Findings) -> list[str]:
    told = (note for note in trace.notes if not heading.says(note))
    return [*(f"Folded: {note}" for note in folded.notes), *(f"Note: {note}" for note in told)]


# ---- rows ----------------------------------------------------------------------------------------------------


def shows(rows: Iterable[Row]) -> Shown:
    """What the rows show beside spans and effects."""
    listed = list(rows)
    return Shown(
        outside=any(row.moments and not row.bad and not row.new_code for row in listed),
        deployed=any(row.new_code for row in listed),
        unhandled=any(row.bad for row in listed),
        held=any(row.held is not None for row in listed),
    )


def gutter_of(rows: Iterable[Row]) -> float:
    """The room for the labels."""
    wide = max((_label_width(row) for row in rows if row.kind != "verdict"), default=80.0)
    return min(wide, GUTTER_MOST) + 18


def _label_width(row: Row) -> float:
    hint = measure.width(row.hint, SMALL) + 8 if row.hint else 0.0
    indent = 0.0 if row.kind == "run" else 14.0
    return indent + measure.width(row.label, HEAD if row.kind == "run" else BODY, bold=row.kind == "run") + hint


def height_of(row: Row, before: Row | None) -> float:
    """A row that begins a section stands a little lower."""
    return ROW + (_air(row, before))


def _air(row: Row, before: Row | None) -> float:
    if row.kind == "run":
        return 8.0
    if row.kind in _SECTIONS and (before is None or before.kind != row.kind):
        return SECTION
    return 0.0


def draw_rows(canvas: Canvas, scale: TimeScale, rows: Sequence[Row], top: float) -> None:
    y, before = top, None
    for row in rows:
        air = _air(row, before)
        if row.kind in _SECTIONS and air:
            canvas.lines((MARGIN, y + 7), (scale.right, y + 7), stroke=FRAME)
            canvas.text(MARGIN, y + 21, _SECTIONS[row.kind], SMALL, bold=True, ink=MUTED)
        y += air
        with canvas.group("row", row=row.label, kind=row.kind):
            _row(canvas, scale, row, before, y)
        y += ROW
        before = row


def _row(canvas: Canvas, scale: TimeScale, row: Row, before: Row | None, y: float) -> None:
    middle = y + ROW / 2
    _label(canvas, scale, row, before, middle)
    if row.bounds is not None and row.kind == "run":
        left, right = scale.x(row.bounds[0]), scale.x(row.bounds[1])
        canvas.lines((left, middle), (right, middle), stroke="#8b95a5", line=1)
        for x in (left, right):
            canvas.lines((x, middle - 5), (x, middle + 5), stroke="#4a5568", line=1.4)
    for at in row.moments:
        outside_mark(canvas, scale.x(at), middle, bad=row.bad)
    if row.held is not None:
        draw_wait(canvas, scale.x(row.held.start), scale.x(row.held.end), row.held.words, middle)
    draw_bars(canvas, scale, row.spans, middle)
    crossed: set[int] = set()
    for span in row.spans:
        x = scale.x(span.start if span.kind == "down" else span.end)
        if (span.kind == "down" or span.ended == "crashed") and round(x) not in crossed:
            crossed.add(round(x))
            beside = any(abs(scale.x(effect.at) - x) < 6 for effect in row.effects)
            crash_mark(canvas, x, middle - (5.5 if beside else 0), 4.2)
    crashes = [scale.x(span.end) for span in row.spans if span.ended == "crashed"]
    draw_effects(canvas, scale, row.effects, middle, crashes)
    if row.held is not None:
        _why(canvas, scale, row, row.held, middle)


def _why(canvas: Canvas, scale: TimeScale, row: Row, wait: Reason, middle: float) -> None:
    """What a run waits for, behind all that its row shows, where its bar is too short for the words."""
    if measure.width(wait.words, SMALL) + 10 <= scale.x(wait.end) - scale.x(wait.start):
        return
    ends = [wait.end, *(span.end for span in row.spans), *(effect.at for effect in row.effects), *(row.bounds or ())]
    x = max(map(scale.x, ends)) + 10
    for words in (wait.words, wait.short):
        width = measure.width(words, SMALL)
        if x + width <= scale.right:
            canvas.box(x - 2, middle - 7, width + 4, 14, fill=PAPER)
            canvas.text(x, middle + 4, words, SMALL, ink=MUTED)
            return


def _label(canvas: Canvas, scale: TimeScale, row: Row, before: Row | None, middle: float) -> None:
    room = scale.left - MARGIN - 14
    x, baseline = MARGIN, middle + 4
    if row.kind == "run":
        canvas.text(x, baseline, row.label, HEAD, bold=True)
        used = measure.width(row.label, HEAD, bold=True) + 8
        canvas.text(x + used, baseline, _fitting(row.hint, room - used), SMALL, ink=MUTED)
        return
    if row.kind == "verdict":
        canvas.text(x + 14, baseline, "stands still", BODY, ink=AGAIN)
        return
    same = before is not None and before.kind == row.kind and before.label == row.label
    if not same:
        canvas.text(x + 14, baseline, _name(row, room), BODY)
    canvas.text(scale.left - 12, baseline, row.hint, SMALL, ink=MUTED, anchor="end")


def _name(row: Row, room: float) -> str:
    """The row's label, cut in its middle where the room is too little."""
    left = room - 14 - (measure.width(row.hint, SMALL) + 8 if row.hint else 0)
    return measure.told_apart(row.label, left, BODY)


def cut_names(rows: Iterable[Row], gutter: float) -> dict[str, str]:
    """The names that are cut on their rows, in full: a picture in a page has no tooltips. Of those that differ in a
    number one is told, by what they have in common."""
    found: dict[str, str] = {}
    for row in rows:
        if row.kind not in ("run", "verdict") and (cut := _name(row, gutter - 14)) != row.label:
            found.setdefault(unnumbered(row.label).rstrip("… "), f"{cut}: {row.label}")
    return found


def _fitting(hint: str, room: float) -> str:
    """How a run ended is told before its key, and its key before its workflow."""
    parts = hint.split(" · ")
    tries = [" · ".join(parts[at:]) for at in range(len(parts))]
    return next((each for each in tries if measure.width(each, SMALL) <= room), measure.shorten(hint, room, SMALL))


def draw_outcomes(canvas: Canvas, scale: TimeScale, rows: Sequence[Row], top: float) -> None:
    """Over the tears: how an attempt ended that did not simply succeed, and when what was down came back."""
    y, before, run_end = top, None, FOREVER
    stopped = {  # where and when a process has ended that was not killed
        (span.lane, span.start) for row in rows for span in row.spans
        if span.kind == "down" and span.detail in ("stop", "deploy")
    }  # fmt: skip
    for row in rows:
        y += height_of(row, before)
        run_end = row.bounds[1] if row.bounds is not None and row.kind == "run" else run_end
        if row.kind == "verdict":
            draw_verdict(canvas, scale, row, y - ROW / 2)
        running = [span for span in row.spans if span.kind == "running"]
        if row.kind == "step" and len(running) == 1:
            (span,) = running
            how = "stopped" if (span.lane, span.end) in stopped else "killed"
            words = _ending(span, row.effects, run_end, how)
            if words:
                _beside(canvas, scale, row, words, y - ROW / 2)
        for span in row.spans:
            if span.kind == "down" and span.ended == "done":
                draw_restart(canvas, scale, span, y - ROW / 2)
        before = row


def draw_restart(canvas: Canvas, scale: TimeScale, down: Span, middle: float) -> None:
    """Beside the cross where both are at one place: who broke must be seen."""
    restart_mark(canvas, max(scale.x(down.end), scale.x(down.start) + _BESIDE), middle)


def draw_verdict(canvas: Canvas, scale: TimeScale, row: Row, middle: float) -> None:
    """A bar from when on the run stands still, with the reason in it or, where there is more room, before it."""
    assert row.bounds is not None
    left, right = min(scale.x(row.bounds[0]), scale.right - 4), scale.right
    with canvas.group("verdict", row.label):
        canvas.box(left, middle - 9, right - left, 18, fill=LOOKS["down"].paint.fill, stroke=AGAIN, radius=2.5)
        inside = right - left >= left - scale.left
        words = measure.shorten(row.label, (right - left if inside else left - scale.left) - 12, BODY, bold=True)
        start = left + 6 if inside else left - 6 - measure.width(words, BODY, bold=True)
        if not inside:
            canvas.box(start - 3, middle - 8, measure.width(words, BODY, bold=True) + 6, 16, fill=PAPER)
        canvas.text(start, middle + 4, words, BODY, bold=True, ink=AGAIN)


def _beside(canvas: Canvas, scale: TimeScale, row: Row, words: str, middle: float) -> None:
    width = measure.width(words, SMALL)
    end = max(scale.x(span.end) for span in row.spans) + (20 if row.spans[0].ended == "crashed" else 12)
    left = end if end + width <= scale.right + 8 else min(scale.x(span.start) for span in row.spans) - 12 - width
    if left < scale.left:
        return
    canvas.box(left - 2, middle - 7, width + 4, 14, fill=PAPER)
    canvas.text(left, middle + 4, words, SMALL, ink=INK)


def _ending(span: Span, marks: Sequence[EffectMark], run_end: int, how: str) -> str:
    happened = any(not mark.deduplicated for mark in marks)
    words: list[str] = []
    match span.ended:
        case "crashed":
            words.append(f"{how} {'after' if happened else 'before'} its effect")
        case "failed":
            words.append(f"failed: {span.detail}" if span.detail else "failed")
        case "dropped":
            words.append("result dropped")
        case "abandoned":
            words.append("abandoned")
        case _:
            pass
    if any(mark.duplicate for mark in marks):
        words.append("the effect happens again")
    if any(mark.at > run_end for mark in marks):
        words.append("its effect lands after the run has ended")
    if any(mark.deduplicated for mark in marks):
        words.append("the service knew the key")
    return "; ".join(words)


def _told(trace: Trace, scenario: Scenario, marks: Sequence[EffectMark], outcome: str) -> str:
    again = sorted({f"{mark.step} of {mark.run}" for mark in marks if mark.duplicate})
    crashes, stops = list[str](), list[str]()
    for number, event in trace.of_kind(Kind.CRASHED):
        (crashes if how_it_ends(trace, number) == "crash" else stops).append(f"{event.lane} at {spell(event.at)}")
    return " ".join(
        [
            f"The scenario {scenario.scenario} on {title_of(trace.engine)} over time: {outcome}.",
            f"Crashed: {', '.join(crashes[:8])}." if crashes else "Nothing crashed.",
            f"Stopped: {', '.join(stops[:8])}." if stops else "",
            f"Effects that happened again: {', '.join(again[:8])}." if again else "",
        ]
    ).strip()
