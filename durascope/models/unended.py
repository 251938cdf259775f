"""Why runs have not ended when all is over: what each waits for, who holds it, since when, and what would free it.

    unended(trace, scenario) -> one `Unended` for each run that is running, paused or lost

It is read off the trace: the queue that a run stands in, the run that it has called, the steps that are begun and not
recorded, its code that fails again and again. Runs that wait for each other in a circle are deadlocked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from durascope.models.phrases import spell
from durascope.models.scenario import Scenario
from durascope.models.steps import Call, Race, Send, Sleep, Step, WaitFor
from durascope.models.trace import Event, Kind, RunSummary, Trace, Unconsumed, Unended

OPEN: Final = ("running", "paused", "lost")
"""The statuses of a run that has not ended."""
INBOX: Final = "inbox "
"""The queue of a key's runs, as a trace names it: `inbox k1`."""
KEPT_OPEN: Final = 10_000_000
"""A run that has been open for longer than this after its last step, in microseconds, needs a reason."""
MOST_TOLD: Final = 10
"""This many runs are explained in words; all of them in data."""
_WELL: Final = ("done", "suspended", "paused", "cancelled", "2")
"""How the detail of a WORK_ENDED begins that is no failure of the code."""


def unended(trace: Trace, scenario: Scenario) -> list[Unended]:
    """Why each run that has not ended has not, in the order of their starts."""
    known = [run for run in trace.runs if run.ended_at is None and (run.name in trace.status or not trace.status)]
    runs = [run for run in known if trace.status_of(run) in OPEN]
    if not runs or not trace.events:
        return []
    reasons = _Reasons(trace, scenario, runs)
    found = {run.name: reasons.of(run) for run in runs}
    return [_in_a_circle(why, found, reasons.waits_on) for why in found.values()]


def explained(trace: Trace, scenario: Scenario) -> Trace:
    """The trace with the reasons in it, and in its notes; what the engine itself says, with a way out, goes first."""
    found = {why.run: why for why in unended(trace, scenario)}
    told = {why.run: why for why in trace.unended if why.freed_by is not None or why.run not in found}
    whys = list((found | told).values())
    notes = [*sentences(whys, sent(scenario)), *_kept_open(trace, scenario), *_unconsumed(trace.unconsumed or ())]
    return replace(trace, unended=whys, notes=[*trace.notes, *notes]) if notes else trace


def sent(scenario: Scenario) -> set[str]:
    """The events that somebody sends."""
    steps = (step for workflow in scenario.workflows.values() for step in workflow.walk())
    outside = (event.send for event in scenario.workload.events if event.send is not None)
    return {*outside, *(step.send for step in steps if isinstance(step, Send))}


def _kept_open(trace: Trace, scenario: Scenario) -> Iterator[str]:
    """Runs that had nothing to do until the timeout of a wait was over that had lost its race."""
    losers = {
        (name, step.label)
        for name, workflow in scenario.workflows.items()
        for race in workflow.walk()
        if isinstance(race, Race)
        for block in race.blocks()
        for step in block
        if isinstance(step, WaitFor)
    }
    if not losers:
        return
    done: dict[str, int] = {}
    held: dict[str, Event] = {}
    won: dict[str, int] = {}
    for event in trace.events:
        if event.run is None:
            continue
        if event.kind is Kind.STEP_RECORDED and (event.workflow, event.step) in losers:
            if event.run not in won:
                won[event.run] = done[event.run] = event.at
            elif event.at - done[event.run] >= KEPT_OPEN:
                held[event.run] = event
        elif event.kind in (Kind.STEP_STARTED, Kind.STEP_REPORTED):
            done[event.run] = event.at
    for name, loser in held.items():
        before = max(event.at for event in trace.events if event.run == name and event.at < loser.at - KEPT_OPEN)
        yield (
            f"{name} had nothing to do from {spell(before)} to {spell(loser.at)}: the wait {loser.step}, which had "
            "lost its race, held it until its timeout."
        )


def _unconsumed(messages: Sequence[Unconsumed]) -> Iterator[str]:
    """One sentence for each event."""
    for event, times in Counter(message.event for message in messages).items():
        of_it = [message for message in messages if message.event == event]
        runs = ", ".join(dict.fromkeys(message.run for message in of_it if message.run is not None))
        first = f"{'the first ' if times > 1 else ''}at {spell(of_it[0].at)}"
        what = f"{times} message{'s' * (times != 1)} {event}{f' for {runs}' if runs else ''}"
        yield f"Unconsumed: {what}, {first}: accepted, and handled by no code."


def sentence(why: Unended, sent: Container[str] = ()) -> str:
    """The whole in one sentence; `sent`: the events that somebody sends."""
    held = f", which {why.held_by} holds" if why.held_by else ""
    circle = f"; a deadlock: {' → '.join([*why.deadlock, why.deadlock[0]])}" if why.deadlock else ""
    event = why.waits_for.removeprefix("event ")
    unsent = event != why.waits_for and event not in sent
    freed = f"; what would free it: {why.freed_by}" if why.freed_by else ""
    nobody = " (nothing in the scenario does)" if unsent else ""
    what = f"{why.waits_for}{held}{circle}{freed}{nobody}"
    return f"{why.run} is {why.status}: since {spell(why.since)} it waits for {what}."


def standstill(why: Unended) -> str:
    """How the run stands still, in a few words."""
    if why.deadlock:
        return f"deadlock: {' → '.join([*why.deadlock, why.deadlock[0]])}"
    if _does_not_fit(why):
        return "non-deterministic: the code does not fit its history"
    if why.status == "lost":
        return "lost: the engine has forgotten it"
    held = f", held by {why.held_by}" if why.held_by else ""
    status = "" if why.status == "running" else f"{why.status}: "
    return f"{status}waits for {why.waits_for.partition(': ')[0]}{held}"


def because(why: Unended) -> str:
    """The same as a clause about the run, for a title; empty where it only waits."""
    if why.deadlock:
        return f"{' and '.join(why.deadlock)} wait for each other"
    if _does_not_fit(why):
        return "the code does not fit the history"
    return {"lost": "the engine has forgotten it", "paused": f"{why.run} is paused"}.get(why.status, "")


def _does_not_fit(why: Unended) -> bool:
    return "the code asks for" in why.waits_for


def sentences(whys: Sequence[Unended], sent: Container[str] = ()) -> list[str]:
    """One for each run, up to `MOST_TOLD` of them."""
    more = len(whys) - MOST_TOLD
    told = [sentence(why, sent) for why in whys[:MOST_TOLD]]
    return [*told, f"… and {more} more runs have not ended."] if more > 0 else told


Reason = tuple[str, int, str | None, str | None]
"""What a run waits for, since when, who holds it, what would free it."""


@dataclass(slots=True)
class _OpenStep:
    """A step that is begun and not recorded."""

    since: int
    attempt: int = 1
    error: str | None = None
    lane: str | None = None
    """Where its attempt is running; None: it is not."""
    tried: bool = False
    """It has attempts: a timer of its name limits or delays one, and is not the step itself."""
    given_up: int = 0
    """The latest attempt that the engine has given up: its late report ends nothing."""


@dataclass(slots=True)
class _Seen:
    """What the trace tells of one run."""

    queue: tuple[str, int] | None = None
    """The queue that it stands in, and since when."""
    steps: dict[str, _OpenStep] = field(default_factory=dict[str, _OpenStep])
    failing: tuple[str, int, int] | None = None
    """What its code's latest executions have ended with, since when, and how many of them."""
    refused: int | None = None
    """When its latest request to an app was refused, if nothing has happened since."""
    recorded: set[str] = field(default_factory=set[str])
    last: int = 0

    def takes(self, event: Event) -> None:
        self.last = event.at
        match event.kind:
            case Kind.TASK_QUEUED:
                self.queue = (str(event.detail), event.at)
            case Kind.TASK_PICKED_UP:
                self.queue = None
            case Kind.WORK_ENDED:
                self.code_ended(str(event.detail), event.at)
            case Kind.MESSAGE_REFUSED:
                self.refused = event.at
            case Kind.WORK_STARTED:
                self.refused = None
            case _:
                if event.step is not None:
                    self.step_goes_on(event, event.step)

    def code_ended(self, how: str, at: int) -> None:
        if how.startswith(_WELL):
            self.failing = None
        elif self.failing is None or self.failing[0] != how:
            self.failing = (how, at, 1)
        else:
            self.failing = (how, self.failing[1], self.failing[2] + 1)

    def step_goes_on(self, event: Event, name: str) -> None:
        is_timer = event.kind in (Kind.TIMER_SET, Kind.TIMER_FIRED, Kind.TIMER_CANCELLED)
        if is_timer:
            name = name.removesuffix("-timeout")  # the timer beside a wait
        open_step = self.steps.get(name)
        if open_step is not None:
            if event.kind is Kind.STEP_RETRIED:
                open_step.given_up = event.attempt or open_step.attempt
            late = event.kind is Kind.STEP_DROPPED and event.attempt == open_step.given_up
            if late or (is_timer and open_step.tried):
                return
        if event.kind in (Kind.STEP_RECORDED, Kind.STEP_DROPPED, Kind.TIMER_FIRED, Kind.TIMER_CANCELLED):
            self.steps.pop(name, None)
            self.recorded.add(name)
        elif event.kind in (Kind.STEP_SCHEDULED, Kind.STEP_STARTED, Kind.STEP_FAILED, Kind.TIMER_SET):
            if event.kind is Kind.STEP_SCHEDULED and event.attempt in (None, 1):
                self.steps.pop(name, None)  # the step is used once more
            step = self.steps.setdefault(name, _OpenStep(event.at))
            step.attempt = event.attempt or step.attempt
            step.lane = event.lane if event.kind is Kind.STEP_STARTED else None
            step.tried = step.tried or event.kind in (Kind.STEP_STARTED, Kind.STEP_FAILED)
            if event.kind is Kind.STEP_FAILED:
                step.error = str(event.detail)


class _Reasons:
    """Finds the reason of each run, the most particular one first."""

    def __init__(self, trace: Trace, scenario: Scenario, runs: list[RunSummary]) -> None:
        self.trace = trace
        self.scenario = scenario
        self.runs = runs
        self.seen = {run.name: _Seen() for run in runs}
        self.waits_on: dict[str, str] = {}
        """The other run that a run waits for: the one that it has called, or that holds its key."""
        self.dead: set[str] = set()
        """The components that are down at the end."""
        for event in trace.events:
            if event.kind in (Kind.CRASHED, Kind.HUNG):
                self.dead.add(event.lane)
            elif event.kind in (Kind.RESTARTED, Kind.RESUMED):
                self.dead.discard(event.lane)
            if event.run in self.seen:
                self.seen[event.run].takes(event)
                if event.kind is Kind.EVENT_RECEIVED:
                    self._ends_a_wait(event.workflow or "", str(event.detail), self.seen[event.run])

    def _ends_a_wait(self, workflow: str, message: str, seen: _Seen) -> None:
        for step in self._steps_of(workflow):
            if isinstance(step, WaitFor) and step.wait_for == message and step.times == 1:
                seen.steps.pop(step.label, None)
                seen.recorded.add(step.label)

    def of(self, run: RunSummary) -> Unended:
        status, seen = self.trace.status_of(run), self.seen[run.name]
        found = next(self._candidates(run, status, seen), None)
        what, since, holder, freed = found or ("something that the trace does not show", seen.last, None, None)
        return Unended(run.name, status, what, since, holder, freed)

    def _candidates(self, run: RunSummary, status: str, seen: _Seen) -> Iterator[Reason]:
        """The most particular first."""
        if status == "lost":
            yield from self._lost()
        if seen.queue is not None and seen.queue[0].startswith(INBOX):
            yield self._key(run, seen.queue[0].removeprefix(INBOX), seen.queue[1])
        if status == "paused":
            yield self._paused(run, seen)
        if seen.failing is not None and seen.failing[2] > 1:
            yield self._code(run, *seen.failing)
        yield from self._called(run, seen)
        latest = sorted(seen.steps.items(), key=lambda each: (each[1].error is None, -each[1].since))
        for name, step in latest:
            yield self._step(run, name, step)
        if seen.queue is not None:
            queue, since = seen.queue
            yield (
                f"a worker that takes tasks from {queue}",
                since,
                None,
                "a worker that polls that queue and has a free slot",
            )
        if seen.refused is not None:
            yield "an app that answers", seen.refused, None, "an app that is up"
        waits = (step for step in self._steps(run) if isinstance(step, WaitFor) and step.label not in seen.recorded)
        for wait in waits:
            yield self._event(wait.wait_for, seen.last)

    def _lost(self) -> Iterator[Reason]:
        crash = next((event for event in reversed(self.trace.events) if event.kind is Kind.CRASHED), None)
        if crash is not None:
            freed = "starting it again; a store that outlives the engine's process would have kept it"
            yield f"an engine that remembers it: {crash.lane} kept it in memory and died", crash.at, None, freed

    def _key(self, run: RunSummary, key: str, since: int) -> Reason:
        def in_inbox(other: RunSummary) -> bool:
            queue = self.seen[other.name].queue
            return queue is not None and queue[0].startswith(INBOX)

        holders = [other for other in self.runs if other.key == key and not in_inbox(other)]
        holder = next((other for other in holders if other.workflow == run.workflow), next(iter(holders), None))
        if holder is None:
            return f"the key {key}", since, None, "the end of the run that holds the key"
        self.waits_on[run.name] = holder.name
        status = self.trace.status_of(holder)
        freed = f"resuming or killing {holder.name}" if status == "paused" else f"the end of {holder.name}"
        return f"the key {key}", since, f"{holder.name} ({status})", freed

    def _paused(self, run: RunSummary, seen: _Seen) -> Reason:
        failed = next(((name, step) for name, step in seen.steps.items() if step.error is not None), None)
        if failed is not None:
            name, step = failed
            why = f": attempt {step.attempt} of {name}, the last that the retry policy allows, failed with {step.error}"
        elif seen.refused is not None:
            why = ": the last retry that the policy allows found no app"
        elif seen.failing is not None:
            why = f": the last retry that the policy allows ended with {seen.failing[0]}"
        else:
            why = ""
        return f"an operator{why}", seen.last, None, f"resuming {run.name}; or a retry policy with `then: kill`"

    def _code(self, run: RunSummary, how: str, since: int, times: int) -> Reason:
        deploys = [event for event in self.trace.events if event.kind is Kind.DEPLOYED and event.at <= since]
        if "determinis" in how:
            blame = f", since the deploy at {spell(deploys[-1].at)}" if deploys else ""
            freed = "code that goes the way of its record (`patched`, a rollback), or a reset"
            return f"code that follows its record: {how}, {times} times{blame}", since, None, freed
        return f"code that does not fail: {how}, {times} times", since, None, "a deploy that mends the code"

    def _called(self, run: RunSummary, seen: _Seen) -> Iterator[Reason]:
        calls = {step.call for step in self._steps(run) if isinstance(step, Call)}
        for child in self.runs:
            if child.parent == run.name and child.workflow in calls:
                self.waits_on[run.name] = child.name
                yield f"{child.name}, which it has called", child.started_at, None, f"the end of {child.name}"

    def _step(self, run: RunSummary, name: str, step: _OpenStep) -> Reason:
        asked = next((each for each in self._steps(run) if each.label == name), None)
        match asked:
            case WaitFor(wait_for=event):
                return self._event(event, step.since)
            case Sleep():
                return f"the end of {name}", step.since, None, "time"
            case _ if step.lane in self.dead:
                return f"{name}, which ran on {step.lane} when that died", step.since, None, f"{step.lane} coming back"
            case _ if step.attempt > 1:
                last = f", the last error is {step.error}" if step.error else ""
                what = f"an attempt of {name} that works: it is at attempt {step.attempt}{last}"
                return what, step.since, None, "such an attempt, or a limit of attempts (`retry: {max_attempts: N}`)"
            case _ if step.lane is not None:
                return f"{name}, which has not returned", step.since, None, "its end, or a timeout of the step"
            case _:
                return f"a worker for {name}", step.since, None, "a worker that takes it"

    @staticmethod
    def _event(event: str, since: int) -> Reason:
        return f"event {event}", since, None, f"send {event}"

    def _steps(self, run: RunSummary) -> Iterator[Step]:
        return self._steps_of(run.workflow)

    def _steps_of(self, name: str) -> Iterator[Step]:
        """None of a run that undoes another one on Inngest: its function is in no scenario."""
        workflow = self.scenario.workflows.get(name)
        return iter(()) if workflow is None else workflow.walk()


def _in_a_circle(why: Unended, found: dict[str, Unended], waits_on: dict[str, str]) -> Unended:
    """The same with the circle of runs that it is a part of, if it is of one."""
    circle, other = [why.run], waits_on.get(why.run)
    while other is not None and other in found and other not in circle:
        circle.append(other)
        other = waits_on.get(other)
    if other != why.run:
        return why
    return why._replace(deadlock=tuple(circle), freed_by="cancelling or killing one of them")
