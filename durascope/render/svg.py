"""A canvas as SVG: text stays text, groups carry titles, and the same canvas gives the same bytes.

Every text says how long it is, so that a browser that lacks Helvetica and Arial squeezes its own font into the
same room; but for text whose letters Arimo lacks, which nobody has measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from durascope.models.visible import visible
from durascope.render.canvas import Box, Canvas, Close, Mark, Open, Path, Text
from durascope.render.fonts import font
from durascope.render.theme import FAMILY, dark


def number(value: float) -> str:
    """At most two decimals, no trailing zeros, no minus zero.

    >>> number(2.0), number(0.125), number(-0.0)
    ('2', '0.12', '0')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def svg(canvas: Canvas, title: str, description: str, prefix: str = "", style: str = "") -> str:
    """The whole document; `prefix`: what its ids begin with, else what no other picture's begin with.

    `style` is CSS of the picture's own. In a browser whose user wants dark pages it is a dark picture.
    """
    width, height = number(canvas.width), number(canvas.height)
    marks = [_mark(mark) for mark in canvas.marks]
    own = prefix or f"d{sha256(''.join((title, description, *marks)).encode()).hexdigest()[:8]}-"
    scope = own.rstrip("-")
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{scope}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-labelledby="{own}title {own}desc" '
        f"font-family={quoteattr(FAMILY)}>",
        f'<title id="{own}title">{_safe(title)}</title>',
        f'<desc id="{own}desc">{_safe(description)}</desc>',
        f"<style>{style.replace('&', f'.{scope} ')}{_dark(marks, scope)}</style>",
        *marks,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


_COLOUR: Final = re.compile(r'(fill|stroke)="(#[0-9a-f]{6})"')


def _dark(marks: Iterable[str], scope: str) -> str:
    """The same colours for a dark page; the rules hold inside of this picture only."""
    used = sorted({match for mark in marks for match in _COLOUR.findall(mark)})
    rules = "".join(f'.{scope} [{name}="{colour}"]{{{name}:{dark(colour)}}}' for name, colour in used)
    return f"@media(prefers-color-scheme:dark){{{rules}}}"


def _mark(mark: Mark) -> str:
    match mark:
        case Box():
            return _box(mark)
        case Path():
            return (
                f'<path d="{path_data(mark)}"{_colours(mark.fill, mark.stroke, mark.line, mark.dash, mark.opacity)}/>'
            )
        case Text():
            return _text(mark)
        case Open(name=name, title=title, data=data):
            attributes = "".join(f" data-{key.replace('_', '-')}={quoteattr(_clean(value))}" for key, value in data)
            heading = f"<title>{_safe(title)}</title>" if title else ""
            return f"<g class={quoteattr(name)}{attributes}>{heading}"
        case Close():
            return "</g>"


def _box(box: Box) -> str:
    radius = f' rx="{number(box.radius)}"' if box.radius else ""
    return (
        f'<rect x="{number(box.x)}" y="{number(box.y)}" width="{number(box.width)}" height="{number(box.height)}"'
        f"{radius}{_colours(box.fill, box.stroke, box.line, box.dash)}/>"
    )


def _text(text: Text) -> str:
    anchor = "" if text.anchor == "start" else f' text-anchor="{text.anchor}"'
    weight = ' font-weight="700"' if text.bold else ""
    known = font(text.bold).covers(text.text)
    long = f' textLength="{number(text.width)}" lengthAdjust="spacingAndGlyphs"' if known else ""
    return (
        f'<text x="{number(text.x)}" y="{number(text.y)}" font-size="{number(text.size)}"{weight}{anchor} '
        f'fill="{text.ink}"{long}>{_safe(text.text)}</text>'
    )


def path_data(path: Path) -> str:
    """The `d` attribute."""
    return " ".join(
        str(step[0]) + " ".join(number(each) for each in step[1:] if not isinstance(each, str)) for step in path.steps
    )


def _colours(fill: str | None, stroke: str | None, line: float, dash: tuple[float, ...], opacity: float = 1.0) -> str:
    parts = [f' fill="{fill or "none"}"']
    if stroke:
        parts.append(f' stroke="{stroke}" stroke-width="{number(line)}"')
        if dash:
            parts.append(f' stroke-dasharray="{" ".join(map(number, dash))}"')
    if opacity != 1.0:
        parts.append(f' opacity="{number(opacity)}"')
    return "".join(parts)


def _clean(text: str) -> str:
    """Without the characters that XML does not allow, and with those shown that would act."""
    return "".join(each if each >= " " and each not in "\ufffe\uffff" else " " for each in visible(text))


def _safe(text: str) -> str:
    return escape(_clean(text))
