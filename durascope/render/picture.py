"""A finished picture: what every view hands back, whatever it was drawn with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, get_args

from durascope.models.files import write_whole
from durascope.models.visible import visible
from durascope.render.canvas import Canvas
from durascope.render.fonts import BOLD, REGULAR, font
from durascope.render.fonts.missing import require_drawn, require_known

Format = Literal["svg", "png", "pdf", "dot", "mermaid", "d2"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
SUFFIXES: Final[dict[Format, str]] = {
    "svg": "svg", "png": "png", "pdf": "pdf", "dot": "dot", "mermaid": "mmd", "d2": "d2",
}  # fmt: skip

_TAG: Final = re.compile(r"<(?!br\s*/?>)(?=[A-Za-z/!?])")
"""The beginning of an HTML tag that is not Mermaid's own line break: Mermaid hands texts to the browser as HTML."""


@dataclass(frozen=True)
class Picture:
    """A canvas with its title and description, and its source in the languages of diagrams where it is a graph.

    `sources` maps a format (`dot`, `mermaid`, `d2`) to a function that writes it: nothing is written unless asked for.

    >>> from durascope.models.loading import load_scenario
    >>> from durascope.render import workflow
    >>> drawn = workflow.draw(load_scenario("payment"))
    >>> drawn.formats
    ('svg', 'png', 'pdf', 'dot', 'mermaid', 'd2')
    >>> drawn.svg()[:4], drawn.render("mermaid")[:9]
    ('<svg', b'---\\ntitle')
    """

    title: str
    description: str
    canvas: Canvas = field(repr=False)
    sources: Mapping[Format, Callable[[], str]] = field(default_factory=dict[Format, Callable[[], str]], repr=False)
    style: str = field(default="", repr=False)
    """CSS of the picture's own, `&` standing for the picture: what moves in it."""
    finding: str = ""
    """What it shows, in a sentence: its heading, where that is one."""

    @property
    def width(self) -> float:
        return self.canvas.width

    @property
    def height(self) -> float:
        return self.canvas.height

    @property
    def formats(self) -> tuple[Format, ...]:
        """What the picture can be saved as."""
        return tuple(each for each in FORMATS if each in ("svg", "png", "pdf") or each in self.sources)

    def svg(self, prefix: str = "") -> str:
        """The picture as SVG: selectable text, a title and a description for screen readers.

        `prefix`: what its ids begin with; left out, they begin with what no other picture's do.
        """
        if not prefix:
            return self._svg
        from durascope.render.svg import svg

        return svg(self.canvas, self.title, self.description, prefix, self.style)

    @cached_property
    def _svg(self) -> str:
        from durascope.render.svg import svg

        return svg(self.canvas, self.title, self.description, style=self.style)

    def png(self, scale: float = 2.0) -> bytes:
        """The picture as PNG, `scale` pixels for one of the SVG's; drawn with the font that comes with durascope.

        Letters that it lacks are drawn with the machine's fonts; raises NoGlyphs where none of them has one.
        """
        import resvg_py

        require_drawn(text.text for text in self.canvas.texts)
        known = all(font(text.bold).covers(text.text) for text in self.canvas.texts)
        return bytes(
            resvg_py.svg_to_bytes(
                svg_string=self._svg,
                zoom=scale,
                font_files=[str(REGULAR), str(BOLD)],
                skip_system_fonts=known,
                sans_serif_family="Arimo",
            )
        )

    def pdf(self) -> bytes:
        """The picture as a PDF of one page; raises NoGlyphs for letters that are not Latin, Greek or Cyrillic."""
        from durascope.render.pdf import pdf

        require_known(text.text for text in self.canvas.texts)
        return pdf(self.canvas, self.title)

    def source(self, format: Format) -> str:  # noqa: A002
        """The picture's source in `dot`, `mermaid` or `d2`; raises ValueError where it has none in that format."""
        if format == "svg":
            return self._svg
        if format not in self.sources:
            has = ", ".join(each for each in self.formats if each in self.sources) or "none"
            raise ValueError(f"this picture has no {format} source (it has: {has})")
        return self.sources[format]()

    def render(self, format: Format) -> bytes:  # noqa: A002
        """The picture in any of its formats; raises ValueError for one that it does not have."""
        match format:
            case "png":
                return self.png()
            case "pdf":
                return self.pdf()
            case _:
                text = visible(self.source(format))
                return (_TAG.sub("#lt;", text) if format == "mermaid" else text).encode("utf-8", "replace")

    def save(self, path: Path | str, format: Format | None = None) -> Path:  # noqa: A002
        """Writes the picture; the format is the one that the name ends in unless it is given. Returns the path.

        Raises ValueError if the name ends in no format that the picture has.
        """
        path = Path(path)
        chosen: Format | None = format or self._named(path.suffix[1:].lower())
        if chosen is None:
            raise ValueError(
                f"{path.name}: expected a name that ends in {', '.join(SUFFIXES[f] for f in self.formats)}"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, self.render(chosen))
        return path

    def _named(self, suffix: str) -> Format | None:
        return next((each for each in self.formats if SUFFIXES[each] == suffix), None)

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        return self._svg
