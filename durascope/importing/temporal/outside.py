"""What reached the runs from outside, and when: starts, signals, updates, cancel requests, terminations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from durascope.importing.temporal.bodies import Bodies
from durascope.importing.temporal.chains import Chain, run_id_of, started_again
from durascope.importing.temporal.entities import is_entity, requests
from durascope.importing.temporal.fitting import LATE, Fit
from durascope.importing.temporal.observing import REJECTED, Activation, Command, Observed, What, span
from durascope.importing.temporal.reading import Event
from durascope.importing.temporal.recording import Recording
from durascope.importing.temporal.resets import reset_of
from durascope.importing.temporal.ways import WAY
from durascope.models.durations import format_duration

TURN: Final = 1_000
"""Microseconds between requests whose order is known, and nothing else."""
_SENT: Final = {
    "WorkflowExecutionSignaled": "send",
    "WorkflowExecutionCancelRequested": "cancel",
    "WorkflowExecutionTerminated": "kill",
}


def workload(recording: Recording, started: Sequence[str], bodies: Bodies, fit: Fit) -> dict[str, Any]:
    """The workload; `started`: the workflow of each run."""
    keys: list[str] = []
    starts: list[int] = []
    of: list[str] = []
    ways: list[int] = []
    events: list[tuple[int, dict[str, Any]]] = []
    told: dict[str, Any] = {}
    numbers: dict[Chain, int] = {}
    for workflow, root in zip(started, recording.started, strict=True):
        numbers[root] = len(starts) + 1
        moments = list(_starts(recording, root, fit))
        starts += moments
        of += [workflow] * len(moments)
        ways += bodies.ways.get(root) or [1] * len(moments)
        keys += [root.workflow_id or root.name] * len(moments)
        with_start = _with_start(root)
        if with_start is not None and len(recording.started) == 1:
            told["start_with"] = with_start[1]
            again = started_again(root)
            starts += [0] * len(again)
            of += [workflow] * len(again)
            keys += [root.workflow_id or root.name] * len(again)
            ways += [1] * len(again)
        for name, execution in root.named():
            before = [] if with_start is None else [with_start[0], *started_again(root)]
            events += _events(recording, numbers[root], name, execution, fit, before)
    for root in recording.roots:
        if root.base is not None:
            numbers[root] = numbers[root.base]
            for name, execution in root.named():
                events += _events(recording, numbers[root], name, execution, fit, [])
    for key, workflow in bodies.receivers.items():
        starts.append(0)
        of.append(workflow)
        keys.append(key)
        ways.append(1)
    told = {"runs": len(starts), **told}
    if len(bodies.workflows) > 1:
        told["of"] = of[0] if len(set(of)) == 1 else of
    if (
        bodies.receivers
        or any(map(started_again, recording.started))
        or any(is_entity(root.first) for root in recording.started)
    ):
        told["keys"] = keys
    if len(set(ways)) > 1:
        told["inputs"] = [{WAY: each} for each in ways]
    delay = span(recording.started[0].first.history.first, "firstWorkflowTaskBackoff")
    if delay and not recording.started[0].first.history.first.get("initiator"):
        told["after"] = format_duration(delay)
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
    scheduled = execution.scheduled(activation)
    if not activation.news or not execution.caused(scheduled):
        return scheduled.at
    return (scheduled.at + activation.started.at) // 2


def _events(
    recording: Recording, number: int, name: str, execution: Observed, fit: Fit, with_start: Sequence[Event]
) -> Iterator[tuple[int, dict[str, Any]]]:
    offset = recording.offset(execution)

    def sent(at: int, what: dict[str, Any], number_of_event: int) -> tuple[int, dict[str, Any]]:
        this = (name, number_of_event)
        then = max(0, fit.then(name, offset + at) - LATE + fit.sent.get(this, 0) + fit.order.get(this, 0))
        fit.asked[name, number_of_event] = fit.rounded(then)
        return then, {**what, "to": number, "at": _time(fit, then)}

    reset = reset_of(execution)
    base = None if reset is None else recording.run(reset.base_run)
    if reset is not None:
        step = reset.step(base)
        if step is not None:
            yield sent(reset.at, {"operator": "reset", "step": step}, reset.failed.id)
    for event in execution.history.events:
        how = _SENT.get(event.kind)
        if how is None or event in with_start or _from_inside(recording, execution, event):
            continue
        if (base is not None and reset is not None and reset.copied(event)) or _by_reset(recording, execution, event):
            continue
        yield sent(event.at, {"send": event.a["signalName"]} if how == "send" else {"operator": how}, event.id)
    if not is_entity(execution):
        for activation, command in _accepted(execution):
            told_before = base is not None and reset is not None and reset.copied(command.asked)
            if command.asked not in with_start and not told_before:
                scheduled = execution.scheduled(activation)
                told_by = command.asked if execution.caused(scheduled) else scheduled
                yield sent(_asked(execution, activation), {"update": command.name}, told_by.id)
        for activation in execution.refusing:
            scheduled = execution.scheduled(activation)
            if base is not None and reset is not None and reset.copied(scheduled):
                continue
            yield sent(scheduled.at, {"update": REJECTED, "with": {"refused": True}}, scheduled.id)


def _by_reset(recording: Recording, execution: Observed, event: Event) -> bool:
    """Whether the run was terminated because it was reset to another that is among the recordings."""
    runs = recording.executions.values()
    to = (reset for each in runs if (reset := reset_of(each)) is not None and reset.base_run == run_id_of(execution))
    return event.kind == "WorkflowExecutionTerminated" and any(to)


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
