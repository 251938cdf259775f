"""The engines' own records of one run, side by side."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final, NamedTuple

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from durascope.render.text.marks import engine_title

MAX_LINES = 60
"""A record that is longer is cut in the middle, and says so."""
_SPACE: Final = 4
"""Between a number, its text and the next number."""
_AGAIN: Final = re.compile(r"(?<![^\s\[])([^\s,\[\]]+)((?:, \1(?=[,\]\s]|$))+)")
"""A name that a list has several times in a row."""
_TROUBLE: Final = ("TimedOut", "Failed", "failed", "lost", "refused", "attempt=1", "attempt=2", "attempt=3")
"""What a line says that tells of something gone wrong."""


@dataclass(frozen=True, slots=True)
class RecordTables:
    """The records, `{engine: lines}`: side by side, or below each other where the names would not fit so."""

    records: Mapping[str, Sequence[str]]

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        columns = {engine: _Column(engine_title(engine), _numbered(lines)) for engine, lines in self.records.items()}
        room = options.max_width // max(1, len(columns))
        if all(each.width <= room for each in columns.values()):
            yield _table(list(columns.values()))
        else:
            yield from (_table([each]) for each in columns.values())


class _Column(NamedTuple):
    """One engine's record."""

    title: Text
    lines: Sequence[tuple[str, str]]
    """Numbers and texts."""

    @property
    def number_width(self) -> int:
        return max((len(number) for number, _ in self.lines), default=1)

    @property
    def width(self) -> int:
        """What its longest word needs, its number and the space around both."""
        longest = max((cell_len(word) for _, text in self.lines for word in text.split()), default=0)
        return self.number_width + max(longest, len(self.title)) + _SPACE


def _table(columns: Sequence[_Column]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=len(columns) > 1)
    for each in columns:
        table.add_column("", style="dim", justify="right", no_wrap=True, width=each.number_width)
        table.add_column(each.title, overflow="fold", ratio=1)
    for row in zip_longest(*(each.lines for each in columns), fillvalue=("", "")):
        table.add_row(*(cell for number, text in row for cell in (number, _text(text))))
    return table


def _numbered(lines: Sequence[str]) -> Sequence[tuple[str, str]]:
    """Each line with its number; a long record is cut in the middle, and says so."""
    numbered = [(str(number), folded(line)) for number, line in enumerate(lines, 1)]
    half = MAX_LINES // 2
    if len(lines) <= MAX_LINES:
        return numbered
    return [*numbered[:half], ("", f"… {len(lines) - 2 * half} more …"), *numbered[-half:]]


def folded(line: str) -> str:
    """The line with each name said once: `memo=[plan, ask × 8]`, though the record lists it eight times.

    >>> folded("POST plan memo=[plan, ask, ask, ask]")
    'POST plan memo=[plan, ask × 3]'
    """
    return _AGAIN.sub(lambda found: f"{found[1]} × {found[2].count(', ') + 1}", line)


def _text(line: str) -> Text:
    return Text(line, "red" if any(word in line for word in _TROUBLE) else "")
