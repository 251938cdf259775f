"""The runs of a load of a million: what metrics need of each, in a few bytes.

A run that has ended is three numbers in arrays; its summary is made again when somebody asks for it (without its key,
which nothing that is measured needs). Runs that are open, and runs that other runs have begun, are kept as they are.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Final, overload

from durascope.models.trace import RunSummary

MANY: Final = 50_000
"""Above this many runs, they are kept in this way if only metrics are asked for."""
_PREFIX: Final = "run "
_NEVER: Final = -1


class ManyRuns(MutableMapping[str, RunSummary]):
    """By name, as a dictionary of summaries."""

    def __init__(self) -> None:
        self._others: dict[str, RunSummary] = {}
        self._starts = array("q")
        self._ends = array("q")
        """By the number of the start; `_NEVER` where that run is in `_others`, or has not begun."""
        self._ways = array("h")
        self._known: dict[tuple[str, str], int] = {}
        """Workflow and status, numbered."""
        self._way_of: list[tuple[str, str]] = []
        self._ended = 0

    def __setitem__(self, name: str, run: RunSummary) -> None:
        number = self._number(name)
        if run.ended_at is None or run.parent is not None or run.stopped is not None or number is None:
            self._take(number)
            self._others[name] = run
            return
        self._others.pop(name, None)
        while len(self._ends) <= number:
            self._starts.append(0)
            self._ends.append(_NEVER)
            self._ways.append(0)
        way = (run.workflow, run.status)
        if way not in self._known:
            self._known[way] = len(self._way_of)
            self._way_of.append(way)
        self._ended += self._ends[number] == _NEVER
        self._starts[number], self._ends[number], self._ways[number] = run.started_at, run.ended_at, self._known[way]

    def _take(self, number: int | None) -> None:
        if number is not None and number < len(self._ends) and self._ends[number] != _NEVER:
            self._ends[number] = _NEVER
            self._ended -= 1

    @staticmethod
    def _number(name: str) -> int | None:
        number = name.removeprefix(_PREFIX)
        return int(number) if len(number) < len(name) and number.isdecimal() and not number.startswith("0") else None

    def __getitem__(self, name: str) -> RunSummary:
        number = self._number(name)
        if number is not None and number < len(self._ends) and self._ends[number] != _NEVER:
            return self._summary(number)
        return self._others[name]

    def _summary(self, number: int) -> RunSummary:
        workflow, status = self._way_of[self._ways[number]]
        return RunSummary(f"{_PREFIX}{number}", workflow, self._starts[number], self._ends[number], status)

    def __delitem__(self, name: str) -> None:
        if name in self._others:
            del self._others[name]
        else:
            self[name]  # raises KeyError where there is none
            self._take(self._number(name))

    def __iter__(self) -> Iterator[str]:
        return (run.name for run in self.values())

    def __len__(self) -> int:
        return self._ended + len(self._others)

    def values(self) -> Summaries:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Every run, one after the other: those that have ended by their numbers, then the others."""
        return Summaries(self)

    def each(self) -> Iterator[RunSummary]:
        for number, end in enumerate(self._ends):
            if end != _NEVER:
                yield self._summary(number)
        yield from tuple(self._others.values())

    def open(self) -> list[RunSummary]:
        """Those that have not ended."""
        return [run for run in self._others.values() if run.ended_at is None]


class Summaries(Sequence[RunSummary]):
    """The runs in their order, made as they are read."""

    def __init__(self, runs: ManyRuns) -> None:
        self.table = runs

    def __iter__(self) -> Iterator[RunSummary]:
        return self.table.each()

    def __len__(self) -> int:
        return len(self.table)

    @overload
    def __getitem__(self, index: int) -> RunSummary: ...
    @overload
    def __getitem__(self, index: slice) -> list[RunSummary]: ...
    def __getitem__(self, index: int | slice) -> RunSummary | list[RunSummary]:
        return list(self)[index]
