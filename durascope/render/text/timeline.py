"""The timeline of one engine in the terminal: a row per step for one run, a row per run for several."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.text import Text

from durascope.models.effects import EffectMark, effects
from durascope.models.scenario import Scenario
from durascope.models.spans import Span, ripe, spans
from durascope.models.trace import Kind, Trace
from durascope.render.program_order import in_program_order
from durascope.render.rows import in_order
from durascope.render.text.axis import Axis
from durascope.render.text.marks import BREAK, CRASH, DUPLICATE, EFFECT, MARKS, Mark

MAX_ROWS: Final = 28
_LAYERS: Final = ("down", "working", "sleeping", "waiting", "queued", "backing-off", "replaying", "running")
"""What is drawn over what, the last on top. Code that is held open while it waits is drawn as a wait."""
CODE: Final = "workflow code"


@dataclass(slots=True)
class Row:
    """One line of the picture, before it has cells."""

    label: str
    spans: list[Span] = field(default_factory=list[Span])
    effects: list[EffectMark] = field(default_factory=list[EffectMark])
    crashes: list[int] = field(default_factory=list[int])


def timeline(trace: Trace, scenario: Scenario, width: int) -> Text:
    """The engine's timeline, at most `width` characters wide.

    >>> from durascope.models.loading import load_scenario
    >>> from durascope.simulators.simulate import simulate
    >>> order = load_scenario("order-fulfillment")
    >>> trace = simulate(order, "restate")
    >>> print(timeline(trace, order, 60).plain.splitlines()[0].rstrip())
                      0                                   5.54 s
    """
    all_spans = ripe(spans(trace, scenario))
    runs = sorted((run.name for run in trace.runs), key=in_order)
    rows = _rows_of_steps(trace, scenario, all_spans) if len(runs) <= 1 else _rows_of_runs(trace, all_spans, runs)
    hidden = len(rows) - MAX_ROWS
    rows = rows[:MAX_ROWS]
    labels = min(max((len(row.label) for row in rows), default=0), max(12, width // 3))
    axis = Axis(_times(trace, rows), max(20, width - labels - 1))
    text = Text(" " * (labels + 1))
    text.append(axis.scale(), "dim")
    for row in rows:
        text.append("\n")
        text.append(_clipped(row.label, labels).ljust(labels + 1))
        text.append_text(_drawn(row, axis))
    if hidden > 0:
        text.append(f"\n… {hidden} more rows", "dim")
    return text


def _rows_of_steps(trace: Trace, scenario: Scenario, all_spans: Sequence[Span]) -> list[Row]:
    """A row for the workflow's code, one per step in the program's order, one per component that was down."""
    rows: dict[str, Row] = {}
    for span in all_spans:
        label = _label(span)
        rows.setdefault(label, Row(label)).spans.append(span)
    for mark in effects(trace):
        if mark.step in rows:
            rows[mark.step].effects.append(mark)
    for _, event in trace.of_kind(Kind.CRASHED):
        rows.setdefault(event.lane, Row(event.lane)).crashes.append(event.at)
    code = [row for row in rows.values() if row.label == CODE]
    down = [row for row in rows.values() if row.crashes or all(span.kind == "down" for span in row.spans)]
    steps = [row for row in rows.values() if row not in code and row not in down]
    return [*code, *in_program_order(steps, scenario, lambda row: row.label), *down]


def _label(span: Span) -> str:
    if span.kind == "down":
        return span.lane
    if span.kind in ("working", "replaying"):
        return CODE
    return CODE if span.step is None else span.step


def _rows_of_runs(trace: Trace, all_spans: Sequence[Span], runs: Sequence[str]) -> list[Row]:
    rows = {name: Row(name) for name in runs}
    for span in all_spans:
        if span.run in rows:
            rows[span.run].spans.append(span)
        elif span.kind == "down":
            rows.setdefault(span.lane, Row(span.lane)).spans.append(span)
    for mark in effects(trace):
        if mark.run in rows:
            rows[mark.run].effects.append(mark)
    for _, event in trace.of_kind(Kind.CRASHED):
        rows.setdefault(event.lane, Row(event.lane)).crashes.append(event.at)
    return list(rows.values())


def _times(trace: Trace, rows: Iterable[Row]) -> Iterable[int]:
    for row in rows:
        for span in row.spans:
            if span.kind != "down" or span.end < trace.ended_at:
                yield span.start
                yield span.end
        yield from (mark.at for mark in row.effects)
        yield from row.crashes
    yield from (run.ended_at for run in trace.runs if run.ended_at is not None)


def _drawn(row: Row, axis: Axis) -> Text:
    cells: list[Mark | None] = [None] * axis.width
    for layer in _LAYERS:
        for span in row.spans:
            if span.kind == layer:
                _fill(cells, axis, span)
    for cut in axis.breaks:
        middle = int((cut.left + cut.right) / 2)
        if middle < axis.width and cells[middle] is not None:
            cells[middle] = BREAK
    for mark in sorted(row.effects, key=lambda mark: mark.duplicate):  # in one cell, the duplicate is what is seen
        _set(cells, axis.cell(mark.at), DUPLICATE if mark.duplicate else EFFECT)
    for at in row.crashes:
        _set(cells, axis.cell(at), CRASH)
    for span in row.spans:
        if span.ended == "crashed":
            _set(cells, axis.cell(span.end), CRASH, beside=True)
    text = Text()
    for cell in cells:
        text.append(" " if cell is None else cell.character, "" if cell is None else cell.style)
    text.rstrip()
    return text


def _fill(cells: list[Mark | None], axis: Axis, span: Span) -> None:
    left = min(int(axis.cell(span.start)), axis.width - 1)
    right = max(left + 1, math.ceil(axis.cell(span.end)))
    if span.kind == "queued" and right - left == 1 and cells[left] is not None:
        return
    for number in range(left, min(right, axis.width)):
        cells[number] = MARKS[span.kind]


def _set(cells: list[Mark | None], at: float, mark: Mark, *, beside: bool = False) -> None:
    number = min(int(at), len(cells) - 1)
    if beside and cells[number] in (EFFECT, DUPLICATE) and number + 1 < len(cells):
        number += 1
    cells[number] = mark


def _clipped(label: str, width: int) -> str:
    return label if len(label) <= width else label[: width - 1] + "…"
