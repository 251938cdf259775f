"""How much room text takes, in the metrics of Helvetica and Arial."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from durascope.render.fonts import font
from durascope.render.theme import BODY


def width(text: str, size: float = BODY, *, bold: bool = False) -> float:
    """The width of a line of text.

    >>> round(width("payment"), 1)
    46.0
    >>> width("payment", 24) > width("payment", 12, bold=True)
    True
    """
    return font(bold).width(text, size)


def widest(lines: Iterable[str], size: float = BODY, *, bold: bool = False) -> float:
    """The width of the widest line; 0 without lines."""
    return max((width(line, size, bold=bold) for line in lines), default=0.0)


def shorten(text: str, room: float, size: float = BODY, *, bold: bool = False) -> str:
    """The text, cut to fit with an ellipsis at its end.

    >>> shorten("charge-the-customers-card", 90)
    'charge-the-cu…'
    """
    if width(text, size, bold=bold) <= room:
        return text
    fits, too_long = 0, len(text)  # a text may be very long: it is halved, not cut letter by letter
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if width(text[:middle] + "…", size, bold=bold) > room:
            too_long = middle
        else:
            fits = middle
    return text[:fits].rstrip() + "…"


def told_apart(text: str, room: float, size: float = BODY) -> str:
    """The text, cut to fit in its middle: names that differ at their ends are still told apart.

    >>> told_apart("charge-the-customers-card-1", 120), told_apart("charge-the-customers-card-2", 120)
    ('charge-the-c…card-1', 'charge-the-c…card-2')
    """
    if width(text, size) <= room:
        return text
    tail = text[-min(_END, len(text) // 2) :]
    left = room - width(tail, size)
    return shorten(text[: -len(tail)], left, size) + tail if left > room / 3 else shorten(text, room, size)


def wrap(text: str, room: float, size: float = BODY, *, bold: bool = False) -> tuple[str, ...]:
    """The text in lines that fit; a word that is too long is cut, a number keeps its unit.

    >>> wrap("The app is down for 5 s.", 90)
    ('The app is down', 'for 5 s.')
    """
    lines: list[str] = []
    line = ""
    for word in _words(text):
        longer = f"{line} {word}" if line else word
        if line and width(longer, size, bold=bold) > room:
            lines.append(line)
            longer = word
        line = longer if width(longer, size, bold=bold) <= room else shorten(longer, room, size, bold=bold)
    return (*lines, line) if line else tuple(lines)


_END: Final = 6
"""So many letters of a long name's end are kept."""
_UNITS: Final = frozenset({"µs", "ms", "s", "min", "h", "d", "px", "%", "USD"})


def _words(text: str) -> list[str]:
    words: list[str] = []
    for word in text.split():
        if words and words[-1][-1].isdigit() and word.rstrip(".,;:)") in _UNITS:
            words[-1] += f" {word}"
        else:
            words.append(word)
    return words
