"""A page of words, tables and pictures, written once and shown three ways: in the terminal, as Markdown, as HTML."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Heading:
    text: str
    level: int = 2
    """1 is the title of the page."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str
    quiet: bool = False
    """A source or a remark."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command line to paste: on one line, however narrow the page."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Lines of a file, as they are."""

    text: str
    language: str = "yaml"


@dataclass(frozen=True, slots=True)
class Bullets:
    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions with their answers."""

    items: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; the first column says what a row is."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: bool = False
    """The cells are sentences, not figures: aligned left and wrapped."""


@dataclass(frozen=True, slots=True)
class Picture:
    svg: bytes
    words: str
    """What it shows, for who cannot see it."""
    name: str
    """Its file's name where pictures are files."""


Block = Heading | Paragraph | Command | Code | Bullets | Questions | Table | Picture


@dataclass(frozen=True, slots=True)
class Document:
    """The blocks of a page, from top to bottom."""

    title: str
    blocks: Sequence[Block]

    def pictures(self) -> list[Picture]:
        return [block for block in self.blocks if isinstance(block, Picture)]

    # ---- Markdown ------------------------------------------------------------------------------------------------

    def markdown(self) -> str:
        """The page as Markdown; pictures are links to files of their names."""
        parts = [f"# {_md(self.title)}", *(_markdown(block) for block in self.blocks)]
        return "\n\n".join(parts) + "\n"

    # ---- HTML ----------------------------------------------------------------------------------------------------

    def html(self) -> str:
        """The page as one HTML file: styles and pictures are in it, nothing is loaded, nothing is executed."""
        body = "\n".join(_html(block) for block in self.blocks)
        title = escape(self.title)
        return _PAGE.format(title=title, style=_STYLE, body=body)

    # ---- the terminal ----------------------------------------------------------------------------------------------

    def rich(self) -> RenderableType:
        """The page for a rich console; it has no pictures there."""
        return Group(Text(self.title, "bold"), *(_rich(b) for b in self.blocks if not isinstance(b, Picture)))


def _md(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {_md(text)}"
        case Paragraph(text, quiet):
            return f"*{_md(text)}*" if quiet else _md(text)
        case Command(text):
            return f"```console\n$ {text}\n```"
        case Code(text, language):
            return f"```{language}\n{text.rstrip()}\n```"
        case Bullets(items):
            return "\n".join(f"- {_md(item)}" for item in items)
        case Questions(items):
            return "\n\n".join(f"**{_md(question)}** {_md(answer)}" for question, answer in items)
        case Table(head, rows, words):
            align = "---" if words else "---:"
            lines: Iterable[Sequence[str]] = [head, ["---", *[align] * (len(head) - 1)], *rows]
            return "\n".join("| " + " | ".join(_md(cell) or " " for cell in line) + " |" for line in lines)
        case Picture(_, words, name):
            return f"![{_md(words)}]({name})"


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text, quiet):
            return f'<p class="quiet">{escape(text)}</p>' if quiet else f"<p>{escape(text)}</p>"
        case Command(text):
            return f'<pre class="wide">{escape(text)}</pre>'
        case Code(text):
            return f'<pre class="wide">{escape(text)}</pre>'
        case Bullets(items):
            return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
        case Questions(items):
            told = (f"<dt>{escape(question)}</dt><dd>{escape(answer)}</dd>" for question, answer in items)
            return f"<dl>{''.join(told)}</dl>"
        case Table(head, rows, words):
            kind = "words" if words else "figures"
            top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
            body = "".join(
                f'<tr><th scope="row">{escape(row[0])}</th>'
                + "".join(f"<td>{escape(c)}</td>" for c in row[1:])
                + "</tr>"
                for row in rows
            )
            table = f'<table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
            return f'<div class="wide" tabindex="0">{table}</div>'
        case Picture(svg, words, _):
            data = b64encode(svg).decode()
            return f'<figure><img alt="{escape(words)}" src="data:image/svg+xml;base64,{data}"></figure>'


NAME_WIDTH: Final = 30
"""Characters: a first column that needs no more is never broken, however narrow the terminal."""
_ANY_WIDTH: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Fitting:
    """A table in the terminal: where it would be too wide, its columns move together and long heads break."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = _rich_table(self.table)
        if Measurement.get(console, options.update(max_width=_ANY_WIDTH), table).maximum > options.max_width:
            table = _rich_table(self.table, tight=True)
        yield table


def _rich_table(told: Table, *, tight: bool = False) -> RichTable:
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0) if tight else (0, 1))
    for number, name in enumerate(told.head):
        cells = [row[number] for row in told.rows]
        whole = not number and all(cell_len(cell) <= NAME_WIDTH for cell in cells)
        justify = "left" if told.words or not number else "right"
        words = name.replace("-", "-\n").split()
        broken = bool(tight and number and words) and max(map(cell_len, cells)) <= max(map(cell_len, words))
        head = "\n".join(words) if broken else name
        table.add_column(head, justify=justify, overflow="fold", no_wrap=whole or broken)
    for row in told.rows:
        table.add_row(*(Text(cell, "dim" if cell == "–" else "") for cell in row))
    return table


def _rich(block: Block) -> RenderableType:
    match block:
        case Heading(text):
            return Text(f"\n{text}", "bold")
        case Paragraph(text, quiet):
            return Text(text, "dim" if quiet else "")
        case Command(text):
            return Text(f"  $ {text}", "cyan", no_wrap=True, overflow="ignore")
        case Code(text):
            return Padding(Text(text.rstrip()), (0, 0, 0, 4))
        case Bullets(items):
            grid = RichTable.grid(padding=(0, 1))
            for item in items:
                grid.add_row("•", item)
            return grid
        case Questions(items):
            grid = RichTable.grid(padding=(0, 0, 0, 2))
            for question, answer in items:
                grid.add_row(Group(Text(question, "italic"), Padding(Text(answer), (0, 0, 0, 2))))
            return grid
        case Table():
            return _Fitting(block)
        case Picture():
            return Text()


_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1b2733;--quiet:#5a6875;--line:#d5dce3;--paper:#fff;--tint:#f5f7f9}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf0;--quiet:#9aa8b5;--line:#3a4650;--paper:#12181e;--tint:#1a222a}}
body{margin:0 auto;max-width:880px;padding:24px 16px 64px;font:16px/1.5 system-ui,sans-serif;color:var(--ink);
background:var(--paper)}h1{font-size:28px;line-height:1.2}h2{font-size:20px;margin:36px 0 8px;
border-top:1px solid var(--line);padding-top:16px}h3{font-size:16px;margin:20px 0 4px}.quiet{color:var(--quiet);
font-size:14px}.wide{overflow-x:auto}table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums;
min-width:60%}th,td{padding:5px 14px 5px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
tbody th{font-weight:400;color:var(--quiet);min-width:10em}
.figures td,.figures thead th:not(:first-child){text-align:right;
white-space:nowrap}
dt{font-weight:600;margin-top:12px}dd{margin:2px 0 0}
figure{margin:16px 0}img{max-width:100%;background:#fff;border-radius:6px}
@media print{body{max-width:none}h2{break-after:avoid}tr,figure{break-inside:avoid}}
"""

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title><style>{style}</style></head>
<body><h1>{title}</h1>
{body}
</body></html>
"""
