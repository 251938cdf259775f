"""What reached the runs from outside, and when: starts, signals, updates, cancel requests, terminations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from durascope.importing.temporal.chains import Chain
from durascope.importing.temporal.entities import is_entity, requests
from durascope.importing.temporal.fitting import LATE, Fit
from durascope.importing.temporal.observing import Activation, Command, Observed, What
from durascope.importing.temporal.reading import Event
from durascope.importing.temporal.recording import Recording
from durascope.models.durations import format_duration

TURN: Final = 1_000
"""Microseconds between requests whose order is known, and nothing else."""
_SENT: Final = {
    "WorkflowExecutionSignaled": "send",
    "WorkflowExecutionCancelRequested": "cancel",
    "WorkflowExecutionTerminated": "kill",
}


def workload(
    recording: Recording, started: Sequence[str], receivers: Mapping[str, str], several: bool, fit: Fit
) -> dict[str, Any]:
    """The workload; `started`: the workflow of each run; `receivers`: further runs, by key; `several`: workflows."""
    keys: list[str] = []
    starts: list[int] = []
    of: list[str] = []
    events: list[tuple[int, dict[str, Any]]] = []
    told: dict[str, Any] = {}
    for workflow, root in zip(started, recording.roots, strict=True):
        number = len(starts) + 1
        moments = list(_starts(recording, root, fit))
        starts += moments
        of += [workflow] * len(moments)
        keys += [root.workflow_id or root.name] * len(moments)
        with_start = _with_start(root)
        if with_start is not None and len(recording.roots) == 1:
            told["start_with"] = with_start[1]
        for name, execution in root.named():
            events += _events(recording, number, name, execution, fit, None if with_start is None else with_start[0])
    for key, workflow in receivers.items():
        starts.append(0)
        of.append(workflow)
        keys.append(key)
    told = {"runs": len(starts), **told}
    if several:
        told["of"] = of[0] if len(set(of)) == 1 else of
    if receivers or any(is_entity(root.first) for root in recording.roots):
        told["keys"] = keys
    if len(starts) > 1:
        told["arrivals"] = {"at": [_time(fit, each) for each in starts]}
    if events:
        told["events"] = [each for _, each in sorted(events, key=lambda pair: pair[0])]
    return told


def _starts(recording: Recording, root: Chain, fit: Fit) -> Iterator[int]:
    """When its runs were started: one, or, of an entity, one for each request."""
    if not is_entity(root.first):
        yield recording.offset(root.first)
        return
    for name, execution in root.named():
        for number, (activation, _) in enumerate(_accepted(execution)):
            first = activation.number == 0 and execution is root.first
            at = number * TURN if first else _asked(execution, activation) - LATE
            yield fit.then(name, recording.offset(execution) + at)


def _with_start(root: Chain) -> tuple[Event, dict[str, Any]] | None:
    """A signal or an update that came with the start."""
    second = root.first.history.events[1:2]
    if second and second[0].kind == "WorkflowExecutionSignaled" and second[0].at == 0:
        return second[0], {"send": second[0].a["signalName"]}
    if root.first.activations and not is_entity(root.first):
        for command in root.first.activations[0].commands:
            if command.what is What.UPDATE:
                return command.asked, {"update": command.name}
    return None


def _accepted(execution: Observed) -> Iterator[tuple[Activation, Command]]:
    for activation in execution.activations:
        for command in activation.commands:
            if command.what is What.UPDATE:
                yield activation, command


def _asked(execution: Observed, activation: Activation) -> int:
    """When an update was asked for that a task has accepted: what it brought the task about by, or before it began."""
    scheduled = execution.history.at(int(activation.started.a["scheduledEventId"]))
    if not activation.news:
        return scheduled.at
    return (scheduled.at + activation.started.at) // 2


def _events(
    recording: Recording, number: int, name: str, execution: Observed, fit: Fit, with_start: Event | None
) -> Iterator[tuple[int, dict[str, Any]]]:
    offset = recording.offset(execution)

    def sent(at: int, what: dict[str, Any], number_of_event: int) -> tuple[int, dict[str, Any]]:
        then = max(0, fit.then(name, offset + at) - LATE + fit.sent.get((name, number_of_event), 0))
        fit.asked[name, number_of_event] = fit.rounded(then)
        return then, {**what, "to": number, "at": _time(fit, then)}

    for event in execution.history.events:
        how = _SENT.get(event.kind)
        if how is None or event is with_start or _from_inside(recording, execution, event):
            continue
        yield sent(event.at, {"send": event.a["signalName"]} if how == "send" else {"operator": how}, event.id)
    if not is_entity(execution):
        for activation, command in _accepted(execution):
            if command.asked is not with_start:
                yield sent(_asked(execution, activation), {"update": command.name}, command.asked.id)


def _from_inside(recording: Recording, execution: Observed, event: Event) -> bool:
    """Whether a run that is among the recordings sent it."""
    first = execution.history.first
    workflow_id, parent = first.get("workflowId"), (first.get("parentWorkflowExecution") or {}).get("runId")
    if event.a.get("identity") != "history-service" and not event.a.get("externalWorkflowExecution"):
        return False
    if event.kind == "WorkflowExecutionSignaled":
        return workflow_id in recording.signalled
    return bool(parent) and parent in recording.run_ids


def _time(fit: Fit, us: int) -> str:
    return format_duration(fit.rounded(us))


__all__ = ["requests", "workload"]
