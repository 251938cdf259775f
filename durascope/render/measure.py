"""How much room text takes, in the metrics of Helvetica and Arial."""

from __future__ import annotations

from collections.abc import Iterable

from durascope.render.fonts import font
from durascope.render.theme import BODY


def width(text: str, size: float = BODY, *, bold: bool = False) -> float:
    """The width of a line of text."""
    return font(bold).width(text, size)


def widest(lines: Iterable[str], size: float = BODY, *, bold: bool = False) -> float:
    """The width of the widest line; 0 without lines."""
    return max((width(line, size, bold=bold) for line in lines), default=0.0)


def shorten(text: str, room: float, size: float = BODY, *, bold: bool = False) -> str:
    """The text, cut to fit with an ellipsis at its end."""
    if width(text, size, bold=bold) <= room:
        return text
    while text and width(text + "…", size, bold=bold) > room:
        text = text[:-1]
    return text.rstrip() + "…"


def wrap(text: str, room: float, size: float = BODY, *, bold: bool = False) -> tuple[str, ...]:
    """The text in lines that fit; a word that is too long is cut."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if line and width(longer, size, bold=bold) > room:
            lines.append(line)
            longer = word
        line = longer if width(longer, size, bold=bold) <= room else shorten(longer, room, size, bold=bold)
    return (*lines, line) if line else tuple(lines)
