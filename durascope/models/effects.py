"""What a trace changed outside, and which of it had happened before; what interrupted its runs, and for how long."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

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
    """Every change of the outside, in order.

    >>> from durascope.models.loading import load_scenario
    >>> from durascope.simulators.simulate import simulate
    >>> order = load_scenario("order-fulfillment")
    >>> trace = simulate(order, "temporal")
    >>> [(mark.step, mark.duplicate) for mark in effects(trace)][:3]
    [('check-inventory', False), ('reserve-stock', False), ('charge-payment', False)]
    """
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
    """What died, hung, or was down."""
    fault: str
    """`crash`, `stop`, `deploy`, `hang`, `outage` or `cut …`."""
    run: str
    at: int
    """When the fault began."""
    until: int | None
    """When the run was at work again on all that the fault had interrupted; None: never."""
    steps: tuple[str, ...]
    """What it interrupted; empty: no step was running, the run had other work open there."""
    events: tuple[int, int | None]
    """The numbers of the fault's event and of the one that shows that work goes on."""
    first: int | None = None
    """When the first of all that the fault had interrupted, in whatever run, was at work again; None: nothing was."""
    outage: str | None = None
    """The service whose outage it was, or began before the run was back at work; None: there was none."""

    @property
    def lasts(self) -> int | None:
        return None if self.until is None else self.until - self.at


def recoveries(trace: Trace, given: Sequence[Span] | None = None) -> list[Recovery]:
    """For each fault and each run that it interrupted, how long that run stood still; in order of the faults.

    A step is interrupted when its attempt dies with its component, or fails while its service is down. It has
    recovered when the attempt that follows begins (after a crash) or its result is reported (after an outage). A fault
    of an app that hits no step interrupts the runs that had work in it, one of an engine's part those that have a step
    or work in flight or a task in it; they have recovered with their next step begun or recorded. Runs that only sleep
    or wait are not interrupted by anything. A service that goes down before a step is back prolongs the interruption
    that there is: the step has recovered with its result.

    >>> from durascope.models.loading import load_scenario
    >>> from durascope.simulators.simulate import simulate
    >>> order = load_scenario("order-fulfillment")
    >>> trace = simulate(order, "temporal")
    >>> [(each.run, each.steps) for each in recoveries(trace)]
    [('run 1', ('charge-payment',))]
    """
    all_spans = spans(trace) if given is None else given
    work = _Work(trace, all_spans)
    found: list[Recovery] = []
    for down in sorted((span for span in all_spans if span.kind == "down"), key=lambda span: span.start):
        struck = work.interrupted(down)
        numbers = {run: work.again(down, run, steps) for run, steps in struck.items()}
        begun = min((number for each in numbers.values() for number in each[:1]), default=None)
        first = None if begun is None else trace.events[begun].at
        for run, steps in struck.items():
            until = numbers[run][-1] if len(numbers[run]) == max(1, len(set(steps))) else None
            mine = Recovery(
                down.lane, down.detail, run, down.start, None if until is None else trace.events[until].at,
                steps, (down.events[0], until), first, down.lane if down.detail == "outage" else None,
            )  # fmt: skip
            before = next((at for at, each in enumerate(found) if _prolongs(mine, each)), None)
            if before is None:
                found.append(mine)
            else:
                found[before] = _prolonged(found[before], mine)
    return found


def _prolongs(outage: Recovery, before: Recovery) -> bool:
    """Whether the outage begins while all that it interrupts still stands still after that fault."""
    still = before.until is None or before.until > outage.at
    whole = bool(outage.steps) and set(outage.steps) <= set(before.steps)
    return outage.outage is not None and before.run == outage.run and before.at < outage.at and still and whole


def _prolonged(before: Recovery, outage: Recovery) -> Recovery:
    """One interruption that is over when both are."""
    ends = [each for each in (before, outage) if each.until is None] or [before, outage]
    last = max(ends, key=lambda each: each.until or 0)
    return replace(
        before, until=last.until, events=(before.events[0], last.events[1]), first=outage.first, outage=outage.outage
    )


_WORKING: Final = ("running", "working", "replaying")
_PROGRESS: Final = frozenset({Kind.STEP_STARTED, Kind.STEP_REPORTED, Kind.STEP_RECORDED, Kind.RUN_ENDED})


class _Work:
    """The work of all runs, swept through from fault to fault: a year with a crash a minute has half a million."""

    def __init__(self, trace: Trace, all_spans: Sequence[Span]) -> None:
        self._events = trace.events
        self._coming = deque(
            sorted(
                ((span.start, number, span) for number, span in enumerate(all_spans) if span.run is not None),
                key=lambda entry: entry[:2],
            )
        )
        self._open: dict[int, Span] = {}
        self._apps = {span.lane for span in all_spans if span.kind in _WORKING}
        self._progress: dict[str | None, list[int]] = {}
        self._over: dict[str, int] = {}
        """When a run had ended: attempts that were given up may go on after that."""
        for number, event in enumerate(trace.events):
            if event.kind in _PROGRESS:
                self._progress.setdefault(event.run, []).append(number)
            if event.kind is Kind.RUN_ENDED and event.run is not None:
                self._over[event.run] = event.at

    def interrupted(self, down: Span) -> dict[str, tuple[str, ...]]:
        """Runs, and the steps of theirs that the fault ended; faults are asked for in order of their beginning."""
        while self._coming and self._coming[0][0] <= down.end:
            _, number, span = self._coming.popleft()
            self._open[number] = span
        self._open = {number: span for number, span in self._open.items() if span.end >= down.start}
        found: dict[str, tuple[str, ...]] = {}
        meanwhile = [
            span for _, span in sorted(self._open.items()) if span.start <= down.end and not self._was_over(span, down)
        ]
        for span in meanwhile:
            if span.kind == "running" and _hit(span, down):
                run = str(span.run)
                found[run] = (*found.get(run, ()), span.step or "")
        if found or down.detail == "outage":
            return found
        for span in meanwhile:
            here = span.lane == down.lane
            working = span.kind in ("running", "working") and (here or down.lane not in self._apps)
            if span.start <= down.start and (working or (span.kind == "queued" and here)):
                found.setdefault(str(span.run), ())
        return found

    def _was_over(self, span: Span, down: Span) -> bool:
        ended = self._over.get(span.run or "")
        return ended is not None and ended < down.start

    def again(self, down: Span, run: str, steps: tuple[str, ...]) -> list[int]:
        """The numbers of the events with which the run is at work again, one for each of the steps that it goes on
        with; where the fault hit no step, at most one."""
        wanted, found = set(steps), list[int]()
        back = (Kind.STEP_REPORTED, Kind.STEP_RECORDED) if down.detail == "outage" else (Kind.STEP_STARTED,)
        numbers = self._progress.get(run, [])
        for place in range(bisect_right(numbers, down.events[0]), len(numbers)):
            number = numbers[place]
            event = self._events[number]
            if not steps:
                if event.kind is not Kind.STEP_REPORTED:
                    return [number]
            elif event.kind in back and event.step in wanted:
                wanted.discard(event.step)
                found.append(number)
                if not wanted:
                    break
        return found


def _hit(span: Span, down: Span) -> bool:
    if down.detail == "outage":
        return span.ended == "failed" and down.start <= span.end <= down.end
    return span.ended == "crashed" and span.lane == down.lane and span.end == down.start
