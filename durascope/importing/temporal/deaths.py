"""Which workers died: inferred from tasks that nobody took, and from tasks and attempts that nobody reported.

A worker keeps the runs that it has worked on in a queue of its own. A task that waits there until it times out says
that the worker was gone; an attempt that was under way at that time and timed out, too, says when it went.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, Final

from durascope.importing.temporal.activities import attempts_of, backoff
from durascope.importing.temporal.chains import Chain
from durascope.importing.temporal.lines import word
from durascope.importing.temporal.observing import Command, Observed, What, failure_of, span
from durascope.importing.temporal.reading import Event
from durascope.importing.writing import Noted
from durascope.models.durations import format_duration

STICKY: Final = 10_000_000
"""How long a task waits in a worker's own queue, by default, in microseconds."""
AT_ONCE: Final = 100_000
"""What begins within so many microseconds of being due did not have to wait for a worker."""
RESTART: Final = 2_000_000
"""How long a worker is taken to be away where nothing says it."""


@dataclass(slots=True)
class Deaths:
    """The faults that were inferred."""

    faults: list[Any] = field(default_factory=list[Any])
    sticky_timeout: int = 0
    """In microseconds, where it is not the default."""

    def replaced(self, workflows: AbstractSet[str], activities: AbstractSet[str]) -> bool:
        """Whether the difference between two sets of identities may be that of a worker before and after its death."""
        return bool(self.faults) and len(workflows) + len(activities) <= 2


@dataclass(frozen=True, slots=True)
class Death:
    """A worker's death: between which moments it was, and when a worker worked again; microseconds."""

    after: int
    before: int
    back: int | None
    """When work that had waited for a worker began; None: it had not to wait."""
    gone_by: int
    """By when it was surely away."""
    why: str

    def shifted(self, us: int) -> Death:
        back = None if self.back is None else self.back + us
        return replace(self, after=self.after + us, before=self.before + us, back=back, gone_by=self.gone_by + us)


def deaths(roots: Sequence[Chain], began: int) -> Deaths:
    """The deaths that the histories tell of, in their order."""
    told = Deaths()
    found = [
        each.shifted(execution.history.begun - began)
        for root in roots
        for chain in root.all()
        for execution in chain.executions
        for each in _of(execution, told)
    ]
    told.faults = [_fault(each) for each in _merged(sorted(found, key=lambda each: each.before))]
    return told


def _fault(death: Death) -> Noted:
    at = (death.after + death.before) // 2
    down = RESTART if death.back is None else max(death.back - at - 5_000, 1_000)
    between = f"{format_duration(_ms(death.after))} and {format_duration(_ms(death.before))}"
    return Noted(
        {"crash": "app", "at": format_duration(_ms(at)), "down_for": format_duration(_ms(down))},
        f"Inferred: {death.why}. A worker died between {between}; the history does not say when.",
    )


def _of(execution: Observed, told: Deaths) -> Iterator[Death]:
    events = execution.history.events
    for event in events:
        if event.kind != "WorkflowTaskTimedOut":
            continue
        scheduled = execution.history.at(int(event.a["scheduledEventId"]))
        if word(event.a.get("timeoutType"), "TIMEOUT_TYPE_") == "schedule-to-start":
            waited = event.at - scheduled.at
            if abs(waited - STICKY) > STICKY // 20:
                told.sticky_timeout = round(waited / 10_000) * 10_000
            yield _left_its_queue(execution, scheduled, event)
        elif event.a.get("startedEventId"):
            yield _left_its_task(execution, scheduled, event)


def _left_its_queue(execution: Observed, scheduled: Event, timed_out: Event) -> Death:
    why = f"nobody took workflow task {scheduled.id} from the worker's own queue in time"
    again = _next(execution, timed_out.id, "WorkflowTaskScheduled")
    taken = _next(execution, timed_out.id, "WorkflowTaskStarted")
    waited = again is not None and taken is not None and taken.at - again.at > AT_ONCE
    back = taken.at if waited and taken is not None else None
    lost = _lost(execution, scheduled)
    if lost is not None:
        started, begun = lost.started, lost.asked.at
        assert started is not None
        a = lost.asked.a
        limit = span(a, "heartbeatTimeout") or span(a, "startToCloseTimeout") or STICKY
        due = begun + limit + backoff(a.get("retryPolicy"), 1)
        if back is None and started.at - due > AT_ONCE:
            back = started.at
        why = f"an attempt of {lost.name} was never reported, and {why}"
        return Death(begun, min(begun + limit, scheduled.at), back, scheduled.at, why)
    return Death(_last_sign(execution, scheduled), scheduled.at, back, scheduled.at, why)


def _left_its_task(execution: Observed, scheduled: Event, timed_out: Event) -> Death:
    started = execution.history.at(int(timed_out.a["startedEventId"]))
    taken = _next(execution, timed_out.id, "WorkflowTaskStarted")
    back = taken.at if taken is not None and taken.at - timed_out.at > AT_ONCE else None
    why = f"workflow task {scheduled.id} was taken and never completed"
    return Death(started.at, started.at + 2_000, back, started.at, why)


def _next(execution: Observed, after: int, kind: str) -> Event | None:
    return next((each for each in execution.history.events[after:] if each.kind == kind), None)


def _lost(execution: Observed, scheduled: Event) -> Command | None:
    """An activity that was under way before a task, and whose attempt before the last one timed out."""
    completed = execution.history.events[: scheduled.id - 1]
    last_task = next((each.at for each in reversed(completed) if each.kind == "WorkflowTaskCompleted"), 0)
    for command in reversed(execution.commands):
        started = command.started
        if command.what is not What.ACTIVITY or started is None or attempts_of(command) < 2:
            continue
        if last_task <= command.asked.at < scheduled.at and failure_of(started.a)[0] == "timeout":
            return command
    return None


def _last_sign(execution: Observed, before: Event) -> int:
    """When a worker last did something before a task was scheduled, other than what the task follows."""
    workers = {
        each.a.get("identity")
        for each in execution.history.events[: before.id - 1]
        if each.kind == "WorkflowTaskCompleted"
    }
    signs = [
        each.at
        for each in execution.history.events[: before.id - 1]
        if each.at < before.at
        and each.a.get("identity") in workers
        and each.kind.startswith(("WorkflowTask", "ActivityTask"))
    ]
    return max(signs, default=0)


def _merged(found: Sequence[Death]) -> list[Death]:
    """What may be one and the same death is."""
    merged: list[Death] = []
    for each in found:
        last = merged[-1] if merged else None
        if last is not None and each.after <= last.before and last.after <= each.before:
            backs = [back for back in (last.back, each.back) if back is not None]
            merged[-1] = replace(
                last,
                after=max(last.after, each.after),
                before=min(last.before, each.before),
                back=max(backs, default=None),
            )
        else:
            merged.append(each)
    return merged


def _ms(us: int) -> int:
    return us // 1000 * 1000
