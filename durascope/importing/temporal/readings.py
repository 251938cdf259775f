"""Ways to read a history where it leaves open what happened: each is tried, until one predicts what was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from durascope.importing.temporal.activities import attempts_of
from durascope.importing.temporal.chains import starts
from durascope.importing.temporal.entities import is_entity
from durascope.importing.temporal.lines import word
from durascope.importing.temporal.observing import Command, What, failure_of, span
from durascope.importing.temporal.recording import Recording


@dataclass(frozen=True, slots=True)
class Reading:
    """What is taken for true; by default, what is so most often."""

    by_step: bool = False
    """A worker that died while a step was at work is to die at that step on other engines, too."""
    died: bool = False
    """An attempt that was never reported was lost with its worker, although nothing else says that one died."""
    apart: bool = False
    """Each request to an entity has its own times, even if it did what another one did."""
    in_order: bool = False
    """Where the order of events hangs on less than a prediction can know, times are bent until the order is right."""
    one_slot: bool = False
    """A task waited in a worker's own queue because the worker had room for one piece of work, not because it died."""


def readings(recording: Recording) -> Iterator[Reading]:
    """Those that the recording allows, the likeliest first."""
    commands = [command for each in recording.executions.values() for command in each.commands]
    alone = any(map(lost_alone, commands))
    if alone or any(map(_lost, commands)):
        yield Reading(by_step=True, died=alone)
    if alone:
        yield Reading(died=True)
    yield Reading()
    yield Reading(in_order=True)
    if any(is_entity(root.first) and starts(root) > 1 for root in recording.started):
        yield Reading(apart=True)
        yield Reading(apart=True, in_order=True)
    if _waited(recording):
        yield Reading(one_slot=True)


def _lost(command: Command) -> bool:
    """Whether its first attempt was lost, or stopped with its worker."""
    return command.what is What.ACTIVITY and command.started is not None and attempts_of(command) == 2


def lost_alone(command: Command) -> bool:
    """Whether only its timeout tells that the first attempt was lost, and it cannot have been at work for so long."""
    started, ended = command.started, command.ended
    if command.what is not What.ACTIVITY or started is None or ended is None or attempts_of(command) != 2:
        return False
    limit = span(command.asked.a, "heartbeatTimeout") or span(command.asked.a, "startToCloseTimeout")
    return failure_of(started.a)[0] == "timeout" and 2 * (ended.at - started.at) < limit


def _waited(recording: Recording) -> bool:
    return any(
        event.kind == "WorkflowTaskTimedOut"
        and word(event.a.get("timeoutType"), "TIMEOUT_TYPE_") == "schedule-to-start"
        for execution in recording.executions.values()
        for event in execution.history.events
    )
