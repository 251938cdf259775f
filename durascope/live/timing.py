"""When things happened, predicted and recorded: starts of steps, durations of runs, how many steps ran at once.

A busy machine is late, never early. Each time is therefore compared with an interval: the least and the most that the
model gives under several draws of its engine's delays, widened by little below and by much above (`Tolerance`). How
many executions of one step run at once is compared exactly where the prediction does not hang on milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from durascope.live.ledger import Report
from durascope.models.differences import Difference
from durascope.models.trace import Kind, Trace
from durascope.models.units import MILLISECOND, SECOND, format_duration

Execution = tuple[str, str, int]
"""A run, a step, and the number of an execution of it, in the order in which they began, from 1."""
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a recorded time may lie outside the prediction, in microseconds."""

    early_share: float = 0.10
    early: int = 50 * MILLISECOND
    late_share: float = 0.30
    late: int = 500 * MILLISECOND
    start_up: int = 2 * SECOND
    """How late the first step, and everything after it, may be because the machine needs time to start."""
    overlap: int = 100 * MILLISECOND
    """How much earlier or later each execution may begin and end, for counting those that run at once."""

    def allowed(self, least: int, most: int, lag: int) -> Span:
        """The interval of a time that is predicted to lie between these two."""
        return round(least * (1 - self.early_share)) - self.early, round(most * (1 + self.late_share)) + self.late + lag

    def __str__(self) -> str:
        return (
            f"early by at most {self.early_share:.0%} + {format_duration(self.early)},"
            f" late by at most {self.late_share:.0%} + {format_duration(self.late)}"
            f" + up to {format_duration(self.start_up)} of start-up"
        )


TOLERANCE: Final = Tolerance()


class OtherTime(Difference):
    """A difference in time, or in how many things happened at once, and in nothing else."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When things happened, in microseconds since the scenario began."""

    starts: Mapping[Execution, int] = field(default_factory=dict[Execution, int])
    spans: Mapping[str, Sequence[Span]] = field(default_factory=dict[str, "list[Span]"])
    """By step: from start to report, of the executions that reported."""
    lasts: Mapping[str, int] = field(default_factory=dict[str, int])
    """By run, of those that have ended: its duration."""
    lag: int = 0
    """How much later than planned processes came back after a fault; recorded runs only."""


def predicted(trace: Trace) -> Timing | None:
    """The timing of a simulation; None if its trace does not have every event."""
    if len(trace.events) < trace.event_count:
        return None
    kinds = {Kind.STEP_STARTED: "started", Kind.STEP_REPORTED: "reported"}
    moments = [
        (event.at, event.run or "", event.step or "", event.attempt or 1, kinds[event.kind])
        for event in trace.events
        if event.kind in kinds
    ]
    named = trace.facts.get("lasts")
    if isinstance(named, Mapping):
        lasts = {str(run): int(str(us)) for run, us in named.items()}
    else:
        lasts = {run.name: run.ended_at - run.started_at for run in trace.runs if run.ended_at is not None}
    return Timing(*_executions(moments), lasts)


def recorded(reports: Iterable[Report], began: float, lasts: Mapping[str, int], lag_s: float) -> Timing:
    """Of a real run: its apps' reports, `began` on their clock, and what its engine tells of its runs."""
    moments = [
        (round((each.at - began) * SECOND), each.run, each.step, each.attempt, each.moment)
        for each in reports
        if each.moment in ("started", "reported")
    ]
    return Timing(*_executions(moments), lasts, round(lag_s * SECOND))


def _executions(
    moments: Iterable[tuple[int, str, str, int, str]],
) -> tuple[dict[Execution, int], dict[str, list[Span]]]:
    starts: dict[Execution, int] = {}
    spans: dict[str, list[Span]] = {}
    counts: dict[tuple[str, str], int] = {}
    under_way: dict[tuple[str, str, int], int] = {}
    for at, run, step, attempt, moment in sorted(moments, key=lambda each: each[0]):
        if moment == "started":
            number = counts[run, step] = counts.get((run, step), 0) + 1
            starts[run, step, number] = at
            under_way[run, step, attempt] = at
        elif (run, step, attempt) in under_way:
            spans.setdefault(step, []).append((under_way.pop((run, step, attempt)), at))
    return starts, spans


# ---- compared --------------------------------------------------------------------------------------------------


def differences(draws: Sequence[Timing], timing: Timing, tolerance: Tolerance = TOLERANCE) -> list[OtherTime]:
    """Where the recording lies outside the prediction of every draw: the first such step of a run, the run's duration,
    and the largest number of executions of a step at once."""
    if not draws:
        return []
    lag = timing.lag + min(_start_up(draws, timing), tolerance.start_up)
    return [
        *_starts(draws, timing, tolerance, lag),
        *_lasts(draws, timing, tolerance, lag),
        *_at_once(draws, timing, tolerance),
    ]


def _start_up(draws: Sequence[Timing], timing: Timing) -> int:
    """How late the first step of all began: the time that the machine needed to start."""
    first = min(timing.starts.values(), default=0)
    return max(0, first - max(min(draw.starts.values(), default=0) for draw in draws))


def _starts(draws: Sequence[Timing], timing: Timing, tolerance: Tolerance, lag: int) -> Iterator[OtherTime]:
    """The first of each run: what follows is late because that was."""
    told: set[str] = set()
    for execution, at in timing.starts.items():
        run, step, number = execution
        times = [draw.starts[execution] for draw in draws if execution in draw.starts]
        if run in told or len(times) < len(draws):
            continue
        again = f" (execution {number})" if number > 1 else ""
        wrong = _outside(f"the start of {step}{again} in {run}", times, at, tolerance, lag)
        if wrong is not None:
            told.add(run)
            yield wrong


def _lasts(draws: Sequence[Timing], timing: Timing, tolerance: Tolerance, lag: int) -> Iterator[OtherTime]:
    for run, us in timing.lasts.items():
        times = [draw.lasts[run] for draw in draws if run in draw.lasts]
        wrong = _outside(f"the duration of {run}", times, us, tolerance, lag) if len(times) == len(draws) else None
        if wrong is not None:
            yield wrong


def _outside(what: str, times: Sequence[int], at: int, tolerance: Tolerance, lag: int) -> OtherTime | None:
    least, most = min(times), max(times)
    earliest, latest = tolerance.allowed(least, most, lag)
    if earliest <= at <= latest:
        return None
    allowed = f"allowed {_time(max(0, earliest))} to {_time(latest)}"
    return OtherTime(what, [f"{_interval(least, most)} ({allowed})"], [_time(at)])


def _at_once(draws: Sequence[Timing], timing: Timing, tolerance: Tolerance) -> Iterator[OtherTime]:
    """Each execution may be a little shorter or longer: only counts that no such change reaches differ."""
    for step, spans in timing.spans.items():
        drawn = [draw.spans.get(step, ()) for draw in draws]
        if any(len(each) != len(spans) for each in drawn):
            continue
        least = min(_peak(each, -tolerance.overlap) for each in drawn)
        most = max(_peak(each, tolerance.overlap) for each in drawn)
        peak = _peak(spans)
        if not least <= peak <= most:
            expected = str(least) if least == most else f"{least} to {most}"
            yield OtherTime(f"the most executions of {step} at once", [expected], [str(peak)])


def _peak(spans: Iterable[Span], by: int = 0) -> int:
    """How many overlap at most, if each begins so much earlier and ends so much later."""
    wider = [(start - by, end + by) for start, end in spans]
    changes = sorted(change for start, end in wider if start < end for change in ((start, 1), (end, -1)))
    peak = running = 0
    for _, change in changes:
        running += change
        peak = max(peak, running)
    return peak


def _interval(least: int, most: int) -> str:
    return _time(least) if _time(least) == _time(most) else f"{_time(least)} to {_time(most)}"


def _time(us: int) -> str:
    """Rounded to milliseconds."""
    return format_duration(round(us / MILLISECOND) * MILLISECOND)
