"""Spans and marks on a time axis: what each kind looks like, told apart by pattern and height as well as by colour."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from durascope.models.effects import EffectMark
from durascope.models.phrases import spell
from durascope.models.spans import Span
from durascope.render import measure
from durascope.render.canvas import Canvas
from durascope.render.legend import Entry
from durascope.render.theme import PAPER, SMALL, Hatch, Paint
from durascope.render.timescale import TimeScale

Bar = Literal[
    "running", "failed", "crashed", "replaying", "working", "broken", "queued", "backing-off", "sleeping", "waiting",
    "down",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Look:
    """How a kind of bar is drawn."""

    word: str
    paint: Paint
    hatch: Hatch = "none"
    tall: bool = True
    """Work is drawn tall, waiting low."""
    dash: tuple[float, ...] = ()


LOOKS: Final[dict[Bar, Look]] = {
    "running": Look("step runs", Paint("#bfe6c9", "#2f7d46")),
    "failed": Look("step fails", Paint("#ffe2a8", "#a86a0b"), "dots"),
    "crashed": Look("lost in the crash", Paint("#fbcfc9", "#b42318"), "cross"),
    "replaying": Look("code is replayed", Paint("#d5e3fd", "#2b64b0"), "rising"),
    "working": Look("workflow code runs", Paint("#f1f3f6", "#64748b")),
    "broken": Look("workflow code fails", Paint("#fde3e0", "#b42318"), "level"),
    "queued": Look("waits in a queue", Paint("#fdf0cd", "#b7791f"), "level", tall=False),
    "backing-off": Look("backs off", Paint("#ffffff", "#a86a0b"), "none", tall=False, dash=(3, 2.5)),
    "sleeping": Look("sleeps", Paint("#e6e2fb", "#5b52c7"), "dots", tall=False),
    "waiting": Look("waits for an event", Paint("#ffffff", "#64748b"), "none", tall=False, dash=(1.5, 2.5)),
    "down": Look("down", Paint("#fde3e0", "#b42318"), "falling"),
}

TALL: Final = 13.0
LOW: Final = 7.0
NARROWEST: Final = 2.5
"""The least width of a bar, however short its time."""
EFFECT: Final = "#14532d"
AGAIN: Final = "#b42318"
OUTSIDE: Final = "#8136a8"


def bar_of(span: Span) -> Bar:
    """The bar that a span is drawn as; the bar of a running attempt shows how it ended."""
    if span.kind == "running":
        if span.ended == "crashed":
            return "crashed"
        if span.ended in ("failed", "dropped", "abandoned"):
            return "failed"
    return "broken" if span.kind == "working" and span.ended == "failed" else span.kind


def draw_bars(canvas: Canvas, scale: TimeScale, spans: Iterable[Span], middle: float) -> None:
    """Draws a row of spans, low ones behind tall ones; where there are many, neighbours of a kind are joined."""
    by_bar: dict[Bar, list[Span]] = {}
    for span in spans:
        by_bar.setdefault(bar_of(span), []).append(span)
    for bar in _BEHIND_FIRST:
        for group, left, right in _joined(scale, by_bar.get(bar, ())):
            busy = sum(span.lasts for span in group) * 2 > group[-1].end - group[0].start
            if len(group) == 1 or busy:
                _bar(canvas, LOOKS[bar], group, left, right, middle)
            else:
                _comb(canvas, LOOKS[bar], group, left, right, middle)


_BEHIND_FIRST: Final[tuple[Bar, ...]] = (
    "down", "queued", "waiting", "sleeping", "backing-off", "working", "replaying", "broken", "running", "failed",
    "crashed",
)  # fmt: skip


def _joined(scale: TimeScale, spans: Sequence[Span]) -> list[tuple[list[Span], float, float]]:
    found: list[tuple[list[Span], float, float]] = []
    for span in spans:
        left, right = scale.x(span.start), scale.x(span.end)
        right = max(right, left + NARROWEST)
        if found and len(spans) > 60 and left - found[-1][2] < 1.0:
            group, begun, ended = found[-1]
            group.append(span)
            found[-1] = (group, begun, max(ended, right))
        else:
            found.append(([span], left, right))
    return found


def _bar(canvas: Canvas, look: Look, spans: Sequence[Span], left: float, right: float, middle: float) -> None:
    height = TALL if look.tall else LOW
    top, width = middle - height / 2, right - left
    with canvas.group("span", told(spans), kind=spans[0].kind, step=spans[0].step or "", run=spans[0].run or ""):
        radius = min(2.5, width / 2)
        canvas.box(
            left, top, width, height, fill=look.paint.fill, stroke=look.paint.stroke, radius=radius, dash=look.dash
        )
        if width > 6:
            canvas.hatch(left + 0.5, top + 0.5, width - 1, height - 1, look.hatch, look.paint.stroke, gap=4.5)


def draw_wait(canvas: Canvas, left: float, right: float, words: str, middle: float) -> None:
    """A wait as tall as work, with its reason in it; as low as others where it has no room for that."""
    look = LOOKS["queued"]
    inside = measure.width(words, SMALL) + 10 <= right - left
    height = TALL + 2 if inside else LOW
    with canvas.group("held", words):
        canvas.box(
            left, middle - height / 2, max(right - left, NARROWEST), height,
            fill=look.paint.fill, stroke=look.paint.stroke, radius=2.5,
        )  # fmt: skip
        if inside:
            canvas.text((left + right) / 2, middle + 4, words, SMALL, anchor="middle")


def _comb(canvas: Canvas, look: Look, spans: Sequence[Span], left: float, right: float, middle: float) -> None:
    """Many short ones with longer pauses between them than could be drawn: teeth, and how many they are."""
    half = (TALL if look.tall else LOW) / 2
    steps: list[tuple[str | float, ...]] = []
    for tooth in range(int((right - left) / 4) + 1):
        steps += [("M", left + 4 * tooth + 1, middle - half), ("L", left + 4 * tooth + 1, middle + half)]
    with canvas.group("span", told(spans), kind=spans[0].kind, step=spans[0].step or "", run=spans[0].run or ""):
        canvas.path(*steps, stroke=look.paint.stroke, line=1.4)
        words = f"{len(spans)} ×"
        width = measure.width(words, SMALL)
        if spans[0].kind == "running" and right - left > 3 * width:
            canvas.box((left + right - width) / 2 - 5, middle - 7, width + 10, 14, fill=PAPER)
            canvas.text((left + right) / 2, middle + 4, words, SMALL, anchor="middle")


def told(spans: Sequence[Span]) -> str:
    """The tooltip of the bar."""
    first = spans[0]
    if len(spans) > 1:
        return f"{len(spans)} × {first.kind}, {spell(first.start)} to {spell(spans[-1].end)}"
    step = f"{first.step} #{first.attempt}" if first.step and first.attempt else first.step or first.run or ""
    words = f"{step} {first.kind} on {first.lane}".strip()
    ended = "" if first.ended == "done" else f", {first.ended}"
    detail = f" ({first.detail})" if first.detail else ""
    return f"{words}: {spell(first.start)} to {spell(first.end)}, {spell(first.lasts)}{ended}{detail}"


# ---- marks ---------------------------------------------------------------------------------------------------


def draw_effects(
    canvas: Canvas, scale: TimeScale, effects: Iterable[EffectMark], middle: float, crashes: Sequence[float] = ()
) -> None:
    """Draws a diamond for each effect, and a red one in a ring for each duplicate effect.

    At the place of a crash it is drawn below the crash, so that both stand at their own time.
    """
    marks = list(effects)
    apart = 2 if len(marks) < 40 else 12
    drawn: dict[tuple[int, bool], None] = {}
    for effect in marks:
        x = scale.x(effect.at)
        place = (round(x / apart), effect.duplicate)
        if place in drawn:
            continue
        drawn[place] = None
        word = (
            "again"
            if effect.duplicate
            else "known to the service, nothing happens"
            if effect.deduplicated
            else "effect"
        )
        with canvas.group(
            "effect", f"{effect.step} #{effect.attempt}: {word} at {spell(effect.at)}", step=effect.step or ""
        ):
            low = middle + (5.0 if any(abs(x - crash) < 6 for crash in crashes) else 0.0)
            effect_mark(canvas, x, low, duplicate=effect.duplicate, known=effect.deduplicated)


def effect_mark(canvas: Canvas, x: float, y: float, *, duplicate: bool = False, known: bool = False) -> None:
    if duplicate:
        canvas.circle(x, y, 7.5, fill=PAPER, stroke=AGAIN, line=1.6)
    size = 4.6
    colour = AGAIN if duplicate else EFFECT
    canvas.polygon(
        (x - size, y), (x, y - size), (x + size, y), (x, y + size),
        fill=PAPER if known else colour, stroke=colour if known else PAPER, line=1.4 if known else 0.8,
    )  # fmt: skip


def crash_mark(canvas: Canvas, x: float, y: float, size: float = 5.0) -> None:
    """A cross on a white ground."""
    for colour, line in ((PAPER, 5.0), (AGAIN, 2.4)):
        canvas.lines((x - size, y - size), (x + size, y + size), stroke=colour, line=line)
        canvas.lines((x - size, y + size), (x + size, y - size), stroke=colour, line=line)


def restart_mark(canvas: Canvas, x: float, y: float) -> None:
    """A triangle that points to the right: the component is back."""
    canvas.polygon((x - 4, y - 6), (x + 6, y), (x - 4, y + 6), fill=EFFECT, stroke=PAPER, line=1.2)


def outside_mark(canvas: Canvas, x: float, y: float, *, bad: bool = False) -> None:
    """A flag for an external event; an empty red one if no code handles it."""
    colour = AGAIN if bad else OUTSIDE
    canvas.lines((x, y - 7), (x, y + 8), stroke=colour, line=1.6)
    canvas.polygon((x, y - 7), (x + 11, y - 3.5), (x, y), fill=PAPER if bad else colour, stroke=colour, line=1.2)


_BEGINS: Final = {
    "crash": "process killed", "stop": "process stops", "deploy": "process stops for new code", "hang": "process hangs",
    "outage": "outage begins", "cut": "connection cut",
}  # fmt: skip


def begins(spans: Iterable[Span]) -> str:
    """What a cross stands for: how that begins which is drawn as down; an attempt alone is lost in a crash."""
    why = {span.detail.partition(" ")[0] for span in spans if span.kind == "down"} or {"crash"}
    return " or ".join(word for how, word in _BEGINS.items() if how in why)


# ---- legend --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """What a picture shows beside spans and effects."""

    outside: bool = False
    deployed: bool = False
    unhandled: bool = False
    held: bool = False


def bar_entries(spans: Iterable[Span], effects: Iterable[EffectMark] = (), shown: Shown = Shown()) -> list[Entry]:
    """The legend of what is drawn, in a fixed order."""
    listed = list(spans)
    used = {bar_of(span) for span in listed} | ({"queued"} if shown.held else set[Bar]())
    stopped = {span.detail for span in listed if span.kind == "down"} in ({"deploy"}, {"stop"}, {"deploy", "stop"})
    found = [
        Entry("lost with its process" if bar == "crashed" and stopped else look.word, _swatch(look))
        for bar, look in LOOKS.items() if bar in used
    ]  # fmt: skip
    marks = list(effects)
    if any(not each.duplicate and not each.deduplicated for each in marks):
        found.append(Entry("effect outside", lambda canvas, x, y: effect_mark(canvas, x + 18, y)))
    if any(each.duplicate for each in marks):
        found.append(
            Entry("the same effect again", lambda canvas, x, y: effect_mark(canvas, x + 18, y, duplicate=True))
        )
    if any(each.deduplicated for each in marks):
        found.append(
            Entry(
                "again, but the service knew its key", lambda canvas, x, y: effect_mark(canvas, x + 18, y, known=True)
            )
        )
    if {"down", "crashed"} & used:
        found.append(Entry(begins(listed), lambda canvas, x, y: crash_mark(canvas, x + 18, y)))
    if shown.outside or shown.deployed:
        word = " or ".join(["external event"] * shown.outside + ["new code"] * shown.deployed)
        found.append(Entry(word, lambda canvas, x, y: outside_mark(canvas, x + 14, y)))
    if shown.unhandled:
        found.append(
            Entry("accepted, and no code handles it", lambda canvas, x, y: outside_mark(canvas, x + 14, y, bad=True))
        )
    if "down" in used:
        found.append(Entry("back again", lambda canvas, x, y: restart_mark(canvas, x + 18, y)))
    return found


def _swatch(look: Look) -> Callable[[Canvas, float, float], None]:
    def draw(canvas: Canvas, x: float, y: float) -> None:
        height = TALL if look.tall else LOW
        canvas.box(
            x + 4,
            y - height / 2,
            26,
            height,
            fill=look.paint.fill,
            stroke=look.paint.stroke,
            radius=2.5,
            dash=look.dash,
        )
        canvas.hatch(x + 4.5, y - height / 2 + 0.5, 25, height - 1, look.hatch, look.paint.stroke, gap=4.5)

    return draw
