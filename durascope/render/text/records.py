"""The engines' own records of one run, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from durascope.render.text.marks import engine_title

MAX_LINES = 60
"""A record that is longer is cut in the middle, and says so."""


def records_table(records: Mapping[str, Sequence[str]]) -> Table:
    """A column per engine; `records` maps an engine to the lines of its record."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=len(records) > 1)
    columns = {engine: list(_shortened(lines)) for engine, lines in records.items()}
    for engine in columns:
        table.add_column(engine_title(engine), overflow="fold", ratio=1)
    for row in range(max((len(lines) for lines in columns.values()), default=0)):
        table.add_row(*(_cell(lines, row) for lines in columns.values()))
    return table


def _shortened(lines: Sequence[str]) -> Sequence[str]:
    if len(lines) <= MAX_LINES:
        return lines
    half = MAX_LINES // 2
    return [*lines[:half], f"… {len(lines) - 2 * half} more …", *lines[-half:]]


def _cell(lines: Sequence[str], row: int) -> Text:
    if row >= len(lines):
        return Text()
    line = lines[row]
    style = ""
    if any(word in line for word in ("TimedOut", "Failed", "lost", "refused", "failed", "attempt=2", "attempt=3")):
        style = "red"
    return Text.assemble((f"{row + 1:>3} ", "dim"), (line, style))
