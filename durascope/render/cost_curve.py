"""What a month costs as its runs grow, a line a vendor on two logarithmic axes, and where the cheapest plan changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from durascope.render.canvas import Canvas
from durascope.render.figures import listed
from durascope.render.picture import Picture
from durascope.render.sheet import HEADING, MARGIN, WIDTH, draw_heading
from durascope.render.sweep import DASHES, draw_legend
from durascope.render.theme import BODY, FRAME, LINE, MUTED, engine_paints

Data = Mapping[str, Any]

_LEFT: Final = 84.0
_HEIGHT: Final = 260.0
_FROM, _TO = 1_000, 100_000_000


def draw(data: Data, title_of: Callable[[str], str]) -> Picture:
    """Of the data that `durascope compare --format json` prints; `title_of` names an engine."""
    curves = {engine: points for engine, points in data["cost_curves"].items() if points}
    title = finding(data)
    doubt = [f"{title_of(engine)}'s" for engine in curves if data["prices"][engine]["confidence"] != "vendor"]
    lead = "USD a month on each vendor's cheapest plan, with the scenario's faults"
    lead += f"; {listed(doubt, 'and')} prices are unconfirmed" if doubt else ""
    canvas = Canvas(WIDTH, HEADING + 30 + _HEIGHT + 50)
    draw_heading(canvas, title, lead)
    draw_legend(canvas, list(curves), HEADING + 6)
    top, bottom = HEADING + 30, HEADING + 30 + _HEIGHT
    dollars = [point["usd_per_month"] for points in curves.values() for point in points]
    most = 10 ** math.ceil(math.log10(max(*dollars, 10.0)))
    least = 10 ** math.floor(math.log10(max(1.0, min((each for each in dollars if each > 0), default=1.0))))
    left, right = MARGIN + _LEFT, WIDTH - MARGIN - 16

    def x(runs: float) -> float:
        return left + math.log10(runs / _FROM) / math.log10(_TO / _FROM) * (right - left)

    def y(usd: float) -> float:
        return bottom - math.log10(max(usd, least) / least) / math.log10(most / least) * (bottom - top)

    for usd in _decades(least, most):
        canvas.lines((left, y(usd)), (right, y(usd)), stroke=FRAME, line=0.7)
        canvas.text(left - 8, y(usd) + 4, _dollars(usd, least), BODY, ink=MUTED, anchor="end")
    for runs in _decades(_FROM, _TO):
        canvas.lines((x(runs), bottom), (x(runs), bottom + 4), stroke=LINE)
        canvas.text(x(runs), bottom + 18, f"{runs:,.0f}", BODY, ink=MUTED, anchor="middle")
    canvas.text(right, bottom + 36, "runs a month", BODY, ink=MUTED, anchor="end")
    asked = data["runs_per_month"]
    if _FROM <= asked <= _TO:
        canvas.lines((x(asked), top), (x(asked), bottom), stroke=MUTED, line=1.0, dash=(3, 3))
        canvas.text(x(asked) + 6, top + 12, f"asked: {asked:,}", BODY, ink=MUTED)
    for number, (engine, points) in enumerate(curves.items()):
        with canvas.group("line", title_of(engine)):
            path = [(x(point["runs_per_month"]), y(point["usd_per_month"])) for point in points]
            if len(path) > 1:
                stroke = engine_paints(engine)[1].stroke
                canvas.lines(*path, stroke=stroke, line=2.2, dash=DASHES[number % len(DASHES)])
    return Picture(title, f"{title}. {lead}", canvas)


def finding(data: Data) -> str:
    """What is cheapest at the asked runs, and where that changes."""
    month, crossovers = data["runs_per_month"], data["crossovers"]
    above = next((each for each in crossovers if each["runs_per_month"] > month), None)
    below = next((each for each in reversed(crossovers) if each["runs_per_month"] <= month), None)
    best = below["above"] if below else above["below"] if above else _only(data)
    reach = f" from {below['runs_per_month']:,}" if below else ""
    until = f" to {above['runs_per_month']:,}" if above else ""
    return f"{best} is the cheapest plan{reach}{until}{' runs a month' if reach or until else ''}"


def _only(data: Data) -> str:
    bills = [bill for each in data["costs"].values() for bill in each if bill["usd_per_month"] is not None]
    bill = min(bills, key=lambda each: each["usd_per_month"], default=None)
    return "No plan" if bill is None else f"{bill['vendor']} {bill['plan']}"


def _dollars(usd: float, least: float) -> str:
    return f"${usd:,.0f}" if usd > least else f"≤ ${usd:,.0f}"


def _decades(low: float, high: float) -> Sequence[float]:
    return [10.0**power for power in range(round(math.log10(low)), round(math.log10(high)) + 1)]
