"""A TrueType file with the outlines of a few glyphs only: what a PDF embeds. Glyphs keep their numbers.

The others are there without an outline; tables that only shaping or a desktop needs are left out.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import Final

_KEPT: Final = ("cvt ", "fpgm", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "prep")
_LONG_OFFSETS: Final = 50
"""Where `head` says whether `loca` has offsets of two bytes or of four."""
_CHECKSUM: Final = 8
"""Where `head` has the sum over the whole file."""
_MAGIC: Final = 0xB1B0AFBA
# Flags of a part of a composite glyph.
_WORDS, _SCALE, _MORE, _TWO_SCALES, _MATRIX = 0x1, 0x8, 0x20, 0x40, 0x80


def subset(file: bytes, glyphs: Collection[int]) -> bytes:
    """The file with those glyphs, what they are composed of, and the one for what is missing."""
    tables = dict(_tables(file))
    outlines = _outlines(tables)
    wanted = {0, *glyphs}
    queue = list(wanted)
    while queue:
        parts = set(_parts(outlines[queue.pop()])) - wanted
        wanted |= parts
        queue += parts
    body, offsets = bytearray(), [0]
    for number, outline in enumerate(outlines):
        if number in wanted:
            body += outline + b"\0" * (-len(outline) % 4)
        offsets.append(len(body))
    head = bytearray(tables["head"])
    head[_CHECKSUM : _CHECKSUM + 4] = b"\0\0\0\0"
    head[_LONG_OFFSETS : _LONG_OFFSETS + 2] = b"\0\1"
    changed = {"glyf": bytes(body), "loca": struct.pack(f">{len(offsets)}I", *offsets), "head": bytes(head)}
    return _file({tag: changed.get(tag, tables[tag]) for tag in _KEPT if tag in tables})


def _tables(file: bytes) -> Iterator[tuple[str, bytes]]:
    count = int.from_bytes(file[4:6], "big")
    for tag, _sum, offset, length in struct.iter_unpack(">4sIII", file[12 : 12 + 16 * count]):
        yield tag.decode("ascii"), file[offset : offset + length]


def _outlines(tables: Mapping[str, bytes]) -> list[bytes]:
    """Of each glyph, by its number."""
    loca, glyf = tables["loca"], tables["glyf"]
    if tables["head"][_LONG_OFFSETS + 1]:
        offsets = [each for (each,) in struct.iter_unpack(">I", loca)]
    else:
        offsets = [2 * each for (each,) in struct.iter_unpack(">H", loca)]
    return [glyf[start:end] for start, end in pairwise(offsets)]


def _parts(outline: bytes) -> Iterator[int]:
    """The glyphs that one is composed of."""
    if not outline or outline[0] < 0x80:  # the number of its contours is negative for composed ones
        return
    at, more = 10, True
    while more:
        flags, glyph = struct.unpack_from(">HH", outline, at)
        yield glyph
        at += 4 + (4 if flags & _WORDS else 2)
        at += 2 if flags & _SCALE else 4 if flags & _TWO_SCALES else 8 if flags & _MATRIX else 0
        more = bool(flags & _MORE)


def _file(tables: Mapping[str, bytes]) -> bytes:
    powers = len(tables).bit_length() - 1
    header = struct.pack(">IHHHH", 0x10000, len(tables), 16 << powers, powers, 16 * len(tables) - (16 << powers))
    directory, body = b"", b""
    start = 12 + 16 * len(tables)
    for tag, table in sorted(tables.items()):
        directory += struct.pack(">4sIII", tag.encode("ascii"), _sum(table), start + len(body), len(table))
        body += table + b"\0" * (-len(table) % 4)
    whole = header + directory + body
    at = start + sum(len(table) + -len(table) % 4 for tag, table in sorted(tables.items()) if tag < "head") + _CHECKSUM
    return whole[:at] + struct.pack(">I", (_MAGIC - _sum(whole)) % 2**32) + whole[at + 4 :]


def _sum(table: bytes) -> int:
    padded = table + b"\0" * (-len(table) % 4)
    return sum(each for (each,) in struct.iter_unpack(">I", padded)) % 2**32
