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
    return [
        program(Observed(execution.history, each, [], execution.signals), whole=False) for each in _parts(execution)
    ]


def by_request(execution: Observed) -> list[list[Command]]:
    """What was asked for by each request's code."""
    return [[command for activation in part for command in activation.commands] for part in _parts(execution)]


def _parts(execution: Observed) -> list[list[Activation]]:
    """The tasks of each request."""
    parts: list[list[Activation]] = [[] for _ in requests(execution)]
    turn = 0
    for activation in execution.activations:
        now = turn
        news = list(activation.news)
        mine: list[Command] = []
        for command in _in_turn(activation):
            if command.what is not What.UPDATE:
                mine.append(command)
            elif command in activation.answered:
                _add(parts, now, replace(activation, commands=mine, answered=[], news=news))
                mine, news, now = [], [], now + 1
        _add(parts, now, replace(activation, commands=mine, answered=[], news=news))
        turn = now
    return parts


def _in_turn(activation: Activation) -> list[Command]:
    """The commands of a task in the order of the requests that they are for.

    Nothing of a request is under way when it is answered. So what was asked for in the same task, and is not there at
    once, is the next request's, wherever it stands.
    """
    last = max((_place(each) for each in activation.answered), default=0)

    def turn(command: Command) -> tuple[bool, int]:
        mine = command.what is not What.UPDATE and not command.immediate
        return mine or _place(command) > last, _place(command)

    return sorted([*activation.commands, *activation.answered], key=turn)


def _place(command: Command) -> int:
    """Where it stands in the history: an answer at its own event."""
    if command.what is What.UPDATE and command.ended is not None:
        return command.ended.id
    return command.asked.id


def _add(parts: list[list[Activation]], turn: int, activation: Activation) -> None:
    if turn < len(parts):
        parts[turn].append(replace(activation, number=len(parts[turn])))
