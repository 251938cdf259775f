"""A canvas as a PDF of one page: vectors, selectable text, of its fonts what it needs, the same bytes every time."""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Iterable

from durascope.render.canvas import Box, Canvas, Mark, Path, Text
from durascope.render.fonts import font
from durascope.render.fonts.subset import subset
from durascope.render.svg import number

_CURVE = 0.5523
"""How far the handles of a Bézier quarter circle stand out, in radii."""


def pdf(canvas: Canvas, title: str) -> bytes:
    """The whole document."""
    content = _page(canvas).encode("ascii")
    faces = [_face(bold, canvas) for bold in (False, True)]
    size = f"{number(canvas.width)} {number(canvas.height)}"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/Lang(en)/ViewerPreferences<</DisplayDocTitle true>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {size}]/Contents 4 0 R/Resources"
        f"<</Font<</F0 6 0 R/F1 11 0 R>>/ExtGState<</G<</CA 0.28/ca 0.28>>/N<</CA 1/ca 1>>>>>>>>".encode(),
        _stream(content),
        b"<</Title " + _hex(title) + b"/Producer(durascope)>>",
    ]
    for face in faces:
        objects += face
    return _file(objects)


def _file(objects: list[bytes]) -> bytes:
    parts = [b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"]
    offsets: list[int] = []
    for at, body in enumerate(objects, 1):
        offsets.append(sum(map(len, parts)))
        parts.append(b"%d 0 obj\n%s\nendobj\n" % (at, body))
    start = sum(map(len, parts))
    parts.append(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    parts += [b"%010d 00000 n \n" % offset for offset in offsets]
    parts.append(b"trailer\n<</Size %d/Root 1 0 R/Info 5 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))
    return b"".join(parts)


def _stream(content: bytes, extra: bytes = b"") -> bytes:
    packed = zlib.compress(content, 9)
    return b"<</Length %d/Filter/FlateDecode%s>>stream\n%s\nendstream" % (len(packed), extra, packed)


def _hex(text: str) -> bytes:
    return b"<FEFF" + text.encode("utf-16-be").hex().upper().encode() + b">"


# ---- the page ------------------------------------------------------------------------------------------------


def _page(canvas: Canvas) -> str:
    turned = f"1 0 0 -1 0 {number(canvas.height)} cm"
    return "\n".join(["q", turned, *filter(None, map(_mark, canvas.marks)), "Q"])


def _mark(mark: Mark) -> str:
    match mark:
        case Box():
            return _painted(_outline(mark), mark)
        case Path():
            drawn = _painted(" ".join(_step(step) for step in mark.steps), mark)
            return f"/G gs {drawn} /N gs" if mark.opacity != 1.0 else drawn
        case Text():
            face = font(mark.bold)
            glyphs = "".join(f"{face.glyphs[each]:04X}" for each in _written(mark) if each in face.glyphs)
            return (
                f"BT {_colour(mark.ink)} rg /F{int(mark.bold)} {number(mark.size)} Tf "
                f"1 0 0 -1 {number(mark.left)} {number(mark.y)} Tm <{glyphs}> Tj ET"
            )
        case _:
            return ""


def _written(mark: Text) -> str:
    """Letters with what stands on them as one character, where there is one: nothing here puts two glyphs together."""
    return unicodedata.normalize("NFC", mark.text)


def _step(step: tuple[str | float, ...]) -> str:
    letter = {"M": "m", "L": "l", "C": "c", "Z": "h"}[str(step[0])]
    return " ".join([*(number(each) for each in step[1:] if not isinstance(each, str)), letter])


def _painted(outline: str, mark: Box | Path) -> str:
    how = {(True, True): "B", (True, False): "f", (False, True): "S", (False, False): "n"}
    parts = [outline, how[mark.fill is not None, mark.stroke is not None]]
    if mark.stroke:
        dash = " ".join(map(number, mark.dash))
        parts.insert(0, f"{_colour(mark.stroke)} RG {number(mark.line)} w [{dash}] 0 d")
    if mark.fill:
        parts.insert(0, f"{_colour(mark.fill)} rg")
    return " ".join(parts)


def _outline(box: Box) -> str:
    x, y, width, height = box.x, box.y, box.width, box.height
    radius = min(box.radius, width / 2, height / 2)
    if not radius:
        return f"{number(x)} {number(y)} {number(width)} {number(height)} re"
    handle = radius * (1 - _CURVE)
    right, low = x + width, y + height
    steps: list[tuple[str | float, ...]] = [
        ("M", x + radius, y), ("L", right - radius, y),
        ("C", right - handle, y, right, y + handle, right, y + radius), ("L", right, low - radius),
        ("C", right, low - handle, right - handle, low, right - radius, low), ("L", x + radius, low),
        ("C", x + handle, low, x, low - handle, x, low - radius), ("L", x, y + radius),
        ("C", x, y + handle, x + handle, y, x + radius, y), ("Z",),
    ]  # fmt: skip
    return " ".join(map(_step, steps))


def _colour(colour: str) -> str:
    return " ".join(number(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))


# ---- the fonts -----------------------------------------------------------------------------------------------


def _face(bold: bool, canvas: Canvas) -> list[bytes]:
    """Five objects: the font, its glyphs' widths, its description, its file, and which characters glyphs stand for."""
    face, first = font(bold), 11 if bold else 6
    texts = [_written(text) for text in canvas.texts if text.bold is bold]
    used = sorted({each for text in texts for each in text if each in face.glyphs})
    name = b"DURASC+Arimo-Bold" if bold else b"DURASC+Arimo"  # six letters and a plus: a subset
    scale = 1000 / face.units_per_em
    widths = " ".join(f"{face.glyphs[each]}[{round(face.advances[face.glyphs[each]] * scale)}]" for each in used)
    return [
        b"<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/Identity-H/DescendantFonts[%d 0 R]/ToUnicode %d 0 R>>"
        % (name, first + 1, first + 4),
        b"<</Type/Font/Subtype/CIDFontType2/BaseFont/%s"
        b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
        b"/FontDescriptor %d 0 R/DW 600/W[%s]/CIDToGIDMap/Identity>>" % (name, first + 2, widths.encode()),
        b"<</Type/FontDescriptor/FontName/%s/Flags 32/FontBBox[-544 -303 1302 980]/ItalicAngle 0/Ascent 905"
        b"/Descent -212/CapHeight 716/StemV %d/FontFile2 %d 0 R>>" % (name, 140 if bold else 80, first + 3),
        _font_file(subset(face.file, {face.glyphs[each] for each in used})),
        _stream(_to_unicode((face.glyphs[each], each) for each in used).encode("ascii")),
    ]


def _font_file(file: bytes) -> bytes:
    return _stream(file, b"/Length1 %d" % len(file))


def _to_unicode(pairs: Iterable[tuple[int, str]]) -> str:
    lines = [f"<{glyph:04X}> <{character.encode('utf-16-be').hex().upper()}>" for glyph, character in sorted(pairs)]
    blocks = [lines[at : at + 100] for at in range(0, len(lines), 100)]
    return "\n".join([
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap",
        "/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def",
        "/CMapName /durascope def /CMapType 2 def",
        "1 begincodespacerange <0000> <FFFF> endcodespacerange",
        *[f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks],
        "endcmap CMapName currentdict /CMap defineresource pop end end",
    ])  # fmt: skip
