"""Cuts a history into the stretches that a worker applies one by one: each ends with the start of a workflow task.

Tasks that failed or timed out do not end a stretch, nor do heartbeats: what came with them is part of the next
(as sdk-core's history_update does it).
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import countOf
from typing import Final

from durascope.simulators.temporal.events import (
    WorkflowExecutionCanceled,
    WorkflowExecutionTerminated,
    WorkflowExecutionTimedOut,
    WorkflowExecutionUpdateAccepted,
    WorkflowTaskCompleted,
    WorkflowTaskFailed,
    WorkflowTaskScheduled,
    WorkflowTaskStarted,
    WorkflowTaskTimedOut,
)
from durascope.simulators.temporal.history import CommandEvent, HistoryEvent, RunEnd

_NOT_CONCLUDED: Final = (
    WorkflowTaskFailed, WorkflowTaskTimedOut,
    WorkflowExecutionTimedOut, WorkflowExecutionTerminated, WorkflowExecutionCanceled,
)  # fmt: skip


def workflow_task_sequences(events: Sequence[HistoryEvent]) -> list[Sequence[HistoryEvent]]:
    """The stretches; events at the end that follow the last start of a task belong to none."""
    if events and type(events[-1]) is WorkflowTaskStarted and countOf(map(type, events), WorkflowTaskStarted) == 1:
        return [events]  # what a cached run gets, nearly always
    sequences: list[Sequence[HistoryEvent]] = []
    begin = 0
    while begin < len(events):
        end = _end_of_next(events, begin)
        if end is None:
            break
        if not begin and end + 1 == len(events):
            return [events]
        sequences.append(events[begin : end + 1])
        begin = end + 1
    return sequences


def _end_of_next(events: Sequence[HistoryEvent], begin: int) -> int | None:
    saw_command = False
    starts: list[int] = []
    for index in range(begin, len(events)):
        event = events[index]
        if isinstance(event, RunEnd):
            return None
        if isinstance(event, CommandEvent):
            saw_command = True
        if not isinstance(event, WorkflowTaskStarted):
            continue
        following = events[index + 1] if index + 1 < len(events) else None
        if isinstance(following, _NOT_CONCLUDED):
            continue
        starts.append(index)
        if isinstance(following, WorkflowTaskCompleted) and index + 2 < len(events):
            after = events[index + 2]
            if not saw_command and isinstance(after, WorkflowTaskScheduled):
                continue
            if isinstance(after, WorkflowExecutionUpdateAccepted):
                sequencing = after.accepted_request_sequencing_event_id
                return next((each for each in reversed(starts) if events[each].id < sequencing), index)
        return index
    return None
