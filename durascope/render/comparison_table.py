"""The figures under a comparison: what each engine took, did again, and cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Final

from durascope.models.effects import Recovery
from durascope.models.engine import title_of
from durascope.models.phrases import spell
from durascope.models.trace import Kind, Trace
from durascope.models.waits import back_after
from durascope.render import measure
from durascope.render.bars import AGAIN
from durascope.render.canvas import Canvas
from durascope.render.sheet import MARGIN
from durascope.render.theme import BODY, FRAME, INK, MUTED, SMALL, engine_paints

_ROW: Final = 22.0


def table_height(engines: int) -> float:
    return _ROW * (engines + 1) + 26


def numbers(trace: Trace, worst: Recovery | None) -> dict[str, str]:
    """What the table tells of an engine."""
    lasts = [run.ended_at - run.started_at for run in trace.runs if run.ended_at is not None]
    kinds = Counter(map(itemgetter(2), trace.events))
    spent = trace.counters.get("spent_usd", 0.0)
    return {
        "longest run": spell(max(lasts)) if lasts else "not ended",
        "step attempts": str(kinds[Kind.STEP_STARTED]),
        "replays": str(kinds[Kind.REPLAY_STARTED]),
        "effects": str(sum(trace.effects.values())),
        "duplicate effects": str(round(trace.counters.get("duplicate_effects", 0))),
        "recovery": _recovery(trace, worst),
        **({"spent outside": f"{spent:.2f} USD"} if spent else {}),
    }


def _recovery(trace: Trace, worst: Recovery | None) -> str:
    """The recovery time; a run that never ends has not recovered, whatever interrupted it."""
    if any(run.ended_at is None for run in trace.started):
        return "never ends"
    return "nothing to recover" if worst is None else back_after(worst)


def draw_table(canvas: Canvas, rows: Sequence[tuple[str, dict[str, str]]], top: float) -> None:
    """A row for each engine, which is named first."""
    columns = list(dict.fromkeys(key for _, row in rows for key in row))
    first = max(measure.width(title_of(engine), BODY, bold=True) for engine, _ in rows) + 20
    step = min(150.0, (canvas.width - 2 * MARGIN - first) / max(1, len(columns)))
    with canvas.group("table"):
        for at, column in enumerate(columns):
            canvas.text(MARGIN + first + step * (at + 1), top + 14, column, SMALL, bold=True, ink=MUTED, anchor="end")
        for number, (engine, row) in enumerate(rows, start=1):
            y = top + _ROW * number
            canvas.lines((MARGIN, y), (MARGIN + first + step * len(columns), y), stroke=FRAME)
            ink = engine_paints(engine)[1].stroke
            canvas.text(MARGIN, y + 15, title_of(engine), BODY, bold=True, ink=ink)
            _numbers(canvas, row, columns, MARGIN + first, step, y + 15)


def _numbers(canvas: Canvas, row: dict[str, str], columns: Iterable[str], left: float, step: float, y: float) -> None:
    for at, column in enumerate(columns):
        value = row.get(column, "–")
        bad = column == "duplicate effects" and value != "0"
        canvas.text(left + step * (at + 1), y, value, BODY, bold=bad, ink=AGAIN if bad else INK, anchor="end")
