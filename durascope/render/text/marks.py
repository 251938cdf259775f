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


def legend() -> Text:
    """One line that names every mark."""
    text = Text()
    for mark in (*MARKS.values(), EFFECT, DUPLICATE, CRASH, BREAK):
        text.append(mark.character * (1 if mark in (EFFECT, DUPLICATE, CRASH, BREAK) else 2), mark.style)
        text.append(f" {mark.words}   ", "dim")
    text.rstrip()
    return text


def engine_title(engine: str) -> Text:
    """The engine's title in its colour."""
    return Text(shown(engine).title, shown(engine).colours.terminal)
