"""What a figure may be at most: a line that says whether it is, and all that are not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure and its bar."""

    what: str
    value: float
    most: float
    unit: str
    more: str = ""
    """Beside the figure: how it came about."""

    @property
    def held(self) -> bool:
        return self.value <= self.most

    def __str__(self) -> str:
        digits = 0 if self.most >= 100 else 1
        value, most = (f"{number:,.{digits}f}" for number in (self.value, self.most))
        verdict = "ok" if self.held else "MISSED"
        return f"  {self.what:38} {value:>9} {self.unit:5} at most {most:9} {verdict:6} {self.more}".rstrip()
