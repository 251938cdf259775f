"""A figure and its bar, and the table of all of them with what is missed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure and what it must be: at most its bar, or at least that."""

    what: str
    value: float | None
    """None: it could not be measured here."""
    bar: float | None
    """None: a figure to read the others by."""
    unit: str = ""
    more: str = ""
    """Beside the figure: how it came about."""
    at_least: bool = False

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "not measured"
        if self.bar is None:
            return "no bar"
        held = self.value >= self.bar if self.at_least else self.value <= self.bar
        return "ok" if held else "MISSED"

    def __str__(self) -> str:
        must = "" if self.bar is None else f"{'at least' if self.at_least else 'at most':8} {_number(self.bar):>9}"
        return (
            f"{self.what:40} {_number(self.value):>9} {self.unit:5}  {must:18}  {self.verdict:12}  {self.more}".rstrip()
        )


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.{3 if abs(value) < 10 else 1 if abs(value) < 100 else 0}f}"


def table(rows: Iterable[tuple[str, Bar]]) -> str:
    """The figures, each under the part of the benchmark that it belongs to, and how many miss their bar."""
    found = list(rows)
    lines: list[str] = []
    for part, group in groupby(found, key=lambda row: row[0]):
        lines += [part, *(f"  {bar}" for _, bar in group)]
    count = missed(bar for _, bar in found)
    return "\n".join([*lines, f"{len(found)} figures, {count or 'none'} missed"])


def missed(bars: Iterable[Bar]) -> int:
    """How many are not what they must be."""
    return sum(bar.verdict == "MISSED" for bar in bars)
