"""One scenario on several engines: their timelines under one another on one axis, and what each cost in numbers.

    draw(traces, scenario) -> Picture

Time is counted from the fault. Over each engine's steps stands what the fault did to it: what was waited for until the
work went on, and what was done again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from durascope.models.effects import EffectMark, Recovery, effects
from durascope.models.engine import named_in, title_of
from durascope.models.scenario import Scenario
from durascope.models.spans import SPAN_KINDS, Span, SpanKind, ripe, spans
from durascope.models.trace import Kind, RunSummary, Trace
from durascope.render import measure
from durascope.render.bars import bar_entries
from durascope.render.canvas import Canvas
from durascope.render.comparison_table import draw_table, numbers, table_height
from durascope.render.dots import GUTTER, MANY, Plot, dot_entries, draw_dots, plot
from durascope.render.excerpt import excerpt, judged, worst_of
from durascope.render.headline import capital, finding, reason_of
from durascope.render.keys import served
from durascope.render.picture import Picture
from durascope.render.rows import (
    Row,
    _one_row,
    alike,
    in_order,
    in_stretches,
    outside_rows,
    run_rows,
    until_lost,
    verdicts,
    with_waits,
)
from durascope.render.sheet import (
    AXIS,
    MARGIN,
    WIDTH,
    Findings,
    draw_axis,
    draw_breaks,
    draw_footer,
    footer_height,
    outcome_of,
)
from durascope.render.theme import BODY, HEAD, MUTED, PAPER, Paint, engine_paints
from durascope.render.timeline import (
    ROW,
    cut_names,
    draw_restart,
    draw_rows,
    draw_verdict,
    gutter_of,
    height_of,
    moments_of,
    shows,
)
from durascope.render.timescale import Since, TimeScale, compressed, linear
from durascope.render.waiting import Strip, draw_strip, strip_height, strip_of

MAX_ROWS: Final = 16
MAX_RUNS: Final = 5
MAX_BREAKS: Final = 5
WORTH_A_BREAK: Final = 0.4
"""The engines differ so much in how long they take that one axis needs a break sooner than a single timeline does."""
_SHOWN_IN_FULL: Final[tuple[SpanKind, ...]] = ("running", "working", "replaying")
"""Where there would be more breaks than that, what waits and what is down may lie in them."""
BAND: Final = 30.0
_DOTS: Final = 170.0
"""The height of a plot of many runs."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One engine's part of the picture."""

    trace: Trace
    spans: tuple[Span, ...]
    effects: tuple[EffectMark, ...]
    worst: Recovery | None
    """The interruption that lasted longest (one without end before all)."""
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    whole: Trace
    """The trace with what is too much to be drawn."""
    strip: Strip | None = None
    zero: int = 0
    """The moment that the axis counts from."""
    told: float = 0.0
    """The height of the strip."""
    plot: Plot | None = None
    """Where the runs are too many for rows."""

    @property
    def height(self) -> float:
        if self.plot is not None:
            return BAND + _DOTS + 18
        rows = sum(height_of(row, before) for before, row in zip((None, *self.rows), self.rows, strict=False))
        return self.steps + rows + 12

    @property
    def steps(self) -> float:
        """How far below the panel's top its rows begin: the engine's name and the strip stand over them."""
        return BAND + self.told

    @property
    def gutter(self) -> float:
        return max(gutter_of(self.rows), 0.0 if self.strip is None else self.strip.gutter + 18)


def draw(traces: Sequence[Trace], scenario: Scenario, *, linear: bool = False) -> Picture:
    """The picture of the same scenario's traces, one for each engine.

    >>> from durascope.models.loading import load_scenario
    >>> from durascope.simulators.simulate import simulate
    >>> payment = load_scenario("payment")
    >>> traces = [simulate(payment, engine) for engine in ("temporal", "restate")]
    >>> draw(traces, payment).title
    'Comparison: Payments, one at a time for each user · Temporal and Restate'
    """
    many = any(len(trace.started) > MANY for trace in traces)
    panels = _one_range([_dotted(trace, scenario) if many else _panel(trace, scenario) for trace in traces])
    zero = "" if many else _zero(panels)
    if zero:
        panels = [replace(panel, zero=_fault_at(panel)) for panel in panels]
    gutter = GUTTER if many else max(panel.gutter for panel in panels)
    scale = _scale(panels, MARGIN + gutter, WIDTH - MARGIN - 12, true=linear)
    scales = [Since(scale, panel.zero) for panel in panels]
    panels = [replace(each, told=strip_height(mine, each.strip)) for each, mine in zip(panels, scales, strict=True)]
    heading = _heading(panels, scenario)
    dots = {entry.word: entry for each in panels if each.plot is not None for entry in dot_entries(each.plot)}
    entries = list(dots.values()) or bar_entries(
        (span for each in panels for span in each.spans),
        (mark for each in panels for mark in each.effects),
        shows(row for each in panels for row in each.rows),
    )
    notes = [*cut_names((row for each in panels for row in each.rows), gutter).values()]
    notes += [
        named_in(each.trace.engine, note)
        for each in panels
        for note in (*each.notes, *each.trace.notes)
        if not heading.says(note)
    ]
    top, tall = heading.height + AXIS, sum(panel.height for panel in panels)
    table = table_height(len(panels))
    width = round(scale.right + MARGIN + 12, 3)
    canvas = Canvas(width, top + tall + table + footer_height(entries, notes, width - 2 * MARGIN))
    names = [title_of(trace.engine) for trace in traces]
    title = (
        f"{scenario.title or scenario.scenario} · {', '.join(names[:-1])} and {names[-1]}" if names[1:] else names[0]
    )
    heading.draw(canvas)
    draw_axis(canvas, scale, top, top + tall, zero)
    y = top
    for panel, mine in zip(panels, scales, strict=True):
        with canvas.group("engine", engine=panel.trace.engine):
            _draw_panel(canvas, mine, panel, y)
        y += panel.height
    draw_breaks(canvas, scale, top, top + tall)
    y = top
    for panel, mine in zip(panels, scales, strict=True):
        _draw_head(canvas, panel, y)
        _draw_restarts(canvas, mine, panel, y + panel.steps)
        if panel.strip is not None:
            draw_strip(canvas, mine, panel.strip, y + BAND)
        y += panel.height
    draw_table(canvas, [(each.trace.engine, numbers(each.whole, each.worst)) for each in panels], y + 10)
    draw_footer(canvas, entries, notes, y + table)
    told = " ".join(f"{title_of(each.trace.engine)}: {outcome_of(each.whole)}." for each in panels)
    told = f"{'. '.join(heading.lines)}. The scenario {scenario.scenario} on each engine. {told}"
    return Picture(f"Comparison: {title}", told, canvas, finding=heading.finding)


_FAULTS: Final = (Kind.CRASHED, Kind.HUNG, Kind.CUT, Kind.OUTAGE_STARTED)


def _zero(panels: Sequence[Panel]) -> str:
    """What the axis counts from, where a fault interrupts something on some engine; else it counts from the start."""
    faults = dict.fromkeys(panel.worst.fault.partition(" ")[0] for panel in panels if panel.worst is not None)
    if not faults or any(_struck(panel) is None for panel in panels):
        return ""
    return next(iter(faults)) if len(faults) == 1 else "fault"


def _struck(panel: Panel) -> int | None:
    """When the fault is that matters: the one that the engine takes longest to recover from, else the first."""
    if panel.worst is not None:
        return panel.worst.at
    return next((event.at for _, event in panel.trace.of_kind(*_FAULTS)), None)


def _fault_at(panel: Panel) -> int:
    return _struck(panel) or 0


def _heading(panels: Sequence[Panel], scenario: Scenario) -> Findings:
    """What happened on the engines, and why each was back so late."""
    names = _names(panels)
    title = finding(
        scenario,
        {name: panel.whole for name, panel in zip(names, panels, strict=True)},
        {name: panel.effects for name, panel in zip(names, panels, strict=True)},
        {name: panel.worst for name, panel in zip(names, panels, strict=True)},
    )
    told = {
        name: reason_of(panel.whole, scenario, panel.worst, name) for name, panel in zip(names, panels, strict=True)
    }
    if len(set(told.values())) == 1:
        reasons = [each for each in list(told.values())[:1] if each]
    else:
        named = [(panel.worst is not None, name) for name, panel in zip(names, panels, strict=True)]
        reasons = [told[name] if itself else f"{name}: {told[name]}" for itself, name in named if told[name]]
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if names[1:] else names[0]
    over = f"{scenario.title or scenario.scenario} on {listed} · same workload, same random seed, same faults"
    return Findings.of(over, title, [capital(reason) for reason in reasons], WIDTH)


def _names(panels: Sequence[Panel]) -> list[str]:
    """The engines' names; one that is there twice gets a number."""
    plain = [_name(panel) for panel in panels]
    return [name if plain.count(name) == 1 else f"{name} {plain[:at].count(name) + 1}" for at, name in enumerate(plain)]


def _name(panel: Panel) -> str:
    return title_of(panel.trace.engine)


def _panel(whole: Trace, scenario: Scenario) -> Panel:
    trace = excerpt(whole)
    all_spans, marks = served(trace, until_lost(trace, ripe(spans(trace, scenario)))), effects(trace)
    rows, notes = _rows(trace, all_spans, marks, scenario)
    rows = [*_down(all_spans), *outside_rows(trace, limit=3), *with_waits(rows, trace, scenario, all_spans)]
    if trace is not whole:
        marks = effects(judged(whole))
    worst = worst_of(whole, scenario)
    strip = strip_of(trace, worst, all_spans)
    return Panel(trace, tuple(all_spans), tuple(marks), worst, tuple(rows), tuple(notes), whole, strip)


def _dotted(whole: Trace, scenario: Scenario) -> Panel:
    """Many runs are dots; nothing of their events is drawn."""
    kept = judged(whole)
    drawn = plot(whole, kept, scenario)
    return Panel(whole, (), tuple(effects(kept)), drawn.worst, (), (), whole, plot=drawn)


def _one_range(panels: Sequence[Panel]) -> list[Panel]:
    """All plots have the same axis of durations."""
    plots = [panel.plot for panel in panels if panel.plot is not None]
    if not plots:
        return list(panels)
    low, high = min(each.low for each in plots), max(each.high for each in plots)
    return [
        panel if panel.plot is None else replace(panel, plot=replace(panel.plot, low=low, high=high))
        for panel in panels
    ]


def _down(all_spans: Sequence[Span]) -> list[Row]:
    """A row for each component that was down; those that were down together share one."""
    lanes: dict[str, list[Span]] = {}
    for span in all_spans:
        if span.kind == "down":
            lanes.setdefault(span.lane, []).append(span)
    together: dict[tuple[tuple[int, int], ...], list[str]] = {}
    for lane, spans_of_it in lanes.items():
        together.setdefault(tuple((span.start, span.end) for span in spans_of_it), []).append(lane)
    return [
        Row(names[0], tuple(lanes[names[0]]), hint="down" if len(names) == 1 else f"and {len(names) - 1} more down")
        for names in list(together.values())[:4]
    ]


def _rows(
    trace: Trace, all_spans: Sequence[Span], marks: Sequence[EffectMark], scenario: Scenario
) -> tuple[list[Row], list[str]]:
    """A row for each step where the runs are few, else a row for each run."""
    runs = sorted(trace.runs, key=lambda run: in_order(run.name))
    in_full = [_steps(run, all_spans, marks, trace.ended_at, scenario) for run in runs[:2]]
    if len(runs) <= 2 and sum(len(rows) for rows, _ in in_full) <= MAX_ROWS + 2:
        told = [verdicts(trace, run.name) for run in runs]
        return (
            [row for (rows, _), why in zip(in_full, told, strict=True) for row in (*rows, *why)],
            [note for _, notes in in_full for note in notes],
        )
    left = len(runs) - MAX_RUNS
    rows = [
        row
        for run in runs[:MAX_RUNS]
        for row in (_whole_run(run, all_spans, marks, trace.ended_at), *verdicts(trace, run.name))
    ]
    return rows, [f"{left} more runs are not drawn."] if left > 0 else []


def _steps(
    run: RunSummary, all_spans: Sequence[Span], marks: Sequence[EffectMark], trace_end: int, scenario: Scenario
) -> tuple[list[Row], list[str]]:
    """The run and its steps, all attempts of a step on one row."""
    head, *steps = run_rows(run, all_spans, marks, trace_end, scenario, limit=10_000).rows
    by_step: dict[str, list[Row]] = {}
    for row in steps:
        by_step.setdefault(row.label, []).append(row)
    merged = [_one_row(rows) for rows in by_step.values()]
    notes: list[str] = []
    if len(merged) > MAX_ROWS:
        merged, notes = alike(run, merged, MAX_ROWS)
    if len(merged) > MAX_ROWS:
        merged, left = in_stretches(merged, MAX_ROWS)
        notes += [f"{run.name}: steps one after the other to which nothing happened share a row.", *left]
    return [head, *merged], notes


def _whole_run(run: RunSummary, all_spans: Sequence[Span], marks: Sequence[EffectMark], trace_end: int) -> Row:
    end = run.ended_at if run.ended_at is not None else trace_end
    mine = tuple(span for span in all_spans if span.run == run.name)
    theirs = tuple(mark for mark in marks if mark.run == run.name)
    hint = " · ".join(filter(None, (run.workflow, run.key, run.status)))
    return Row(run.name, mine, theirs, hint, kind="run", bounds=(run.started_at, end))


def _scale(panels: Sequence[Panel], left: float, right: float, *, true: bool) -> TimeScale:
    plots = [panel.plot for panel in panels if panel.plot is not None]
    everything = _moments(panels, SPAN_KINDS) if not plots else ([at for each in plots for at in each.moments], [])
    if true:
        return linear(min(everything[0], default=0), max(everything[0], default=1), left, right)
    scale = compressed(everything[0], left, right, everything[1], worth=WORTH_A_BREAK)
    if plots:
        return scale
    if len(scale.breaks) <= MAX_BREAKS:
        return scale
    moments, busy = _moments(panels, _SHOWN_IN_FULL)
    return compressed(moments, left, right, busy, worth=WORTH_A_BREAK)


def _moments(panels: Sequence[Panel], kinds: Sequence[SpanKind]) -> tuple[list[int], list[tuple[int, int]]]:
    moments: list[int] = []
    busy: list[tuple[int, int]] = []
    for panel in panels:
        theirs, worked = moments_of(panel.trace, [span for span in panel.spans if span.kind in kinds])
        moments += [at - panel.zero for at in theirs]
        busy += [(start - panel.zero, end - panel.zero) for start, end in worked]
    return moments, busy


# ---- drawing -------------------------------------------------------------------------------------------------


def paint_of(engine: str) -> Paint:
    """The colours of the engine's own things."""
    return engine_paints(engine)[1]


def _draw_panel(canvas: Canvas, scale: TimeScale, panel: Panel, top: float) -> None:
    paint = paint_of(panel.trace.engine)
    canvas.box(MARGIN - 8, top + 7, 4, panel.height - 12, fill=paint.stroke)
    if panel.plot is not None:
        draw_dots(canvas, scale, panel.plot, top + BAND + 4, _DOTS)
    draw_rows(canvas, scale, panel.rows, top + panel.steps)


def _draw_restarts(canvas: Canvas, scale: TimeScale, panel: Panel, top: float) -> None:
    y, before = top, None
    for row in panel.rows:
        y += height_of(row, before)
        before = row
        if row.kind == "verdict":
            draw_verdict(canvas, scale, row, y - ROW / 2)
        for span in row.spans:
            if span.kind == "down" and span.ended == "done":
                draw_restart(canvas, scale, span, y - ROW / 2)


def _draw_head(canvas: Canvas, panel: Panel, top: float) -> None:
    paint = paint_of(panel.trace.engine)
    name = title_of(panel.trace.engine)
    canvas.text(MARGIN, top + 22, name, HEAD, bold=True, ink=paint.stroke)
    used = measure.width(name, HEAD, bold=True) + 12
    words = outcome_of(panel.whole)
    canvas.box(MARGIN + used - 3, top + 9, measure.width(words, BODY) + 6, 17, fill=PAPER)
    canvas.text(MARGIN + used, top + 22, words, BODY, ink=MUTED)
