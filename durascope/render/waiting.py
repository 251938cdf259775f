"""The strip that shows what interrupted work waited for: the longest thing on a picture is the best explained one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from durascope.models.effects import Recovery
from durascope.models.phrases import spell
from durascope.models.trace import Trace
from durascope.models.waits import Wait, waits
from durascope.render import measure
from durascope.render.bars import AGAIN
from durascope.render.canvas import Canvas
from durascope.render.sheet import MARGIN
from durascope.render.theme import BODY, INK, PAPER, SMALL
from durascope.render.timescale import TimeScale

RECOVERY: Final = 40.0
"""The height of the strip."""


def draw_waits(canvas: Canvas, scale: TimeScale, trace: Trace, worst: Recovery, top: float) -> None:
    """From the fault to when the work it interrupted went on: a bar for each wait, with its reason in it."""
    left = scale.x(worst.at)
    right = scale.right if worst.until is None else max(scale.x(worst.until), left + 4)
    words = "never at work again" if worst.lasts is None else f"back at work after {spell(worst.lasts)}"
    with canvas.group("recovery", f"{worst.lane}: {worst.fault}; {words}"):
        canvas.text(MARGIN + 14, top + 13, "waits for", BODY, ink=AGAIN)
        found = waits(trace, worst)
        told = [_draw_wait(canvas, scale, wait, top) for wait in found]
        x = right + 8 if right + 8 + measure.width(words, BODY, bold=True) < scale.right + 12 else None
        if x is not None:
            canvas.box(x - 3, top, measure.width(words, BODY, bold=True) + 6, 18, fill=PAPER)
            canvas.text(x, top + 13, words, BODY, bold=True, ink=AGAIN)
            _draw_below(canvas, scale, [wait for wait, whole in zip(found, told, strict=True) if not whole], top)
        else:
            wide = measure.width(words, BODY, bold=True)
            canvas.box(right - wide - 3, top + 20, wide + 6, 16, fill=PAPER)
            canvas.text(right, top + 32, words, BODY, bold=True, ink=AGAIN, anchor="end")


WAITS: Final[dict[str, tuple[str, tuple[float, ...]]]] = {
    "down": ("#fde3e0", ()),
    "unnoticed": ("#fde3e0", ()),
    "backoff": ("#fff6df", (3, 2.5)),
    "left": ("#fdf0cd", ()),
    "queue": ("#fdf0cd", ()),
}


def _draw_wait(canvas: Canvas, scale: TimeScale, wait: Wait, top: float) -> bool:
    """Whether the reason is in it, too."""
    left, right = scale.x(wait.start), scale.x(wait.end)
    fill, dash = WAITS[wait.kind]
    with canvas.group("wait", f"{wait.reason}: {spell(wait.start)} to {spell(wait.end)}", kind=wait.kind):
        stroke = AGAIN if wait.kind in ("down", "unnoticed") else "#a86a0b"
        canvas.box(left, top, max(right - left, 2.0), 18, fill=fill, stroke=stroke, radius=2.5, dash=dash)
        words = next((each for each in shorter(wait) if measure.width(each, SMALL) + 8 <= right - left), "")
        canvas.text((left + right) / 2, top + 13, words, SMALL, ink=INK, anchor="middle")
    return wait.reason in words


def _draw_below(canvas: Canvas, scale: TimeScale, found: Sequence[Wait], top: float) -> None:
    """The reason of the longest of waits that have no room for theirs, where it is most of a second."""
    unusual = (each for each in found if each.kind != "backoff")  # how long a backoff lasts says it all
    wait = max(unusual, key=lambda each: each.end - each.start, default=None)
    if wait is None or wait.end - wait.start < 500_000:
        return
    width = measure.width(wait.reason, SMALL)
    middle = (scale.x(wait.start) + scale.x(wait.end)) / 2
    left = min(max(middle - width / 2, scale.left), scale.right - width)
    canvas.box(left - 3, top + 20, width + 6, 16, fill=PAPER)
    canvas.text(left, top + 32, wait.reason, SMALL, ink=INK)


def shorter(wait: Wait) -> Iterator[str]:
    """The reason, and what is left of it where there is less room."""
    yield f"nobody notices until the {wait.reason} timeout" if wait.kind == "unnoticed" else wait.reason
    yield wait.reason
    yield spell(wait.end - wait.start)
