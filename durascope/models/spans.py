"""A trace read as spans: what each lane did for each run, from when to when.

    spans(trace) -> list[Span]      in order of their start

Every view of a trace is made of these (and of its `models.effects`); they know no engine. A span ends by its own event
(a report, a pick-up, a timer that fires). One that has none ends where the first of these happens: its lane dies, the
work that it belongs to ends, its run ends, the trace ends; `ended` tells which. Where only the scenario can tell a
sleep from a wait with a timeout, it can be handed in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from durascope.models.scenario import Scenario
from durascope.models.steps import ForEach, Parallel, Race, Run, WaitFor
from durascope.models.trace import Event, Kind, Trace

SpanKind = Literal["queued", "running", "replaying", "backing-off", "sleeping", "waiting", "down", "working"]
SPAN_KINDS: Final[tuple[SpanKind, ...]] = get_args(SpanKind)
"""queued: a task waits in a queue · running: a step's attempt runs in an app · replaying: workflow code passes what is
recorded · backing-off: a retry waits for its time · sleeping: a durable timer · waiting: for an event · down: a
component is dead or hung, a service away, a connection cut · working: an app runs workflow code."""

BACKOFF: Final = "back-off"
"""The name of the timer with which an engine puts off a whole run; a timer without a name does so too."""

Ending = Literal["done", "failed", "crashed", "dropped", "cancelled", "abandoned", "run-ended", "open"]
"""done: by its own event · failed: an attempt with an error; code (working) that fails by itself, not with a step ·
abandoned: the work around it ended first · open: the trace ends before it does."""


@dataclass(frozen=True, slots=True)
class Span:
    """Something that lasts; times are microseconds since the start of the simulation."""

    kind: SpanKind
    lane: str
    """Where: for a queued task the queue's owner, for a backoff or a timer whoever keeps it."""
    run: str | None
    workflow: str | None
    step: str | None
    attempt: int | None
    start: int
    end: int
    ended: Ending
    events: tuple[int, ...]
    """The numbers of the events it is made of, in order; the last one ends it (a crash too), unless time does."""
    detail: str = ""
    """The queue, the error, what kind of work, or why it is down (`crash`, `stop`, `deploy`, `hang`,
    `outage`, `cut …`)."""
    ready: int | None = None
    """queued: when the task may be taken, where it is put into the queue for later (a sleep, a backoff)."""

    @property
    def lasts(self) -> int:
        return self.end - self.start


def spans(trace: Trace, scenario: Scenario | None = None) -> list[Span]:
    """The trace's spans, in order of their start (and, among equals, of the event that begins them)."""
    reader = _Reader(trace, _Waits(scenario))
    for number, event in enumerate(trace.events):
        if event.kind not in NO_SPAN:
            reader.read(number, event)
    return sorted(reader.close(), key=lambda span: (span.start, span.events[0]))


def ripe(found: Iterable[Span]) -> list[Span]:
    """The same spans, but that a task waits in its queue only from when it may be taken.

    One that lies there until its time sleeps or backs off, which are spans of their own; taken by then, it has not
    waited at all.
    """
    kept: list[Span] = []
    for span in found:
        if span.ready is None or span.ready <= span.start:
            kept.append(span)
        elif span.ready < span.end:
            kept.append(replace(span, start=span.ready))
    return sorted(kept, key=lambda span: (span.start, span.events[0]))


# ---- reading -------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Open:
    """A span that has begun."""

    kind: SpanKind
    begun: Event
    events: list[int]
    detail: str = ""
    end: int | None = None
    ended: Ending = "open"
    inside: _Open | None = None
    due: int | None = None
    """When it ends by itself."""
    ready: int | None = None
    told: bool = False
    """working: one of its steps has failed, which says why the code does."""


class _Lists:
    """The open spans of one kind, by what tells them apart."""

    def __init__(self) -> None:
        self.open: dict[tuple[object, ...], list[_Open]] = defaultdict(list)

    def add(self, span: _Open, *key: object) -> None:
        self.open[key].append(span)

    def take(self, *key: object) -> _Open | None:
        waiting = self.open.get(key)
        return waiting.pop(0) if waiting else None

    def take_like(self, event: Event, *key: object) -> _Open | None:
        """The oldest that was begun for the event's step; the oldest of all where none was."""
        waiting = self.open.get(key)
        if not waiting:
            return None
        alike = (n for n, each in enumerate(waiting) if each.begun.step == event.step)
        return waiting.pop(next(alike, 0))

    def take_begun(self, number: int | None, *key: object) -> _Open | None:
        """The one that began with the event of that number; the oldest where none did."""
        waiting = self.open.get(key)
        if not waiting:
            return None
        same = (n for n, each in enumerate(waiting) if each.events[0] == number)
        return waiting.pop(next(same, 0))

    def last(self, *key: object) -> _Open | None:
        waiting = self.open.get(key)
        return waiting[-1] if waiting else None

    def note(self, number: int, *key: object) -> None:
        for span in self.open.get(key, ())[-1:]:
            span.events.append(number)


class _Waits:
    """What only the scenario tells: which steps wait for an event, so that their timers are timeouts and not sleeps."""

    def __init__(self, scenario: Scenario | None) -> None:
        workflows = {} if scenario is None else scenario.workflows
        self.waits = {
            name: [step.label for step in workflow.walk() if isinstance(step, WaitFor)]
            for name, workflow in workflows.items()
        }
        self.runs = frozenset(
            step.label for workflow in workflows.values() for step in workflow.walk() if isinstance(step, Run)
        )
        self.labels = frozenset(step.label for workflow in workflows.values() for step in workflow.walk())
        self.known = scenario is not None
        self.straight = frozenset(
            name for name, workflow in workflows.items()
            if not any(isinstance(step, Parallel | Race | ForEach) for step in workflow.walk())
        )  # fmt: skip
        """Workflows that do one thing after the other: what waits there has waited once another step begins."""

    def waited(self, event: Event) -> str | None:
        """The wait that a timer or a scheduled step belongs to; None: it is none of a wait."""
        theirs = self.waits.get(event.workflow or "", ())
        if event.step in theirs:
            return event.step
        unknown = self.known and event.step is not None and event.step not in self.labels
        return theirs[0] if len(theirs) == 1 and unknown and event.kind is Kind.TIMER_SET else None


NO_SPAN: Final = frozenset({
    Kind.MESSAGE_SENT, Kind.MESSAGE_RECEIVED, Kind.MESSAGE_REFUSED, Kind.MESSAGE_LOST, Kind.RECORDED,
    Kind.EVENT_RECEIVED, Kind.RUN_STARTED,
})  # fmt: skip
"""Most events, and no part of any span."""

_DOWN: Final[dict[Kind, str]] = {
    Kind.CRASHED: "crash", Kind.HUNG: "hang", Kind.OUTAGE_STARTED: "outage", Kind.CUT: "cut",
}  # fmt: skip
_UP: Final[dict[Kind, str]] = {
    Kind.RESTARTED: "crash", Kind.RESUMED: "hang", Kind.OUTAGE_ENDED: "outage", Kind.HEALED: "cut",
}  # fmt: skip
_OVER: Final[dict[Kind, Ending]] = {
    Kind.STEP_REPORTED: "done", Kind.STEP_FAILED: "failed", Kind.STEP_DROPPED: "dropped",
}  # fmt: skip


class _Reader:
    """Goes through the events once and keeps what is open."""

    def __init__(self, trace: Trace, waits: _Waits) -> None:
        self.trace = trace
        self.waits = waits
        self.all: list[_Open] = []
        self.queued, self.running, self.working = _Lists(), _Lists(), _Lists()
        self.replaying, self.timers, self.down, self.asked = _Lists(), _Lists(), _Lists(), _Lists()
        self.backoffs = _Lists()
        self.run_ends: dict[str, int] = {}
        self.starts: dict[str | None, list[tuple[int, int]]] = defaultdict(list)
        """When the steps of each run began, with the events' numbers."""
        self.worked: dict[str | None, list[tuple[int, int]]] = defaultdict(list)

    def read(self, number: int, event: Event) -> None:
        kind, run, step, attempt, lane = event.kind, event.run, event.step, event.attempt, event.lane
        if kind is Kind.TIMER_SET:
            self._lies_until(event)
        match kind:
            case Kind.TASK_QUEUED:
                task = self._begin("queued", number, event, _word(event.detail))
                task.ready = self._put_off_until(event.cause, run)
                self.queued.add(task, run)
            case Kind.TASK_PICKED_UP:
                self._pick_up(number, event)
            case Kind.STEP_SCHEDULED:
                self._end(self.backoffs.take(run, step), number, event.at)
                if self.waits.waited(event):
                    self.asked.add(self._begin("waiting", number, event), run, step)
            case Kind.STEP_STARTED:
                self._end(self.backoffs.take(run, step), number, event.at)
                self.starts[run].append((number, event.at))
                begun = self._begin("running", number, event)
                begun.inside = self.working.last(lane, run)
                self.running.add(begun, lane, run, step, attempt)
            case Kind.STEP_BEFORE_EFFECT | Kind.STEP_AFTER_EFFECT:
                self.running.note(number, lane, run, step, attempt)
            case Kind.STEP_REPORTED | Kind.STEP_FAILED | Kind.STEP_DROPPED:
                over = self.running.take_begun(self._start_of(event), lane, run, step, attempt)
                if kind is Kind.STEP_FAILED and (around := self.working.last(lane, run)) is not None:
                    around.told = True
                self._end(over, number, event.at, _OVER[kind], "" if event.detail is None else _word(event.detail))
            case Kind.STEP_RECORDED:
                self._end(self.asked.take(run, step), number, event.at)
            case Kind.STEP_RETRIED:
                begun = self._begin("backing-off", number, event)
                begun.due = event.at + event.detail if isinstance(event.detail, int) else None
                self.backoffs.add(begun, run, step)
            case Kind.WORK_STARTED:
                self.worked[run].append((number, event.at))
                self._end(self.timers.take(run, None), number, event.at)
                self.working.add(self._begin("working", number, event, _word(event.detail)), lane, run)
            case Kind.WORK_ENDED:
                over = self.working.take_like(event, lane, run)
                broken = over is not None and not over.told and code_fails(event)
                self._end(over, number, event.at, "failed" if broken else "done", _word(event.detail))
            case Kind.REPLAY_STARTED:
                begun = self._begin("replaying", number, event)
                begun.inside = self.working.last(lane, run)
                self.replaying.add(begun, lane, run)
            case Kind.REPLAY_STEP:
                self.replaying.note(number, lane, run)
            case Kind.REPLAY_ENDED:
                self._end(self.replaying.take(lane, run), number, event.at)
            case Kind.TIMER_SET if step in (None, BACKOFF) or step in self.waits.runs:
                retried = step if step in self.waits.runs else None
                begun = self._begin("backing-off", number, event._replace(step=retried))
                begun.due = event.detail if isinstance(event.detail, int) else None
                (self.backoffs if retried else self.timers).add(begun, run, step)
            case Kind.TIMER_SET:
                wait = self.waits.waited(event)
                if wait is None or self.asked.last(run, wait) is None:
                    shown = event if wait is None else event._replace(step=wait)
                    self.timers.add(self._begin("sleeping" if wait is None else "waiting", number, shown), run, step)
            case Kind.TIMER_FIRED | Kind.TIMER_CANCELLED:
                ended: Ending = "done" if kind is Kind.TIMER_FIRED else "cancelled"
                self._end(self._named(self.timers, event) or self._named(self.asked, event), number, event.at, ended)
                self._end(self.asked.take(run, step), number, event.at)
            case Kind.CRASHED | Kind.HUNG | Kind.OUTAGE_STARTED | Kind.CUT:
                if kind is Kind.CRASHED:
                    self._die(number, event)
                detail = how_it_ends(self.trace, number) if kind is Kind.CRASHED else _DOWN[kind]
                detail += f" {_word(event.detail)}" if kind is Kind.CUT else ""
                self.down.add(self._begin("down", number, event, detail), lane, _DOWN[kind])
            case Kind.RESTARTED | Kind.RESUMED | Kind.OUTAGE_ENDED | Kind.HEALED:
                self._end(self.down.take(lane, _UP[kind]), number, event.at)
            case Kind.RUN_ENDED if run is not None:
                self.run_ends[run] = event.at
            case _:
                pass

    def _start_of(self, event: Event) -> int | None:
        """The number of the event with which the attempt began that this event is of, found by its causes.

        A loop has many steps of one name, and the attempt of an earlier round may have been given up without a word.
        """
        number = event.cause
        while number is not None:
            before = self.trace.events[number]
            if (before.run, before.step) != (event.run, event.step):
                return None
            if before.kind is Kind.STEP_STARTED:
                return number
            number = before.cause
        return None

    def _put_off_until(self, cause: int | None, run: str | None) -> int | None:
        """When a timer or a retry's delay of the run ends that a task is queued for."""
        before = None if cause is None else self.trace.events[cause]
        if before is None or before.run != run or not isinstance(before.detail, int):
            return None
        if before.kind is Kind.TIMER_SET:
            return before.detail
        return before.at + before.detail if before.kind is Kind.STEP_RETRIED else None

    def _lies_until(self, timer: Event) -> None:
        """A timer that is itself a task in a queue: the task lies there until then."""
        task = self.queued.last(timer.run)
        if task is not None and timer.cause == task.events[0] and isinstance(timer.detail, int):
            task.ready = timer.detail

    def _die(self, number: int, event: Event) -> None:
        """Whatever runs in a component ends with it."""
        for lists in (self.running, self.replaying, self.working):
            for members in [members for key, members in lists.open.items() if key[0] == event.lane]:
                while members:
                    self._end(members.pop(0), number, event.at, "crashed")

    def _pick_up(self, number: int, event: Event) -> None:
        """The oldest task of the run in that queue (of that step, where the event names one), or just the oldest."""
        waiting = self.queued.open[event.run,]
        queue = _word(event.detail)
        best = min(
            waiting,
            key=lambda each: (each.detail != queue, event.step is not None and each.begun.step != event.step),
            default=None,
        )
        if best is not None:
            waiting.remove(best)
            self._end(best, number, event.at)

    def _named(self, lists: _Lists, event: Event) -> _Open | None:
        """What is open for the event's run and step; for an event without a step the run's last one."""
        found = lists.take(event.run, event.step)
        if found is None and event.step is None:
            mine = [members for key, members in lists.open.items() if key[0] == event.run and members]
            found = max(mine, key=lambda members: members[-1].events[0]).pop() if mine else None
        return found

    def _begin(self, kind: SpanKind, number: int, event: Event, detail: str = "") -> _Open:
        begun = _Open(kind, event, [number], detail)
        self.all.append(begun)
        return begun

    def _end(self, span: _Open | None, number: int, at: int, ended: Ending = "done", detail: str = "") -> None:
        if span is not None:
            span.events.append(number)
            span.end, span.ended = (at if span.due is None else min(at, span.due)), ended
            span.detail = " → ".join(filter(None, (span.detail, detail)))

    def close(self) -> Iterable[Span]:
        for each in self.all:
            end, ended = (each.end, each.ended) if each.end is not None else self._fate(each)
            begun = each.begun
            yield Span(
                each.kind, begun.lane, begun.run, begun.workflow, begun.step, begun.attempt,
                begun.at, max(end, begun.at), ended, tuple(each.events), each.detail, each.ready,
            )  # fmt: skip

    def _fate(self, span: _Open) -> tuple[int, Ending]:
        """How what has no end of its own ends."""
        begun = span.begun
        fates: list[tuple[int, Ending]] = [(self.trace.ended_at, "open")]
        if span.due is not None:
            fates.append((span.due, "done"))
        if begun.run is not None and begun.run in self.run_ends:
            fates.append((self.run_ends[begun.run], "run-ended"))
        if span.kind == "waiting" and begun.workflow in self.waits.straight:
            later = [at for number, at in self.starts[begun.run] if number > span.events[0]]
            fates.append((min(later, default=self.trace.ended_at), "done"))
        if span.kind == "queued":  # never picked up: once the code has run on, another task has taken its place
            later = [at for number, at in self.worked[begun.run] if number > span.events[0]]
            fates.append((min(later, default=self.trace.ended_at), "dropped" if later else "open"))
        if span.inside is not None and span.inside.end is not None:
            fates.append((span.inside.end, "abandoned"))
        rank: tuple[Ending, ...] = ("abandoned", "dropped", "done", "run-ended", "open")
        return min(fates, key=lambda fate: (max(fate[0], begun.at), rank.index(fate[1])))


def how_it_ends(trace: Trace, number: int) -> Literal["crash", "stop", "deploy"]:
    """Why the process dies at the event of that number: it is killed, it has taken its leave, or for new code."""
    died = trace.events[number]
    at = died.cause
    while at is not None and trace.events[at].at == died.at:
        if trace.events[at].kind is Kind.DEPLOYED:
            return "deploy"
        at = trace.events[at].cause
    return "stop" if died.cause is not None and _takes_its_leave(trace.events[died.cause], died) else "crash"


def _takes_its_leave(sent: Event, died: Event) -> bool:
    """Whether it is what the process itself has sent in its last moment, and not a mere acknowledgement."""
    says = isinstance(sent.detail, list | tuple) and any(sent.detail[1:])
    return sent.kind is Kind.MESSAGE_SENT and (sent.lane, sent.at) == (died.lane, died.at) and says


def code_fails(event: Event) -> bool:
    """Whether an execution of code has ended badly and not because of somebody else.

    What it answers with a status of 2xx is no failure, whatever the step in it is called.
    """
    how = str(event.detail)
    return not how.startswith("2") and any(word in how for word in ("error", "fail"))


def _word(detail: object) -> str:
    return " ".join(map(str, detail)) if isinstance(detail, list | tuple) else "" if detail is None else str(detail)
