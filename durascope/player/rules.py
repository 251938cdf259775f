"""The engines' rules that a single event can show, for the narration to cite. docs/engines/ has all rules in full."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from durascope.models.trace import Kind


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, and the events that show it: an event must meet all its conditions."""

    name: str
    """As docs/engines/ numbers it."""
    text: str
    kind: Kind
    detail: str | None = None
    """What the event's detail contains (for a message: its kind)."""
    cause: Kind | None = None
    step: str | None = None
    again: bool = False
    """The effect had happened before."""

    def as_json(self) -> dict[str, Any]:
        """As plain data, without empty conditions."""
        return {name: value for name, value in asdict(self).items() if value not in (None, False)}


RULES: Final = {
    "temporal": (
        Rule(
            "A8", "The server never notices a dead worker by itself: only a timeout does. Without heartbeats the whole "
            "start-to-close timeout has to pass.", Kind.STEP_RETRIED, detail="start-to-close",
        ),
        Rule(
            "A7", "The heartbeat timeout counts from the last heartbeat that the server has received.",
            Kind.STEP_RETRIED, detail="heartbeat",
        ),
        Rule(
            "A6", "The backoff is a timer at the server; then the task goes into the same queue, and any worker may "
            "take it.", Kind.STEP_RETRIED,
        ),
        Rule(
            "A9", "Only the attempt that is pending may report. The late report of an earlier one is dropped, though "
            "its effect stays.", Kind.STEP_DROPPED,
        ),
        Rule(
            "§11", "An activity runs at least once: where its result has not reached the history, it runs again, "
            "effect and all.", Kind.STEP_AFTER_EFFECT, again=True,
        ),
        Rule(
            "A12", "Eager start: the server hands the worker its next activity in the answer to its workflow task, "
            "without a task queue.", Kind.STEP_STARTED, cause=Kind.MESSAGE_RECEIVED,
        ),
        Rule(
            "A1", "The history says only that the activity is scheduled. Its attempts are kept beside it until the "
            "last one closes.", Kind.STEP_SCHEDULED,
        ),
        Rule(
            "W2", "A worker that has the run in its cache gets the next workflow task through its own, sticky queue.",
            Kind.TASK_QUEUED, detail=" #",
        ),
        Rule(
            "§10", "A worker that does not have the run in its cache runs the code from the start against the history; "
            "completed steps return their recorded results.", Kind.REPLAY_STARTED,
        ),
        Rule(
            "W11", "Code that asks for something other than its history says fails the workflow task, not the run: the "
            "task is retried until the code fits.", Kind.WORK_ENDED, detail="non-deterministic",
        ),
        Rule("T1", "A timer fires some milliseconds late, and never early.", Kind.TIMER_FIRED),
    ),
    "inngest": (
        Rule(
            "§6.2", "After a failed attempt the step waits 15 s, 30 s, 60 s, 120 s …, and up to 30 s more at random. "
            "A refused or lost connection is a failed attempt, too.", Kind.STEP_RETRIED,
        ),
        Rule(
            "§5", "A step runs at least once: where its result has not been stored, it runs again, effect and all.",
            Kind.STEP_AFTER_EFFECT, again=True,
        ),
        Rule(
            "§6.2", "The item goes back into the queue with a backoff: 15 s, 30 s, 60 s … and up to 30 s more at "
            "random.", Kind.TIMER_SET, cause=Kind.CRASHED,
        ),
        Rule(
            "§1", "Each request runs the function from the top. A step whose id is in the run's state returns at once; "
            "the first new step decides the answer.", Kind.REPLAY_STARTED,
        ),
        Rule(
            "§7", "Parallel steps are first planned, each as an item of the queue: it has its own request and its own "
            "retries.", Kind.WORK_ENDED, detail="StepPlanned",
        ),
        Rule(
            "§5", "The executor stores a step's result first, and then enqueues what follows.",
            Kind.STEP_RECORDED, cause=Kind.MESSAGE_RECEIVED,
        ),
        Rule(
            "§11", "With checkpointing, the host goes on to the next step and posts the result of the last one "
            "meanwhile.", Kind.STEP_RECORDED, cause=Kind.RECORDED,
        ),
    ),
    "restate": (
        Rule(
            "§9", "The wait before a retry doubles each time (by default from 500 ms up to 1 min), with some more at "
            "random.", Kind.STEP_RETRIED,
        ),
        Rule(
            "§13", "A refused connection is an attempt: the next one waits for its backoff, even if the app is back "
            "earlier.", Kind.MESSAGE_REFUSED, detail="POST /invoke",
        ),
        Rule(
            "§14", "A run is at least once: where its result was not committed to the log, it runs again, effect and "
            "all.", Kind.STEP_AFTER_EFFECT, again=True,
        ),
        Rule(
            "§5", "The SDK begins the closure at once; it does not wait until the command is stored.",
            Kind.STEP_STARTED, cause=Kind.MESSAGE_SENT,
        ),
        Rule(
            "§5", "The proposed result is in the log; now it is a notification in the journal, and the code goes on.",
            Kind.STEP_RECORDED,
        ),
        Rule(
            "§6", "An attempt begins with the whole journal: the code runs from the top, and what is in the journal "
            "is not done again.", Kind.REPLAY_STARTED,
        ),
        Rule(
            "§6", "If nothing happens until the inactivity timeout, the invocation suspends: no request is open, and "
            "its next notification begins a new attempt.", Kind.WORK_ENDED, detail="suspended",
        ),
        Rule(
            "§13", "A lost connection ends the attempt; the journal keeps what was in it.",
            Kind.WORK_ENDED, detail="connection-lost",
        ),
        Rule(
            "§10", "An exclusive handler holds the lock of its key until it completes: others wait in the key's inbox.",
            Kind.TASK_QUEUED, detail="inbox",
        ),
    ),
}  # fmt: skip
"""By engine; of several that fit an event, the first is cited."""
