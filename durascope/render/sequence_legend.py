"""The legend of a sequence: the marks that are in it, once each."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from durascope.models.spans import Span
from durascope.render.bars import LOOKS, Look, crash_mark, effect_mark, restart_mark
from durascope.render.canvas import Canvas
from durascope.render.conversation import Item
from durascope.render.legend import Entry
from durascope.render.theme import INK, MUTED, STATES


def sequence_entries(items: Iterable[Item], spans: Iterable[Span]) -> list[Entry]:
    """What the picture uses, in a fixed order."""
    items = list(items)
    sorts = {item.sort for item in items}
    kinds = {span.kind for span in spans}
    effects = {item.effect for item in items}
    found: list[tuple[bool, str, Callable[[Canvas, float, float], None]]] = [
        ("message" in sorts or "call" in sorts, "message, call", _arrow(INK, ())),
        ("return" in sorts, "answer", _arrow(MUTED, (4.0, 3.0))),
        (any(item.fate for item in items), "lost, or refused", _lost),
        ("running" in kinds, "step runs", _bar(LOOKS["running"])),
        ("working" in kinds, "workflow code runs", _bar(LOOKS["working"])),
        (any(item.tone == "replay" for item in items), "replayed from the record", _bar(LOOKS["replaying"])),
        ("effect" in effects, "effect outside", lambda canvas, x, y: effect_mark(canvas, x + 18, y)),
        (
            "again" in effects,
            "the same effect again",
            lambda canvas, x, y: effect_mark(canvas, x + 18, y, duplicate=True),
        ),
        (
            "known" in effects,
            "again, but the service knew its key",
            lambda canvas, x, y: effect_mark(canvas, x + 18, y, known=True),
        ),
        ("crash" in sorts, _how(items), _dead),
        ("restart" in sorts, "back again", lambda canvas, x, y: restart_mark(canvas, x + 18, y)),
    ]
    return [Entry(word, mark) for used, word, mark in found if used]


def _how(items: Iterable[Item]) -> str:
    """How processes end: they are killed, they stop, or both."""
    how = sorted({item.text for item in items if item.sort == "crash"})
    return f"{' or '.join(how)}; {'dead' if how == ['killed'] else 'away'} while dashed"


def _arrow(colour: str, dash: tuple[float, ...]) -> Callable[[Canvas, float, float], None]:
    def draw(canvas: Canvas, x: float, y: float) -> None:
        canvas.lines((x + 2, y), (x + 25, y), stroke=colour, line=1.3, dash=dash)
        canvas.polygon((x + 23, y - 4), (x + 31, y), (x + 23, y + 4), fill=colour)

    return draw


def _lost(canvas: Canvas, x: float, y: float) -> None:
    colour = STATES["crashed"].stroke
    canvas.lines((x + 2, y), (x + 25, y), stroke=colour, line=1.3)
    for lean in (-4.5, 4.5):
        canvas.lines((x + 20.5, y - lean), (x + 29.5, y + lean), stroke=colour, line=2)


def _bar(look: Look) -> Callable[[Canvas, float, float], None]:
    def draw(canvas: Canvas, x: float, y: float) -> None:
        canvas.box(x + 12, y - 8, 10, 17, fill=look.paint.fill, stroke=look.paint.stroke, radius=2)
        canvas.hatch(x + 12, y - 8, 10, 17, look.hatch, look.paint.stroke, gap=4)

    return draw


def _dead(canvas: Canvas, x: float, y: float) -> None:
    crash_mark(canvas, x + 12, y, 5)
    canvas.lines((x + 25, y - 8), (x + 25, y + 9), stroke=LOOKS["down"].paint.stroke, line=1.6, dash=(2, 4))
