"""What a prediction shows of a scenario's times: how much of a step's time was its own, and when messages were sent.

Journals tell when entries were appended, to the millisecond. A prediction that parts from the recording is laid beside
it, and what took longer in one than in the other is set right, for the next prediction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from durascope.importing.restate.program import Program
from durascope.importing.restate.reading import Entry
from durascope.models.trace import Kind, Trace

TIE: Final = 700
"""Microseconds by which answers of the same millisecond are told apart, in the order of the journal."""


@dataclass(slots=True)
class Fit:
    """By how many microseconds things took longer, or came later, than the tables alone say; by entry."""

    late: dict[Entry, int] = field(default_factory=dict[Entry, int])

    def of(self, entry: Entry) -> int:
        return self.late.get(entry, 0)

    def after(self, programs: Mapping[str, Program], began: int, trace: Trace) -> Fit:
        """What is known once that prediction has been made with this fit; `programs` are by the runs' names."""
        times: dict[str, list[int]] = {}
        for _, event in trace.of_kind(Kind.RECORDED):
            times.setdefault(str(event.run), []).append(event.at)
        found = Fit(dict(self.late))
        for name, program in programs.items():
            lines = list(trace.records.get(name, ()))
            if len(lines) == len(times.get(name, ())):
                self._learn(found, program, dict(zip(lines, times[name], strict=True)), began)
        return found

    def _learn(self, found: Fit, program: Program, at: Mapping[str, int], began: int) -> None:
        ranks = ranked(program)
        for command in program.commands:
            answer, number = command.answer, command.entry.id
            begun, ended = at.get(f"Run {command.name} #{number}"), at.get(f"> Run #{number}")
            if command.kind != "Run" or answer is None or begun is None or ended is None:
                continue
            recorded = answer.at - command.entry.at + TIE * ranks.get(answer.index, 0)
            found.late[command.entry] = self.of(command.entry) + recorded - (ended - begun)
        messages = [*program.awaited.values(), *([] if program.cancelled is None else [program.cancelled])]
        for entry in messages:
            then = at.get(_line(entry))
            if then is not None:
                found.late[entry] = self.of(entry) + entry.at - began - then


def ranked(program: Program) -> dict[int, int]:
    """Of answers that came in the same millisecond, which was the first, the second, …; by their entries."""
    answers = sorted((each.answer.index, each.answer.at) for each in program.commands if each.answer is not None)
    ranks: dict[int, int] = {}
    for (last, before), (index, at) in pairwise(answers):
        ranks[index] = ranks.get(last, 0) + 1 if at == before else 0
    return ranks


def _line(entry: Entry) -> str:
    told = entry.fields.get("id")
    value = next(iter(told.values()), 0) if isinstance(told, dict) else 0
    return "> Signal 1 (cancel)" if value == 1 else f"> Signal {value}"
