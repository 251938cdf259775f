"""The fonts that come with durascope: Arimo, which is as wide as Helvetica and Arial in every letter (OFL.txt).

Pictures ask for Helvetica or Arial; this one measures text, draws PNG on machines without fonts, and goes into PDF.
"""

from __future__ import annotations

import struct
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

REGULAR: Final = Path(__file__).with_name("Arimo-Regular.ttf")
BOLD: Final = Path(__file__).with_name("Arimo-Bold.ttf")


@dataclass(frozen=True)
class Font:
    """What a TrueType file says about its glyphs: which character has which, and how wide it is."""

    file: bytes
    units_per_em: int
    glyphs: dict[str, int]
    advances: tuple[int, ...]
    """Of each glyph, in units of the em."""

    def width(self, text: str, size: float) -> float:
        """How wide the text is in that size; a character that the font lacks counts as a letter or a full square."""
        return sum(map(self._advance, text)) * size / self.units_per_em

    def covers(self, text: str) -> bool:
        return all(character in self.glyphs for character in text)

    def _advance(self, character: str) -> int:
        glyph = self.glyphs.get(character)
        if glyph is not None:
            return self.advances[glyph]
        return self.units_per_em if unicodedata.east_asian_width(character) in "FW" else self.units_per_em * 5 // 8


@cache
def font(bold: bool = False) -> Font:
    """The regular or the bold face."""
    file = (BOLD if bold else REGULAR).read_bytes()
    tables = _tables(file)
    return Font(file, _u16(file, tables["head"] + 18), _glyphs(file, tables["cmap"]), _advances(file, tables))


def _tables(file: bytes) -> dict[str, int]:
    count = _u16(file, 4)
    return {
        tag.decode("ascii"): offset
        for tag, _sum, offset, _length in struct.iter_unpack(">4sIII", file[12 : 12 + 16 * count])
    }


def _advances(file: bytes, tables: dict[str, int]) -> tuple[int, ...]:
    glyphs = _u16(file, tables["maxp"] + 4)
    full = _u16(file, tables["hhea"] + 34)
    widths = [_u16(file, tables["hmtx"] + 4 * glyph) for glyph in range(full)]
    return (*widths, *[widths[-1]] * (glyphs - full))


def _glyphs(file: bytes, cmap: int) -> dict[str, int]:
    """The characters of the table's Unicode part (format 4: segments of the basic plane)."""
    parts = file[cmap + 4 : cmap + 4 + 8 * _u16(file, cmap + 2)]
    for _platform, _encoding, offset in struct.iter_unpack(">HHI", parts):
        start = cmap + offset
        if _u16(file, start) == 4:
            return _segments(file, start)
    raise ValueError("the font has no Unicode character map of format 4")


def _segments(file: bytes, start: int) -> dict[str, int]:
    size = _u16(file, start + 6)
    ends, starts = start + 14, start + 16 + size
    found: dict[str, int] = {}
    for at in range(0, size, 2):
        first, last = _u16(file, starts + at), _u16(file, ends + at)
        delta, spot = _u16(file, starts + size + at), starts + 2 * size + at
        indirect = _u16(file, spot)
        for code in range(first, min(last, 0xFFFE) + 1):
            glyph = code if indirect == 0 else _u16(file, spot + indirect + 2 * (code - first))
            if glyph:
                found[chr(code)] = (glyph + delta) & 0xFFFF
    return found


def _u16(file: bytes, at: int) -> int:
    return int.from_bytes(file[at : at + 2], "big")
