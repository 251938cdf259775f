"""Which workers died: inferred from tasks that nobody took, and from tasks and attempts that nobody reported.

A worker keeps the runs that it has worked on in a queue of its own. A task that waits there until it times out says
that the worker was gone; an attempt that was under way at that time and timed out, too, says when it went.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, Final

from durascope.importing.temporal.activities import REPORT, attempts_of, backoff
from durascope.importing.temporal.fitting import Fit
from durascope.importing.temporal.lines import word
from durascope.importing.temporal.observing import Command, Observed, What, failure_of, span, sticky
from durascope.importing.temporal.reading import Event
from durascope.importing.temporal.readings import Reading, lost_alone
from durascope.importing.temporal.recording import Recording
from durascope.importing.writing import Noted
from durascope.models.durations import FOREVER, format_duration

STICKY: Final = 10_000_000
"""How long a task waits in a worker's own queue, by default, in microseconds."""
UNHEARD: Final = 10_000_000
"""How long a worker has not asked for work when its own queue is not even tried (engine notes, W4)."""
AT_ONCE: Final = 100_000
"""What begins within this many µs of being due did not wait for a worker."""
LONG: Final = 1_000_000
"""A task that waits longer than this many µs waits for a worker."""
STOPPED: Final = "Worker is shutting down"
"""How the failure of an attempt begins whose worker was stopped."""
TASK: Final = 6_000
"""Microseconds that a workflow task takes at least (engine notes, section 15)."""
RESTART: Final = 2_000_000
"""How long a worker is taken to be down if nothing says so."""


@dataclass(slots=True)
class Deaths:
    """The faults that were inferred."""

    found: list[Death] = field(default_factory=list["Death"])
    lost: set[Command] = field(default_factory=set[Command])
    """Activities whose first attempt was under way when its worker died."""
    workflows_only: bool = False
    """Whether an activity outlived the worker that ran the workflow: they were different processes."""
    by_step: frozenset[str] = frozenset()
    """Steps that say when a worker died, rather than a time: a crash while they run is the same on every engine."""
    sticky_timeout: int = 0
    """In microseconds, where it is not the default."""

    def faults(self, apart: Sequence[tuple[int, int]] = ()) -> list[Any]:
        """As the scenario has them; not those that may be a deploy of these times, which stops workers, too."""
        return [
            each.fault(who, by_step=each.step in self.by_step and who == "app")
            for each in self.found
            for who in self._who(each)
            if not any(after <= each.before and each.after <= before for after, before in apart)
        ]

    def _who(self, death: Death) -> Sequence[str]:
        if not self.workflows_only:
            return ("app",)
        return ("workflow-worker", "activity-worker") if death.attempt else ("workflow-worker",)

    def sentences(self) -> list[str]:
        """What was inferred, for the story."""
        return [each.sentence() for each in self.found]

    def replaced(self, workflows: AbstractSet[str], activities: AbstractSet[str]) -> bool:
        """Whether the difference between two sets of identities may be that of a worker before and after its death."""
        return bool(self.found) and len(workflows) + len(activities) <= 2


@dataclass(frozen=True, slots=True)
class Death:
    """A worker's death: between which moments it was, and when a worker worked again; microseconds."""

    after: int
    before: int
    why: str
    back: int | None = None
    """When work that had waited for a worker began; None: it had not to wait."""
    latest: int | None = None
    """By when a worker surely worked again, where that is known otherwise."""
    graceful: bool = False
    attempt: bool = False
    """Whether an attempt was lost with it: who did that died, too."""
    step: str = ""
    """The step whose attempt was lost."""
    told: tuple[int, int] = (0, 0)
    """`after` and `before` by the recording's clock, since the first run began."""

    def by(self, clock: Callable[[int], int]) -> Death:
        """By another clock."""

        def then(us: int | None) -> int | None:
            return us if us is None or us >= FOREVER else clock(us)

        after, before = clock(self.after), clock(self.before)
        return replace(self, after=after, before=before, back=then(self.back), latest=then(self.latest))

    def fault(self, who: str, *, by_step: bool) -> Noted:
        """As a scenario has it; `by_step`: when the step was at work, and not at a time."""
        at = (self.after + self.before) // 2
        how = {"graceful": True} if self.graceful else {}
        when: dict[str, Any] = {"at": format_duration(_ms(at))}
        if by_step:
            after = max(1_000, _ms((self.told[1] - self.told[0]) // 2))
            moment = {"step": self.step, "attempt": 1, "moment": "started", "after": format_duration(after)}
            when = {"when": moment}
        crash = {"crash": who, **when, "down_for": format_duration(_ms(self.down(at))), **how}
        return Noted(crash, f"Inferred, the history does not say when: {self.sentence()}")

    def sentence(self) -> str:
        """What is known of it."""
        between = " and ".join(format_duration(_ms(each)) for each in self.told)
        return f"A worker {'was stopped' if self.graceful else 'died'} between {between}: {self.why}."

    def down(self, at: int) -> int:
        if self.back is not None:
            return self.back if self.back >= FOREVER else max(self.back - at - 5_000, 1_000)
        latest = at + RESTART if self.latest is None else self.latest
        return max(min(RESTART, latest - at - 20_000), 1_000)


def deaths(recording: Recording, fit: Fit, reading: Reading) -> Deaths:
    """The deaths that the histories tell of, in their order."""
    told = Deaths()
    found: list[Death] = []
    for name, execution in recording.executions.items():
        offset = recording.offset(execution)

        def clock(us: int, name: str = name, offset: int = offset) -> int:
            return fit.then(name, us + offset)

        found_here = list(_of(execution, told))
        if reading.died:
            found_here += _alone(execution, told)
        for each in found_here:
            if reading.one_slot and not each.attempt:
                continue
            told_at = (each.after + offset, each.before + offset)
            found.append(replace(each.by(clock), told=told_at))
    if reading.by_step:
        told.by_step = frozenset(name for name, command in _first(recording).items() if command in told.lost)
    told.workflows_only = told.workflows_only and not reading.one_slot
    told.found = _merged(sorted(found, key=lambda each: each.before))
    return told


def _first(recording: Recording) -> dict[str, Command]:
    """Of each step the first time that it was asked for, in any run."""
    every = [
        (recording.offset(each) + command.asked.at, command)
        for each in recording.executions.values()
        for command in each.commands
    ]
    found: dict[str, Command] = {}
    for _, command in sorted(every, key=lambda pair: pair[0]):
        found.setdefault(command.name, command)
    return found


def _of(execution: Observed, told: Deaths) -> Iterator[Death]:
    yield from _stops(execution, told)
    yield from _waits(execution, told)
    yield from _replaced(execution, told)
    for event in execution.history.events:
        if event.kind != "WorkflowTaskTimedOut":
            continue
        scheduled = execution.history.at(int(event.a["scheduledEventId"]))
        if word(event.a.get("timeoutType"), "TIMEOUT_TYPE_") == "schedule-to-start":
            waited = event.at - scheduled.at
            if sticky(scheduled) and abs(waited - STICKY) > STICKY // 20:
                told.sticky_timeout = round(waited / 10_000) * 10_000
            yield _left_its_queue(execution, scheduled, event, told)
        elif event.a.get("startedEventId"):
            yield _left_its_task(execution, scheduled, event)


def _stops(execution: Observed, told: Deaths) -> Iterator[Death]:
    """Attempts that say themselves that their worker was shut down."""
    for command in execution.commands:
        started, ended = command.started, command.ended
        if command.what is not What.ACTIVITY or started is None or ended is None or attempts_of(command) != 2:
            continue
        if not failure_of(started.a)[1].startswith(STOPPED):
            continue
        told.lost.add(command)
        own = max(1_000, ended.at - started.at - REPORT)
        failed = started.at - backoff(command.asked.a.get("retryPolicy"), 1)
        why = f"an attempt of {command.name} says that its worker was shutting down"
        yield Death(
            command.asked.at, min(command.asked.at + own, failed), why, latest=started.at, graceful=True, attempt=True,
            step=command.name,
        )  # fmt: skip


def _waits(execution: Observed, told: Deaths) -> Iterator[Death]:
    """A task that nobody took for long, from the queue that all workers share, or until the run was closed."""
    events = execution.history.events
    begun = {int(each.a["scheduledEventId"]): each for each in events if each.kind == "WorkflowTaskStarted"}
    timed_out = {int(each.a["scheduledEventId"]) for each in events if each.kind == "WorkflowTaskTimedOut"}
    for event in events:
        if event.kind != "WorkflowTaskScheduled" or event.id in timed_out:
            continue
        started = begun.get(event.id)
        until = started or (execution.history.last if execution.closed else None)
        before = execution.history.at(event.id - 1)
        meanwhile = started is not None and started.id > event.id + 1
        least = AT_ONCE if started is None or meanwhile else LONG
        if until is None or until.at - event.at < least or before.kind == "WorkflowTaskTimedOut":
            continue
        if started is not None and (sticky(event) or span(execution.history.first, "firstWorkflowTaskBackoff")):
            continue
        if _outlived(execution, event):
            told.workflows_only = True
        why = f"nobody took workflow task {event.id} for {format_duration(_ms(until.at - event.at))}"
        yield Death(_last_sign(execution, event), event.at, why, FOREVER if started is None else started.at)


def _replaced(execution: Observed, told: Deaths) -> Iterator[Death]:
    """Tasks that another worker took at once although one had the run in its cache: that one was gone.

    It had been gone for so long that its own queue was not tried, or had said that it was going.
    """
    if not execution.cached:
        return
    owner: str | None = None
    for event in execution.history.events:
        if event.kind == "WorkflowTaskCompleted":
            owner = event.a.get("identity")
        elif event.kind in ("WorkflowTaskFailed", "WorkflowTaskTimedOut"):
            owner = None
        elif event.kind == "WorkflowTaskStarted" and owner is not None:
            scheduled = execution.history.at(int(event.a["scheduledEventId"]))
            if sticky(scheduled) and event.a.get("identity", owner) == owner:
                continue
            if any(each.a.get("identity") == owner for each in execution.history.events[event.id :]) and sticky(
                scheduled
            ):
                continue  # alive: the server had forgotten whose run it was
            last_sign = _last_sign(execution, scheduled)
            graceful = scheduled.at - last_sign < UNHEARD
            before = scheduled.at if graceful else scheduled.at - UNHEARD
            why = f"another worker took workflow task {scheduled.id}"
            lost = None if graceful else _lost(execution, scheduled)
            if lost is None:
                yield Death(last_sign, before, why, latest=scheduled.at, graceful=graceful)
            else:
                yield _left_its_attempt(lost, before, f"and {why}", None, None, told)


def _alone(execution: Observed, told: Deaths) -> Iterator[Death]:
    """Attempts that were lost, where nothing else says that a worker died."""
    for command in execution.commands:
        if command not in told.lost and lost_alone(command):
            limit = span(command.asked.a, "heartbeatTimeout") or span(command.asked.a, "startToCloseTimeout")
            why = f"although it takes less than {format_duration(limit)}"
            yield _left_its_attempt(command, command.asked.at + limit, why, None, None, told)


def _left_its_queue(execution: Observed, scheduled: Event, timed_out: Event, told: Deaths) -> Death:
    why = f"nobody took workflow task {scheduled.id} from the worker's own queue in time"
    again = _next(execution, timed_out.id, "WorkflowTaskScheduled")
    taken = _next(execution, timed_out.id, "WorkflowTaskStarted")
    waited = again is not None and taken is not None and taken.at - again.at > AT_ONCE
    back = taken.at if waited and taken is not None else None
    latest = None if taken is None else taken.at
    lost = _lost(execution, scheduled)
    if lost is not None:
        return _left_its_attempt(lost, scheduled.at, f"and {why}", back, latest, told)
    if _outlived(execution, scheduled):
        told.workflows_only = True
    return Death(_last_sign(execution, scheduled), scheduled.at, why, back, latest)


def _left_its_attempt(
    lost: Command, before: int, why: str, back: int | None, latest: int | None, told: Deaths
) -> Death:
    """An attempt that nobody reported: its worker died while it was under way, and before that moment."""
    started, begun = lost.started, lost.asked.at
    assert started is not None
    a = lost.asked.a
    limit = span(a, "heartbeatTimeout") or span(a, "startToCloseTimeout") or STICKY
    due = begun + limit + backoff(a.get("retryPolicy"), 1)
    if back is None and started.at - due > AT_ONCE:
        back = started.at
    own = limit
    if attempts_of(lost) == 2 and lost.ended is not None:
        told.lost.add(lost)
        own = min(limit, max(1_000, lost.ended.at - started.at - REPORT))
    why = f"an attempt of {lost.name} was never reported, {why}"
    latest = started.at if latest is None else min(started.at, latest)
    return Death(begun, min(begun + own, before), why, back, latest, attempt=True, step=lost.name)


def _left_its_task(execution: Observed, scheduled: Event, timed_out: Event) -> Death:
    started = execution.history.at(int(timed_out.a["startedEventId"]))
    taken = _next(execution, timed_out.id, "WorkflowTaskStarted")
    back = taken.at if taken is not None and taken.at - timed_out.at > AT_ONCE else None
    why = f"workflow task {scheduled.id} was taken and never completed"
    who = started.a.get("identity")
    signs = (each.at for each in execution.history.events if each.a.get("identity") == who and each.at < timed_out.at)
    last = max(signs, default=started.at)
    return Death(last, last + (TASK if last > started.at else 2_000), why, back, None if taken is None else taken.at)


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


def _outlived(execution: Observed, scheduled: Event) -> bool:
    """Whether the task follows an activity that was reported although nobody took the task."""
    before = execution.history.at(scheduled.id - 1)
    return before.kind in ("ActivityTaskCompleted", "ActivityTaskFailed")


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


def _merged(told: Sequence[Death]) -> list[Death]:
    """What may be one and the same death is."""
    merged: list[Death] = []
    for death in told:
        last = merged[-1] if merged else None
        if last is not None and death.after <= last.before and last.after <= death.before:
            backs = [back for back in (last.back, death.back) if back is not None]
            merged[-1] = replace(
                last,
                after=max(last.after, death.after),
                before=min(last.before, death.before),
                back=max(backs, default=None),
            )
        else:
            merged.append(death)
    return merged


def _ms(us: int) -> int:
    return us if us >= FOREVER else us // 1000 * 1000
