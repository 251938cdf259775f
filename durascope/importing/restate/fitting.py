"""What a prediction shows of a scenario's times: how much of a step's time was its own, and when messages were sent.

Journals tell when entries were appended, to the millisecond. A prediction that parts from the recording is laid beside
it, and what took longer in one than in the other is set right, for the next prediction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from typing import Final

from durascope.importing.restate.program import Program
from durascope.importing.restate.reading import Entry
from durascope.importing.restate.rows import lines
from durascope.importing.warp import Warp
from durascope.models.trace import Kind, Trace

STEP: Final = 2_000
"""Microseconds by which something is moved where nothing says by how many."""
LEAST: Final = 200
TIE: Final = 700
"""Microseconds by which answers of the same millisecond are told apart, in the order of the journal."""


@dataclass(slots=True)
class Fit:
    """By how many microseconds things took longer, or came later, than the tables alone say; by entry."""

    late: dict[Entry, int] = field(default_factory=dict[Entry, int])
    order: dict[Entry, int] = field(default_factory=dict[Entry, int])
    """By how many microseconds a step ends, or something comes from outside, later than recorded: so that it comes
    where the journal has it among what takes its own time in a prediction."""
    warps: dict[str, Warp] = field(default_factory=dict[str, Warp])
    """The prediction's clock against the recording's, by run."""

    def of(self, entry: Entry) -> int:
        return self.late.get(entry, 0)

    def then(self, run: str, us: int) -> int:
        """When, by the prediction's clock, the run is where it was at that time of the recording."""
        warp = self.warps.get(run)
        return us if warp is None else warp(us)

    def after(self, programs: Mapping[str, Program], began: int, trace: Trace) -> Fit:
        """What is known once that prediction has been made with this fit; `programs` are by the runs' names."""
        times: dict[str, list[int]] = {}
        for _, event in trace.of_kind(Kind.RECORDED):
            times.setdefault(str(event.run), []).append(event.at)
        found = Fit(dict(self.late), dict(self.order))
        for name, program in programs.items():
            predicted = list(trace.records.get(name, ()))
            if len(predicted) == len(times.get(name, ())):
                self._learn(found, program, dict(zip(predicted, times[name], strict=True)))
                self._compare(found, name, program, predicted, times[name], began)
        return found

    def _learn(self, fit: Fit, program: Program, at: Mapping[str, int]) -> None:
        ranks = ranked(program)
        for command in program.commands:
            answer, number = command.answer, command.entry.id
            begun, ended = at.get(f"Run {command.name} #{number}"), at.get(f"> Run #{number}")
            if command.kind != "Run" or answer is None or begun is None or ended is None:
                continue
            recorded = answer.at - command.entry.at + TIE * ranks.get(answer.index, 0)
            late = recorded + self.order.get(command.entry, 0) - (ended - begun)
            fit.late[command.entry] = self.of(command.entry) + late

    def _compare(
        self, fit: Fit, name: str, program: Program, predicted: Sequence[str], times: Sequence[int], began: int
    ) -> None:
        """Lays both clocks beside each other, and sets right what comes first out of its order."""
        entries = program.entries
        recorded = lines([each.row for each in entries])
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(recorded, predicted, strict=False)))
        outside = {id(each) for each in _messages(program)}
        own = range(alike)
        fit.warps[name] = Warp([(entries[n].at - began, times[n]) for n in own if id(entries[n]) not in outside])
        for number in own:
            if id(entries[number]) in outside:
                fit.late[entries[number]] = self.of(entries[number])
        if alike >= min(len(recorded), len(predicted)):
            return
        movable = _movable(program, recorded)
        early = movable.get(predicted[alike])
        if early is not None:
            counterpart = (
                at for line, at in zip(predicted[alike:], times[alike:], strict=True) if line == recorded[alike]
            )
            by = next(counterpart, times[alike] + STEP) - times[alike] + LEAST
            fit.order[early] = self.order.get(early, 0) + by
            return
        tardy = movable.get(recorded[alike])
        if tardy is not None and recorded[alike] in predicted[alike:]:
            by = times[predicted.index(recorded[alike], alike)] - times[alike] + LEAST
            fit.order[tardy] = self.order.get(tardy, 0) - by


def _messages(program: Program) -> list[Entry]:
    return [*program.awaited.values(), *([] if program.cancelled is None else [program.cancelled])]


def _movable(program: Program, recorded: Sequence[str]) -> dict[str, Entry]:
    """By its line: the entry whose time a scenario says, of the end of a step, or of what comes from outside."""
    ends = {
        command.answer.index: command.entry
        for command in program.commands
        if command.kind == "Run" and command.answer is not None
    }
    found = {recorded[at]: entry for at, entry in ends.items() if at < len(recorded)}
    return found | {recorded[each.index]: each for each in _messages(program) if each.index < len(recorded)}


def ranked(program: Program) -> dict[int, int]:
    """Of answers that came in the same millisecond, which was the first, the second, …; by their entries."""
    answers = sorted((each.answer.index, each.answer.at) for each in program.commands if each.answer is not None)
    ranks: dict[int, int] = {}
    for (last, before), (index, at) in pairwise(answers):
        ranks[index] = ranks.get(last, 0) + 1 if at == before else 0
    return ranks
