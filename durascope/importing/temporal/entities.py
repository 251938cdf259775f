"""Entity workflows: executions whose code does nothing but work off requests, one after the other.

What was recorded of each request is a program of its own, as if it were a run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from durascope.importing.temporal.lines import payload
from durascope.importing.temporal.observing import Activation, Command, Observed, What
from durascope.importing.temporal.program import Program, program

REQUEST: Final = "request"
"""The update by which an entity of ours takes a request."""


def is_entity(execution: Observed) -> bool:
    """Whether it takes requests: the first thing that its code did was to accept one."""
    first = execution.history.first
    given = payload(first.get("input"))
    return isinstance(given, dict) and bool(given.get("entity"))


def requests(execution: Observed) -> list[Command]:
    """The updates that it accepted, in their order."""
    return [each for each in execution.commands if each.what is What.UPDATE]


def programs(execution: Observed) -> list[Program]:
    """What was done for each request: they take turns, in the order in which they were accepted."""
    waiting, found = requests(execution), list[Program]()
    parts: list[list[Activation]] = [[] for _ in waiting]
    turn = 0
    for activation in execution.activations:
        now = turn
        news = list(activation.news)
        mine: list[Command] = []
        for command in sorted([*activation.commands, *activation.answered], key=_place):
            if command.what is not What.UPDATE:
                mine.append(command)
            elif command in activation.answered:
                _add(parts, now, replace(activation, commands=mine, answered=[], news=news))
                mine, news, now = [], [], now + 1
        _add(parts, now, replace(activation, commands=mine, answered=[], news=news))
        turn = now
    for activations in parts:
        told = Observed(execution.history, activations, [], execution.signals)
        found.append(program(told))
    return found


def _place(command: Command) -> int:
    """Where it stands in the history: an answer at its own event."""
    if command.what is What.UPDATE and command.ended is not None:
        return command.ended.id
    return command.asked.id


def _add(parts: list[list[Activation]], turn: int, activation: Activation) -> None:
    if turn < len(parts):
        parts[turn].append(replace(activation, number=len(parts[turn])))
