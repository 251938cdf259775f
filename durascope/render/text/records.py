"""The engines' own records of one run, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich import box
from rich.table import Table
from rich.text import Text

from durascope.render.text.marks import engine_title

MAX_LINES = 60
"""A record that is longer is cut in the middle, and says so."""
_TROUBLE: Final = ("TimedOut", "Failed", "failed", "lost", "refused", "attempt=1", "attempt=2", "attempt=3")
"""What a line says that tells of something gone wrong."""


def records_table(records: Mapping[str, Sequence[str]]) -> Table:
    """Two columns per engine, numbers and lines; `records` maps an engine to the lines of its record."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=len(records) > 1)
    columns = {engine: list(_shortened(lines)) for engine, lines in records.items()}
    for engine, lines in columns.items():
        table.add_column("", style="dim", justify="right", no_wrap=True, width=len(str(len(lines))))
        table.add_column(engine_title(engine), overflow="fold", ratio=1)
    for row in range(max((len(lines) for lines in columns.values()), default=0)):
        table.add_row(*(cell for lines in columns.values() for cell in _cells(lines, row)))
    return table


def _shortened(lines: Sequence[str]) -> Sequence[str]:
    if len(lines) <= MAX_LINES:
        return lines
    half = MAX_LINES // 2
    return [*lines[:half], f"… {len(lines) - 2 * half} more …", *lines[-half:]]


def _cells(lines: Sequence[str], row: int) -> tuple[str, Text]:
    if row >= len(lines):
        return "", Text()
    trouble = any(word in lines[row] for word in _TROUBLE)
    return str(row + 1), Text(lines[row], "red" if trouble else "")
