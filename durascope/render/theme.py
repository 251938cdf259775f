"""Colours, type and patterns that all views share.

Every ink is readable on the paper it stands on (contrast at least 4.5 : 1), and what colour tells is told a second
time by a pattern, a shape or a word.
"""

from __future__ import annotations

from colorsys import hls_to_rgb, rgb_to_hls
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from durascope.models.engine import shown

PAPER: Final = "#ffffff"
"""The panel behind every picture, so that it reads the same on light and dark pages."""
FRAME: Final = "#d4d9e1"
INK: Final = "#17202e"
MUTED: Final = "#4d5a6d"
LINE: Final = "#4a5568"
UNDO: Final = "#b42318"
"""The line around and towards what only happens to undo something."""

FAMILY: Final = "Helvetica, Arial, Arimo, 'Liberation Sans', sans-serif"

TITLE: Final = 20.0
HEAD: Final = 14.0
BODY: Final = 12.0
SMALL: Final = 12.0


@dataclass(frozen=True, slots=True)
class Paint:
    """The colours of one kind of thing."""

    fill: str
    stroke: str
    ink: str = INK
    muted: str = MUTED


Role = Literal["client", "engine", "part", "queue", "store", "log", "platform", "app", "service", "flow", "end"]

ROLES: Final[dict[Role, Paint]] = {
    "client": Paint("#eef1f6", "#64748b"),
    "engine": Paint("#f5f4ff", "#7c74d9"),
    "part": Paint("#ffffff", "#5b52c7"),
    "queue": Paint("#fff6df", "#b7791f"),
    "store": Paint("#e3f2fb", "#2077ad"),
    "log": Paint("#e9f4fb", "#2077ad"),
    "platform": Paint("#f1f8f2", "#6aa57a"),
    "app": Paint("#ffffff", "#2f7d46"),
    "service": Paint("#f8f6f3", "#7b6f63"),
    "flow": Paint("#ffffff", "#4a5568"),
    "end": Paint("#eef1f6", "#4a5568"),
}


def engine_paints(name: str) -> tuple[Paint, Paint]:
    """The colours of an engine's server and of the parts in it; plain ones for an engine that is not installed."""
    colours = shown(name).colours
    return Paint(colours.frame, colours.frame_line), Paint(PAPER, colours.part_line)


State = Literal["done", "replayed", "retried", "crashed", "undone", "never-reached"]
Hatch = Literal["none", "rising", "falling", "cross", "dots", "level"]

STATES: Final[dict[State, Paint]] = {
    "done": Paint("#dff3e4", "#2f7d46"),
    "replayed": Paint("#e3ecfd", "#2b64b0"),
    "retried": Paint("#fff0cc", "#a86a0b"),
    "crashed": Paint("#fde3e0", "#b42318"),
    "undone": Paint("#f3e6fb", "#8136a8"),
    "never-reached": Paint("#f6f7f9", "#8b95a5", "#3d4757", "#4d5a6d"),
}

STATE_HATCHES: Final[dict[State, Hatch]] = {
    "done": "none",
    "replayed": "rising",
    "retried": "dots",
    "crashed": "cross",
    "undone": "falling",
    "never-reached": "level",
}
"""What tells the states apart without colour."""

STATE_WORDS: Final[dict[State, str]] = {
    "done": "done",
    "replayed": "replayed from the record",
    "retried": "retried",
    "crashed": "crashed",
    "undone": "undone",
    "never-reached": "never reached",
}


@cache
def dark(colour: str) -> str:
    """What stands for `#rrggbb` on a dark page: the same hue, light for dark and dark for light.

    >>> dark("#ffffff"), dark("#2f7d46")
    ('#151719', '#84c296')
    """
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    hue, light, vivid = rgb_to_hls(red, green, blue)
    if vivid <= 0.05:
        hue, vivid = 0.58, 0.16  # greys are a little blue, as the page is
    paper = light > 0.8
    vivid = min(vivid, 0.6) if paper else vivid  # a light colour is all but white, whatever it is called
    turned = hls_to_rgb(
        hue, 0.92 - 0.83 * light if paper else max(0.64, 0.92 - 0.83 * light), vivid * (0.5 if paper else 0.75)
    )
    return "#" + "".join(f"{round(255 * each):02x}" for each in turned)


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` (WCAG 2)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(ink: str, paper: str) -> float:
    """Contrast ratio of two colours (WCAG 2): 1 to 21.

    >>> contrast("#000000", "#ffffff")
    21.0
    >>> contrast("#2f7d46", "#ffffff") > 4.5
    True
    """
    light, dark = sorted((luminance(ink), luminance(paper)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
