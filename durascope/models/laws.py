"""Laws that every trace keeps, whatever was killed: conservation (nothing from nothing) and causality.

`broken(events)` judges the events of any trace, simulated or read from `durascope export --format jsonl`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from durascope.models.trace import Event, Kind


class Broken(NamedTuple):
    """A law that does not hold at an event."""

    law: str
    event: int
    """The event's number."""
    found: str


LAWS: Final[Mapping[str, str]] = {
    "time": "time never goes back",
    "cause": "a cause comes before what it causes",
    "one-start": "a run starts once",
    "one-end": "a run ends once, and only after it has started",
    "effect": "an effect is preceded by the moment before it, in the same component",
    "report": "a result is reported only after its step has begun",
    "recovery": "a component restarts only after it has crashed, and resumes only after it has hung",
    "received": "no more messages are received than were sent",
    "outage": "an outage ends only after it has begun",
}
"""The laws by name, each in a sentence."""


def broken(events: Sequence[Event]) -> list[Broken]:
    """Every law that does not hold, at the events that show it, in order; empty: all hold.

    >>> from durascope.models.loading import load_scenario
    >>> from durascope.simulators.simulate import simulate
    >>> order = load_scenario("order-fulfillment")
    >>> trace = simulate(order, "temporal")
    >>> broken(trace.events)
    []
    """
    state = _State()
    return [found for number, event in enumerate(events) for found in state.judge(number, event)]


class _State:
    def __init__(self) -> None:
        self._now = 0
        self._counts: Counter[tuple[object, ...]] = Counter()

    def judge(self, number: int, event: Event) -> Iterator[Broken]:
        """The laws that this event breaks."""
        if event.at < self._now:
            yield Broken("time", number, f"{event.at} µs after {self._now} µs")
        self._now = max(self._now, event.at)
        if event.cause is not None and not 0 <= event.cause < number:
            yield Broken("cause", number, f"it is caused by event {event.cause}")
        counts = self._counts
        step = (event.run, event.step)
        match event.kind:
            case Kind.RUN_STARTED:
                counts["started", event.run] += 1
                if counts["started", event.run] > 1:
                    yield Broken("one-start", number, f"{event.run} starts again")
            case Kind.RUN_ENDED:
                counts["ended", event.run] += 1
                if counts["ended", event.run] > 1:
                    yield Broken("one-end", number, f"{event.run} ends again")
                elif not counts["started", event.run]:
                    yield Broken("one-end", number, f"{event.run} ends and has not started")
            case Kind.STEP_SCHEDULED:  # what schedules it may do it, too: a signal to another run has no body
                counts["before", event.lane, *step] += not counts["begun", *step]
            case Kind.STEP_STARTED:
                counts["begun", *step] += 1
            case Kind.STEP_BEFORE_EFFECT:
                counts["before", event.lane, *step] += 1
            case Kind.STEP_AFTER_EFFECT:
                counts["after", event.lane, *step] += 1
                if counts["after", event.lane, *step] > counts["before", event.lane, *step]:
                    yield Broken("effect", number, f"{event.step} of {event.run} in {event.lane}")
            case Kind.STEP_REPORTED if not counts["begun", *step]:
                yield Broken("report", number, f"{event.step} of {event.run} has not begun")
            case Kind.CRASHED | Kind.HUNG | Kind.OUTAGE_STARTED:
                counts[event.kind, event.lane] += 1
            case Kind.RESTARTED if not counts[Kind.CRASHED, event.lane]:
                yield Broken("recovery", number, f"{event.lane} restarts")
            case Kind.RESUMED if not counts[Kind.HUNG, event.lane]:
                yield Broken("recovery", number, f"{event.lane} resumes")
            case Kind.OUTAGE_ENDED if not counts[Kind.OUTAGE_STARTED, event.lane]:
                yield Broken("outage", number, f"{event.lane}")
            case Kind.MESSAGE_SENT:
                counts["sent",] += 1
            case Kind.MESSAGE_RECEIVED:
                counts["received",] += 1
                if counts["received",] > counts["sent",]:
                    yield Broken("received", number, f"{event.lane} receives what nobody sent")
            case _:
                pass


def event_of(row: Mapping[str, Any]) -> Event:
    """An event as `durascope export --format jsonl` writes it; KeyError, ValueError or TypeError if it is none."""
    cause = row["cause"]
    return Event(
        int(row["at_us"]),
        str(row["lane"]),
        Kind(row["kind"]),
        row["workflow"],
        row["run"],
        row["step"],
        row["attempt"],
        None if cause is None else int(cause),
        row["detail"],
    )
