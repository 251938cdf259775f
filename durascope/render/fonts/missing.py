"""Letters that no font at hand has: a picture that would lack them is refused, and says which text it is.

Arimo has Latin letters (Vietnamese too), Greek and Cyrillic ones, and the marks that stand on them. For others a PNG is
drawn with the machine's fonts, where one has them; a PDF, which is the same on every machine, is not.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from functools import cache
from typing import Final

from durascope.render.fonts import BOLD, REGULAR, font

_UNSEEN: Final = ("Z", "C")
"""Categories of characters that need not show: spaces, and what steers the others."""
_MARKS: Final = ("Mn", "Me")
"""Of what stands on a letter."""
_SELECTORS: Final = "VARIATION SELECTOR"


class NoGlyphs(ValueError):
    """A text has letters that the picture's font lacks."""

    def __init__(self, text: str, letters: str, format: str) -> None:  # noqa: A002 - the option's name
        self.help = (
            "write it as SVG, which the reader's fonts show"
            if format == "png"
            else "write it as SVG or PNG, which the machine's fonts show"
        )
        super().__init__(text, letters, format)

    def __str__(self) -> str:
        text, letters, format = self.args  # noqa: A001 - the option's name
        return f"no {format.upper()} of it: no font here has the letters {letters} of {text!r}"


def require_known(texts: Iterable[str]) -> None:
    """Raises NoGlyphs if Arimo lacks a letter: for a PDF. Its glyphs stand beside each other, so a mark that makes no
    one character with its letter is refused, too."""
    _require(texts, lambda letter: letter in font().glyphs and unicodedata.category(letter) not in _MARKS, "pdf")


def require_drawn(texts: Iterable[str]) -> None:
    """Raises NoGlyphs if neither Arimo nor a font of this machine has a letter: for a PNG."""
    _require(texts, lambda letter: letter in font().glyphs or _shows(letter), "png")


def _shows(letter: str) -> bool:
    """Whether a font draws it; a mark, on a letter."""
    if unicodedata.category(letter) in _MARKS:
        return _drawn(f"o{letter}") != _drawn("o")
    return _drawn(letter) != _drawn(" ")


def _require(texts: Iterable[str], has: Callable[[str], bool], format: str) -> None:  # noqa: A002
    for text in texts:
        lacking = [each for each in unicodedata.normalize("NFC", text) if _is_seen(each) and not has(each)]
        if lacking:
            raise NoGlyphs(text, "".join(dict.fromkeys(lacking))[:12], format)


def _is_seen(letter: str) -> bool:
    steers = unicodedata.category(letter).startswith(_UNSEEN)
    return not steers and not unicodedata.name(letter, "").startswith(_SELECTORS)


@cache
def _drawn(letters: str) -> bytes:
    """The letters alone, as resvg draws them: nothing where no font has them."""
    import resvg_py

    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=f'<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"><text x="4" y="24" '
            f'font-size="20" font-family="Arimo">{"".join(f"&#{ord(each)};" for each in letters)}</text></svg>',
            font_files=[str(REGULAR), str(BOLD)],
            sans_serif_family="Arimo",
        )
    )
