"""A trace: what happened in one simulation, in a form that every view, metric and export can be made of.

A trace is a list of `Event`s, numbered from 0, each with the number of the event that caused it. Beside it stand
each run's *record* (the engine's own log, in the line grammar of the conformance cases), the services' ledger, how
each run ended, and what else the engine's cases compare (`facts`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple


class Kind(StrEnum):
    """The closed list of what can happen; the same for all engines."""

    RUN_STARTED = "run-started"
    """A run exists: the engine has accepted it durably."""
    RUN_ENDED = "run-ended"
    """A run is over; detail: its status."""

    TASK_QUEUED = "task-queued"
    """A task waits in a queue; detail: the queue. The lane is the queue's owner."""
    TASK_PICKED_UP = "task-picked-up"
    """A task has left its queue; detail: the queue. The lane is who took it."""

    STEP_SCHEDULED = "scheduled"
    """The engine has recorded that the step's attempt is to run."""
    STEP_STARTED = "started"
    """The app has begun the attempt."""
    STEP_BEFORE_EFFECT = "before-effect"
    """The outside is about to change."""
    STEP_AFTER_EFFECT = "after-effect"
    """The outside has changed and nobody has reported it yet. One entry in a ledger."""
    STEP_REPORTED = "reported"
    """The step's code has returned; its result is on the way."""
    STEP_RECORDED = "recorded"
    """The engine has the result durably."""
    STEP_FAILED = "failed"
    """The attempt has failed; detail: the error."""
    STEP_RETRIED = "retried"
    """Another attempt is to follow; detail: the backoff in microseconds, or the timeout that noticed the failure."""
    STEP_DROPPED = "dropped"
    """The attempt's result is refused or discarded; detail: why."""

    REPLAY_STARTED = "replay-started"
    """The workflow's code begins again from the top against the record."""
    REPLAY_STEP = "replay-step"
    """The replay passes a step whose command or result is already recorded."""
    REPLAY_ENDED = "replay-ended"
    """The code has caught up with the record."""

    WORK_STARTED = "work-started"
    """An app begins to run workflow code (a workflow task, a request, an attempt); detail: what."""
    WORK_ENDED = "work-ended"
    """It has stopped running workflow code; detail: how it ended."""

    MESSAGE_SENT = "message-sent"
    """detail: (receiver, what)."""
    MESSAGE_RECEIVED = "message-received"
    MESSAGE_REFUSED = "message-refused"
    """Nobody listens there."""
    MESSAGE_LOST = "message-lost"
    """The sender will not learn what became of it (a cut, or the receiver died with it)."""

    TIMER_SET = "timer-set"
    """detail: when it is due, in microseconds."""
    TIMER_FIRED = "timer-fired"
    TIMER_CANCELLED = "timer-cancelled"

    EVENT_RECEIVED = "event-received"
    """The engine has accepted a signal, event, update, query or operator's command from outside; detail: its name."""

    CRASHED = "crashed"
    """A component has died; everything volatile in it is gone."""
    RESTARTED = "restarted"
    HUNG = "hung"
    RESUMED = "resumed"
    OUTAGE_STARTED = "outage-started"
    OUTAGE_ENDED = "outage-ended"
    CUT = "cut"
    HEALED = "healed"
    DEPLOYED = "deployed"
    """New code runs from here on; detail: the change."""

    RECORDED = "record-appended"
    """The engine's own record of the run has one line more; detail: the line."""


NETWORK: Final = "network"
"""The lane of what happens to connections: no component's."""


class Event(NamedTuple):
    """One thing that happened."""

    at: int
    """Microseconds since the start of the simulation."""
    lane: str
    """The component or service it happened in."""
    kind: Kind
    workflow: str | None
    run: str | None
    step: str | None
    attempt: int | None
    """From 1."""
    cause: int | None
    """The number of the event that led to this one; None: it came from outside."""
    detail: object


@dataclass(frozen=True, slots=True)
class Effect:
    """One entry of a service's ledger: the outside has changed."""

    at: int
    service: str
    run: str
    step: str
    attempt: int
    """The execution of the step's body that had it, from 1, counted outside the engine."""
    key: str | None = None
    """The idempotency key that came with the call."""
    deduplicated: bool = False
    """The service knew the key: the call had no second effect."""
    price: float = 0.0
    """USD."""
    again: bool = False
    """It had happened before: a duplicate. Which effects are the same is in the scenario language, "steps"."""


STATUSES: Final = (
    "completed", "failed", "cancelled", "terminated", "timed-out", "continued-as-new",
    "killed", "removed", "running", "paused", "lost", "none", "refused", "attached",
)  # fmt: skip
"""How a run can end, in the engines' words; `running`: it has not."""


class StopReason(StrEnum):
    """Why a simulation was stopped although runs were open."""

    HORIZON = "horizon"
    """It has reached the longest time that is simulated, and something is set for later."""
    RUNS = "runs"
    """Runs begin runs without end."""
    DEPTH = "depth"
    """Runs begin runs, nested too deep."""
    RETRIES = "retries"
    """Every open run only repeats an attempt that fails."""
    NO_PROGRESS = "no-progress"
    """Somebody retries in vain, and nothing is set for later."""
    IN_VAIN = "in-vain"
    """Something is set for later, but what happens before it has been in vain for too long."""
    CLOCK = "clock"
    """What happens is in vain, and takes no time at all."""
    CALLBACKS = "callbacks"
    """The simulation has become too long."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """A simulation that was stopped before everything had ended."""

    reason: StopReason
    at: int
    """Microseconds."""
    explanation: str
    """A sentence."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What metrics need of one run."""

    name: str
    workflow: str
    started_at: int
    ended_at: int | None
    status: str
    key: str | None = None
    parent: str | None = None
    """The run that has called or started it; None: it was started from outside."""
    stopped: StopReason | None = None
    """The run was open when the simulation was stopped: how it would end is not known."""


class Unended(NamedTuple):
    """Why a run has not ended when the simulation is over: facts, of which `sentence` makes one sentence."""

    run: str
    status: str
    """running · paused · lost"""
    waits_for: str
    """What would have to come: `event go`, `the key k1`, `attempt 4 of charge`, …"""
    since: int
    """Microseconds since the start of the simulation."""
    held_by: str | None = None
    """Who has what it waits for: `run 2, which is paused`."""
    freed_by: str | None = None
    """What would let it go on: `resume run 2`, `send go`."""
    deadlock: tuple[str, ...] = ()
    """The runs that wait for each other in a circle, this one first; empty: there is none."""


class Unconsumed(NamedTuple):
    """A message that the engine has accepted and no code of the run has handled."""

    at: int
    run: str | None
    event: str


@dataclass(frozen=True, slots=True)
class Trace:
    """What one engine's simulation of a scenario gave."""

    scenario: str
    engine: str
    seed: int
    version: str
    events: Sequence[Event]
    """Empty where only metrics were asked for; the first ones only where there are too many to keep."""
    event_count: int
    """How many there were, kept or not."""
    ended_at: int
    runs: Sequence[RunSummary]
    records: Mapping[str, Sequence[str]]
    ledger: Sequence[Effect]
    """Empty where only metrics were asked for; the counts below are always there."""
    effects: Mapping[str, int]
    """Side effects by step, over all runs; a step that began and had none counts 0."""
    effect_counts: Mapping[str, Mapping[int, int]]
    """By step: how many runs had how many of its effects; runs that had none are not in it."""
    status: Mapping[str, str]
    counters: Mapping[str, float] = field(default_factory=dict[str, float])
    """What the engine counted: tasks, requests, bytes, commits, billable units, …"""
    facts: Mapping[str, object] = field(default_factory=dict[str, object])
    """What else the engine's conformance cases compare (attempts, replayed, lasts, …), in their form."""
    notes: Sequence[str] = ()
    """What the engine lacks for this scenario, and what a user would do instead; what else a reader has to know."""
    stopped: Stopped | None = None
    """None: the simulation went on until nothing was left to happen."""
    struck: Sequence[int] = ()
    """The scenario's faults that have struck while a run was open or to come: their places in it, from 0, in order."""
    unended: Sequence[Unended] = ()
    """Why each run that has not ended has not."""
    unconsumed: Sequence[Unconsumed] | None = None
    """Messages that were accepted and that no code has handled; None: the engine's model does not tell."""
    recorded_as: Mapping[str, str] = field(default_factory=dict[str, str])
    """By run: its name in `records` and `status`, where starts were refused and those that began are numbered anew."""
    no_runs: Mapping[str, str] = field(default_factory=dict[str, str])
    """Starts that became no run of their own and are not in `status`: `refused`, or `attached` to another run."""

    def status_of(self, run: RunSummary) -> str:
        """How the engine shows that run at the end."""
        return self.status.get(self.recorded_as.get(run.name, run.name), run.status)

    @property
    def started(self) -> list[RunSummary]:
        """The runs that were started from outside: not what other runs have called or started."""
        return [run for run in self.runs if run.parent is None]

    def of_kind(self, *kinds: Kind) -> Iterator[tuple[int, Event]]:
        """The numbered events of these kinds, in order."""
        wanted = frozenset(kinds)
        return ((number, event) for number, event in enumerate(self.events) if event.kind in wanted)
