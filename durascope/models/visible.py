"""Text without anything invisible that acts: what a terminal, a browser or an editor would obey instead of show.

Names in a scenario may hold any character. Control characters (C0, C1), marks that turn the direction of writing, and
separators of lines that are no line feeds are shown in everything that durascope writes: `ESC` as `␛`, others by their
number, as `‹U+202E›`.
"""

from __future__ import annotations

import re
from typing import Final

_DIRECTION: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_ACTING: Final = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff{_DIRECTION}]")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"‹U+{code:04X}›"


def visible(text: str) -> str:
    """The text with every acting character shown; tabs and line feeds stay."""
    return _ACTING.sub(_shown, text)


def visible_json(text: str) -> str:
    """JSON with the same characters as JSON's own escapes: the values stay what they are."""
    return _ACTING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def cell(text: str) -> str:
    """A cell of a CSV file that no spreadsheet takes for a formula, nor any reader for more than a text."""
    safe = visible(text)
    return f"'{safe}" if safe.startswith(_FORMULA) else safe
