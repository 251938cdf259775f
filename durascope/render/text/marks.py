"""The characters and colours of the terminal's views: every kind of span has a pattern of its own, colour aside."""

from __future__ import annotations

from typing import Final, NamedTuple

from rich.text import Text

from durascope.models.engine import shown
from durascope.models.spans import SpanKind


class Mark(NamedTuple):
    """How a span is drawn."""

    character: str
    style: str
    words: str
    """What the legend calls it."""


MARKS: Final[dict[SpanKind, Mark]] = {
    "queued": Mark("·", "yellow", "queued"),
    "running": Mark("█", "green", "step runs"),
    "working": Mark("▄", "blue", "workflow code"),
    "replaying": Mark("▒", "magenta", "replay"),
    "backing-off": Mark("╌", "yellow", "backoff"),
    "sleeping": Mark("─", "cyan", "sleep"),
    "waiting": Mark("┈", "cyan", "wait"),
    "down": Mark("╳", "red", "down"),
}
EFFECT: Final = Mark("●", "bold green", "effect")
DUPLICATE: Final = Mark("◆", "bold red", "duplicate effect")
CRASH: Final = Mark("✖", "bold red", "crash")
BREAK: Final = Mark("⁄", "dim", "gap in the time axis")
_APART: Final = "   "


def legend(width: int) -> Text:
    """Every mark with its meaning, in lines of at most `width` cells; no mark is parted from its words."""
    lines = [Text()]
    for mark in (*MARKS.values(), EFFECT, DUPLICATE, CRASH, BREAK):
        drawn = mark.character * (1 if mark in (EFFECT, DUPLICATE, CRASH, BREAK) else 2)
        item = Text.assemble((drawn, mark.style), (f" {mark.words}", "dim"))
        if lines[-1].cell_len + len(_APART) + item.cell_len > width:
            lines.append(Text())
        lines[-1].append_text(Text.assemble(_APART if lines[-1] else "", item))
    return Text("\n").join(lines)


def engine_title(engine: str) -> Text:
    """The engine's title in its colour."""
    return Text(shown(engine).title, shown(engine).colours.terminal)
