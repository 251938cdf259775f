"""What a trace changed outside, and which of it had happened before; what interrupted its runs, and for how long."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from durascope.models.spans import Span, spans
from durascope.models.trace import Effect, Event, Kind, Trace


@dataclass(frozen=True, slots=True)
class EffectMark:
    """A change of the outside."""

    at: int
    lane: str
    """The app that had it done."""
    service: str | None
    run: str | None
    step: str | None
    attempt: int | None
    event: int
    """The number of its `after-effect`."""
    duplicate: bool
    """It had happened before."""
    deduplicated: bool = False
    """The service knew the call's key: there was no second effect."""
    price: float = 0.0


def effects(trace: Trace) -> list[EffectMark]:
    """Every change of the outside, in order."""
    ledger = deque(trace.ledger)
    marks: list[EffectMark] = []
    for number, event in trace.of_kind(Kind.STEP_AFTER_EFFECT):
        noted = ledger and (ledger[0].run, ledger[0].step) == (event.run, event.step)
        marks.append(_mark(number, event, ledger.popleft() if noted else None))
    return marks


def _mark(number: int, event: Event, entry: Effect | None) -> EffectMark:
    """`entry`: the ledger's; an event that was sent or a run that was started stands in none."""
    if entry is None:
        return EffectMark(event.at, event.lane, None, event.run, event.step, event.attempt, number, duplicate=False)
    return EffectMark(
        event.at, event.lane, entry.service, event.run, event.step, event.attempt, number,
        entry.again, entry.deduplicated, entry.price,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recovery:
    """A fault that interrupted a run, and how long the run stood still because of it."""

    lane: str
    """What died, hung, or was away."""
    fault: str
    """`crash`, `hang`, `outage` or `cut …`."""
    run: str
    at: int
    """When the fault began."""
    until: int | None
    """When the run was at work again on all that the fault had interrupted; None: never."""
    steps: tuple[str, ...]
    """What it interrupted; empty: no step was running, the run had other work open there."""
    events: tuple[int, int | None]
    """The numbers of the fault's event and of the one that shows that work goes on."""

    @property
    def lasts(self) -> int | None:
        return None if self.until is None else self.until - self.at


def recoveries(trace: Trace, given: Sequence[Span] | None = None) -> list[Recovery]:
    """For each fault and each run that it interrupted, how long that run stood still; in order of the faults.

    A step is interrupted when its attempt dies with its component, or fails while its service is away. It has
    recovered when the attempt that follows begins (after a crash) or its result is reported (after an outage). A fault
    of an app that hits no step interrupts the runs that had work in it, one of an engine's part those that have a step
    or work in flight or a task in it; they have recovered with their next step begun or recorded. Runs that only sleep
    or wait are not interrupted by anything.
    """
    all_spans = spans(trace) if given is None else given
    found: list[Recovery] = []
    for down in (span for span in all_spans if span.kind == "down"):
        for run, steps in _interrupted(all_spans, down).items():
            until = _again(trace, down, run, steps)
            found.append(
                Recovery(
                    down.lane, down.detail, run, down.start, None if until is None else trace.events[until].at,
                    steps, (down.events[0], until),
                )
            )  # fmt: skip
    return found


def _interrupted(all_spans: Sequence[Span], down: Span) -> dict[str, tuple[str, ...]]:
    """Runs, and the steps of theirs that the fault ended."""
    found: dict[str, tuple[str, ...]] = {}
    for span in all_spans:
        if span.run is None or not span.start <= down.end or span.end < down.start:
            continue
        if span.kind == "running" and _hit(span, down):
            found[span.run] = (*found.get(span.run, ()), span.step or "")
    if found or down.detail == "outage":
        return found
    of_apps = any(span.lane == down.lane and span.kind in ("running", "working", "replaying") for span in all_spans)
    for span in all_spans:
        if span.run is None or not span.start <= down.start <= span.end:
            continue
        here = span.lane == down.lane
        if (span.kind in ("running", "working") and (here or not of_apps)) or (span.kind == "queued" and here):
            found.setdefault(span.run, ())
    return found


def _hit(span: Span, down: Span) -> bool:
    if down.detail == "outage":
        return span.ended == "failed" and down.start <= span.end <= down.end
    return span.ended == "crashed" and span.lane == down.lane and span.end == down.start


def _again(trace: Trace, down: Span, run: str, steps: tuple[str, ...]) -> int | None:
    """The number of the event with which the run is at work again."""
    wanted = set(steps)
    back = frozenset({Kind.STEP_REPORTED, Kind.STEP_RECORDED} if down.detail == "outage" else {Kind.STEP_STARTED})
    any_progress = frozenset({Kind.STEP_STARTED, Kind.STEP_RECORDED, Kind.RUN_ENDED})
    for number in range(down.events[0] + 1, len(trace.events)):
        event = trace.events[number]
        if event.run != run:
            continue
        if not steps:
            if event.kind in any_progress:
                return number
        elif event.kind in back and event.step in wanted:
            wanted.discard(event.step)
            if not wanted:
                return number
    return None
