"""Whole event histories as plain values for the trace: what `lines` tells in a line, with all that was in the event.

Executions refer to each other by their names, events by their numbers; times and durations are in microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from enum import StrEnum
from functools import cache
from typing import Any, Final

from durascope.models.steps import Retry
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.temporal.activity_options import RetryPolicy, retry_policy_of
from durascope.simulators.temporal.commands import REQUEST, Asked, LocalEnd
from durascope.simulators.temporal.constants import event_bytes
from durascope.simulators.temporal.events import (
    MarkerRecorded,
    StartChildWorkflowExecutionInitiated,
    WorkflowExecutionFailed,
    WorkflowTaskStarted,
)
from durascope.simulators.temporal.failure import Failure
from durascope.simulators.temporal.history import HistoryEvent
from durascope.simulators.temporal.mutable_state import MutableState

Plain = dict[str, Any]

_WHERE_TRUE: Final = frozenset((
    "base_run_id", "by", "eager_execution_accepted", "latest_cancel_requested_event_id", "new_execution",
    "suggest_continue_as_new", "unhandled_signals",
))  # fmt: skip
"""Fields that are left out where they say nothing."""


def histories(states: Sequence[MutableState], names: Mapping[int, str], sdks: Mapping[str, str]) -> list[Plain]:
    """One for each execution, in their order.

    Args:
        states: The executions.
        names: Theirs, by the number of the run.
        sdks: The SDK of those that run workflows, by their queue.
    """
    sizes = event_bytes()
    return [{**_history(state, names, sizes), "sdk": sdks.get(state.queue, "python")} for state in states]


def _history(state: MutableState, names: Mapping[int, str], sizes: Mapping[str, int]) -> Plain:
    options, parent = state.options, state.options.parent
    return {
        "name": names[state.run_id],
        "run": options.run.plain(),
        "workflow_id": options.workflow_id,
        "parent": None
        if parent is None
        else {"name": names.get(parent.run_id), "initiated_event_id": parent.initiated_id},
        "entity": options.entity,
        "queue": state.queue,
        "task_timeout": state.task_timeout,
        "run_timeout": options.run_timeout,
        "retry_policy": None if options.retry is None else _plain(options.retry),
        "execution": options.execution,
        "begins_as": options.acts_as,
        "attempt": options.attempt,
        "initiator": options.initiator,
        "resume_at": options.resume_at,
        "carried": dict(options.carried),
        "delay": options.delay,
        "events": _events(state.history.events, names, sizes),
    }


def _events(events: Sequence[HistoryEvent], names: Mapping[int, str], sizes: Mapping[str, int]) -> list[Plain]:
    found: list[Plain] = []
    size = 0
    for event in events:
        plain: Plain = {"id": event.id, "kind": event.kind, "at": event.at}
        plain |= _marker(event) if isinstance(event, MarkerRecorded) else dict(_told(event, names))
        if isinstance(event, WorkflowTaskStarted):
            plain["history_size_bytes"] = size
        size += sizes.get(event.kind, sizes["other"]) + (getattr(event, "size", None) or 0)
        found.append(plain)
    return found


@cache
def _fields(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _told(event: HistoryEvent, names: Mapping[int, str]) -> Iterator[tuple[str, Any]]:
    """What the event says beside its number, kind and time."""
    for name in _fields(type(event)):
        value = getattr(event, name)
        if name in _WHERE_TRUE and not value:
            continue
        match name:
            case "run_id":
                yield "run", names.get(value)
            case "base_run_id":
                yield "base_run", names.get(value)
            case "update_id" | "patch":
                yield "subject", value
            case "started":
                yield "started_event_id", 0 if value is None else value.id
            case "sender":
                yield name, None if value is None else {"name": names.get(value[0]), "initiated_event_id": value[1]}
            case "asked":
                yield from _asked(value).items()
            case "label" if isinstance(event, StartChildWorkflowExecutionInitiated):
                yield "key", value
                yield name, value
            case "payload" if getattr(event, "name", "") == REQUEST and "run" in value:
                yield name, value["run"].plain()
            case "retry_state" if value is None and isinstance(event, WorkflowExecutionFailed):
                pass
            case _:
                yield name, _plain(value)


def _marker(event: MarkerRecorded) -> Plain:
    last = {"name": event.name, "workflow_task_completed_event_id": event.workflow_task_completed_event_id}
    if event.end is None:
        return {"marker": "patch", "seq": event.seq, **last}
    return {"marker": "local-activity", "seq": event.seq, "key": event.key, **_local_end(event.end), **last}


def _local_end(end: LocalEnd) -> Plain:
    told: Plain = {"values": _plain(end.values), "size": end.size}
    if end.failure is not None:
        told = {"failure": _failure(end.failure)}
    if end.backoff is not None:
        told["backoff"] = list(end.backoff)
    if end.attempt:
        told["attempt"] = end.attempt
    return told


def _asked(asked: Asked) -> Plain:
    """What an activity was scheduled with."""
    step, run = asked.options.step, asked.run
    handed = () if step.idempotency_key is None else (step.idempotency_key,)
    return {
        "queue": asked.options.queue,
        "key": asked.key,
        "label": step.label,
        "run": run.plain(),
        "handed": {name: run.input[name] for name in handed if name in run.input},
    }


def _policy(policy: RetryPolicy) -> Plain:
    return {
        "initial": policy.initial,
        "factor": policy.factor,
        "max_interval": policy.max_interval,
        "max_attempts": policy.max_attempts,
    }


def _failure(failure: Failure) -> Plain:
    return {
        "message": failure.message,
        "kind": failure.kind.value,
        "retryable": failure.retryable,
        "retry_after": failure.retry_after,
        "timeout_type": None if failure.timeout_type is None else failure.timeout_type.value,
    }


_PLAIN: Final[dict[type, Callable[[Any], Any]]] = {
    RunInfo: RunInfo.plain,
    Retry: lambda retry: _policy(retry_policy_of(retry)),
    RetryPolicy: _policy,
    Failure: _failure,
}


def _plain(value: Any) -> Any:
    convert = _PLAIN.get(type(value))
    if convert is not None:
        return convert(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value
