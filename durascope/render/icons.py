"""Small signs that tell kinds of things apart without reading, drawn with strokes only."""

from __future__ import annotations

from durascope.render.canvas import Canvas, Point
from durascope.render.diagram import Icon

ICON = 16.0
"""Width and height of a sign."""

_STROKES: dict[str, tuple[tuple[Point, ...], ...]] = {
    "email": (((1, 3), (15, 3), (15, 13), (1, 13), (1, 3)), ((1, 3), (8, 9), (15, 3))),
    "llm": (
        ((8, 1), (9.6, 6.4), (15, 8), (9.6, 9.6), (8, 15), (6.4, 9.6), (1, 8), (6.4, 6.4), (8, 1)),
        ((13, 1.5), (13, 4.5)), ((11.5, 3), (14.5, 3)),
    ),
    "storage": (((1, 3), (15, 3), (13, 14), (3, 14), (1, 3)), ((1.6, 6), (14.4, 6))),
    "queue": (((1, 2), (4, 2), (4, 14), (1, 14), (1, 2)), ((6.5, 2), (9.5, 2), (9.5, 14), (6.5, 14), (6.5, 2)),
              ((12, 2), (15, 2), (15, 14), (12, 14), (12, 2))),
    "client": (((1, 2), (15, 2), (15, 11), (1, 11), (1, 2)), ((8, 11), (8, 14)), ((4.5, 14), (11.5, 14))),
    "clock": (((8, 4), (8, 8.5), (11, 10)),),
    "event": (((9, 1), (3, 9), (8, 9), (7, 15), (13, 6.5), (8, 6.5), (9, 1)),),
    "code": (((5, 3), (1, 8), (5, 13)), ((11, 3), (15, 8), (11, 13)), ((9.3, 2), (6.7, 14))),
    "proxy": (((1, 5), (12, 5)), ((9, 2), (12, 5), (9, 8)), ((15, 11), (4, 11)), ((7, 8), (4, 11), (7, 14))),
    "workflow": (((1, 1), (6, 1), (6, 6), (1, 6), (1, 1)), ((10, 10), (15, 10), (15, 15), (10, 15), (10, 10)),
                 ((6, 3.5), (12.5, 3.5), (12.5, 10))),
    "api": (((1, 8), (15, 8)),),
}  # fmt: skip


def draw_icon(canvas: Canvas, icon: Icon, x: float, y: float, colour: str) -> None:
    """Draws the sign with its upper left corner there."""
    match icon:
        case "":
            return
        case "database":
            canvas.path(
                ("M", x + 2, y + 4), ("C", x + 2, y + 0.6, x + 14, y + 0.6, x + 14, y + 4), ("L", x + 14, y + 12),
                ("C", x + 14, y + 15.4, x + 2, y + 15.4, x + 2, y + 12), ("Z",),
                ("M", x + 2, y + 4), ("C", x + 2, y + 7.4, x + 14, y + 7.4, x + 14, y + 4),
                ("M", x + 2, y + 8), ("C", x + 2, y + 11.4, x + 14, y + 11.4, x + 14, y + 8),
                stroke=colour, line=1.3,
            )  # fmt: skip
        case "clock":
            canvas.circle(x + 8, y + 8, 7, stroke=colour, line=1.3)
        case "api":
            canvas.circle(x + 8, y + 8, 7, stroke=colour, line=1.3)
            canvas.path(
                ("M", x + 8, y + 1), ("C", x + 3.4, y + 4, x + 3.4, y + 12, x + 8, y + 15),
                ("C", x + 12.6, y + 12, x + 12.6, y + 4, x + 8, y + 1),
                stroke=colour, line=1.1,
            )  # fmt: skip
        case _:
            pass
    for stroke in _STROKES.get(icon, ()):
        canvas.lines(*((x + across, y + down) for across, down in stroke), stroke=colour, line=1.3)
