"""The strip that shows what interrupted work waited for: the longest thing on a picture is the best explained one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from durascope.models.effects import Recovery
from durascope.models.phrases import spell
from durascope.models.spans import Span
from durascope.models.trace import Trace
from durascope.models.waits import Wait, back_after, listed, waits
from durascope.render import measure
from durascope.render.bars import AGAIN, LOOKS
from durascope.render.canvas import Canvas
from durascope.render.sheet import MARGIN
from durascope.render.theme import BODY, INK, MUTED, PAPER, SMALL
from durascope.render.timescale import TimeScale

_TALL: Final = 18.0
_ROOM: Final = 24.0
"""The height of the strip."""
_BELOW: Final = 18.0
"""That of the line under it, where there is one."""


@dataclass(frozen=True, slots=True)
class Strip:
    """From the fault to the end of the run that stood still longest: its waits, what it does again, the rest."""

    worst: Recovery
    waits: tuple[Wait, ...]
    again: Span | None
    """The attempt with which it is back at work; None: it goes on with what had been done."""
    ends: int | None
    """When the run ends."""

    @property
    def words(self) -> str:
        """`back after 10.7 s`"""
        return "never back" if self.worst.lasts is None else f"back after {back_after(self.worst)}"

    @property
    def gutter(self) -> float:
        """The room that the words need."""
        return 14 + measure.width(self.words, BODY, bold=True)


def strip_of(trace: Trace, worst: Recovery | None, all_spans: Iterable[Span]) -> Strip | None:
    """What is drawn of the longest interruption; None: nothing was interrupted."""
    if worst is None:
        return None
    number = worst.events[1]
    again = next((span for span in all_spans if span.kind == "running" and number in span.events), None)
    ends = next((run.ended_at for run in trace.runs if run.name == worst.run), None)
    return Strip(worst, tuple(waits(trace, worst)), again, ends)


def draw_strip(canvas: Canvas, scale: TimeScale, strip: Strip, top: float) -> None:
    """A bar for each wait, with its reason in it; what has no room for its reason has it in the line below."""
    worst = strip.worst
    with canvas.group("recovery", f"{worst.lane}: {worst.fault}; {strip.words}"):
        canvas.text(MARGIN + 14, top + 13, strip.words, BODY, bold=True, ink=AGAIN)
        for wait in strip.waits:
            _draw_wait(canvas, scale, wait, top)
        if strip.again is not None:
            again = (f"{strip.again.step} again", "again")
            _draw_work(canvas, scale, strip.again.start, strip.again.end, again, top)
        since = worst.until if strip.again is None else strip.again.end
        if since is not None and strip.ends is not None:
            _draw_work(canvas, scale, since, strip.ends, ("the rest", "rest"), top)
        _draw_below(canvas, scale, _untold(scale, strip), top)


def strip_height(scale: TimeScale, strip: Strip | None) -> float:
    """The height of the strip, and of the line under it where a reason has no room in its bar."""
    return 0.0 if strip is None else _ROOM + (_BELOW if _untold(scale, strip) else 0.0)


WAITS: Final[dict[str, tuple[str, tuple[float, ...]]]] = {
    "down": ("#fde3e0", ()),
    "unnoticed": ("#fde3e0", ()),
    "backoff": ("#fff6df", (3, 2.5)),
    "left": ("#fdf0cd", ()),
    "queue": ("#fdf0cd", ()),
}


def _within(scale: TimeScale, wait: Wait) -> str:
    """What there is room for in a wait's bar."""
    room = scale.x(wait.end) - scale.x(wait.start)
    return next((each for each in shorter(wait) if measure.width(each, SMALL) + 8 <= room), "")


def _untold(scale: TimeScale, strip: Strip) -> list[Wait]:
    """The waits whose bars do not say why; of a backoff it is enough to say how long it lasts."""
    return [
        wait
        for wait in strip.waits
        if wait.reason not in (words := _within(scale, wait)) and not (words and wait.kind == "backoff")
    ]


def _draw_wait(canvas: Canvas, scale: TimeScale, wait: Wait, top: float) -> None:
    left, right = scale.x(wait.start), scale.x(wait.end)
    fill, dash = WAITS[wait.kind]
    with canvas.group("wait", f"{wait.reason}: {spell(wait.start)} to {spell(wait.end)}", kind=wait.kind):
        stroke = AGAIN if wait.kind in ("down", "unnoticed") else "#a86a0b"
        canvas.box(left, top, max(right - left, 2.0), _TALL, fill=fill, stroke=stroke, radius=2.5, dash=dash)
        canvas.text((left + right) / 2, top + 13, _within(scale, wait), SMALL, ink=INK, anchor="middle")


def _draw_work(canvas: Canvas, scale: TimeScale, start: int, end: int, words: Sequence[str], top: float) -> None:
    """Work that goes on, low and pale beside what was waited for; of its names the first for which there is room."""
    left, right, look = scale.x(start), scale.x(end), LOOKS["running"].paint
    with canvas.group("work", f"{words[0]}: {spell(start)} to {spell(end)}"):
        canvas.box(left, top + 2, max(right - left, 2.0), _TALL - 4, fill="#e9f5ec", stroke=look.stroke, radius=2.5)
        told = next((each for each in words if measure.width(each, SMALL) + 8 <= right - left), "")
        canvas.text((left + right) / 2, top + 13, told, SMALL, ink=INK, anchor="middle")


def _draw_below(canvas: Canvas, scale: TimeScale, untold: Sequence[Wait], top: float) -> None:
    """The reasons of the waits that have no room for theirs, from where the first of them begins."""
    if not untold:
        return
    words = ", then ".join(_together(untold))
    width = measure.width(words, SMALL)
    left = min(max(scale.x(untold[0].start), scale.left), scale.right - width)
    canvas.box(left - 3, top + 20, width + 6, 16, fill=PAPER)
    canvas.text(left, top + 32, words, SMALL, ink=MUTED)


def _together(found: Sequence[Wait]) -> Iterator[str]:
    """The reasons in order, backoffs that follow each other as one."""
    for kind, members in groupby(found, key=lambda wait: wait.kind):
        each = list(members)
        if kind == "backoff" and len(each) > 1:
            yield f"backoffs {listed(each)}"
        else:
            yield from (wait.reason for wait in each)


def shorter(wait: Wait) -> Iterator[str]:
    """The reason, and what is left of it where there is less room."""
    yield f"nobody notices until the {wait.reason} timeout" if wait.kind == "unnoticed" else wait.reason
    yield wait.reason
    yield wait.reason.removeprefix("backoff ") if wait.kind == "backoff" else spell(wait.end - wait.start)
