"""Why nothing is said for a while: what a run waits for in that time, as far as its trace tells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from durascope.models.phrases import spell
from durascope.models.spans import Span, SpanKind
from durascope.models.trace import Kind, Trace
from durascope.models.waits import Wait
from durascope.render.waiting import WAITS, shorter

_TELL: Final[dict[SpanKind, str]] = {
    "running": "{step} runs for {lasts}",
    "sleeping": "sleeps {lasts}",
    "waiting": "waits for {step}",
    "backing-off": "{step} backs off {lasts}",
    "queued": "a task waits in {detail} for {lasts}",
    "down": "{lane} is down for {lasts}",
}
"""By kind of span, the best reason first."""
_FILLS: Final[dict[str, str]] = {
    "backing-off": WAITS["backoff"][0],
    "queued": WAITS["queue"][0],
    "down": WAITS["down"][0],
}


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Silence:
    """The reason of a silence, and the colour of its kind; an empty one is none."""

    words: str
    fill: str = ""


class Silences:
    """The reasons for the silences of what is drawn of a trace; of equal reasons, the one whose span is given first."""

    def __init__(self, trace: Trace, run: str | None, waits: Sequence[Wait], all_spans: Iterable[Span]) -> None:
        self._waits = waits
        self._spans = [span for span in all_spans if span.kind in _TELL and (span.run in (run, None) or run is None)]
        self._failed = list(_tried_again(trace, run))

    def of(self, start: int, end: int) -> Silence:
        """What lasts for most of it: a wait for recovery, a step, a timer, a task; else that code failed before it."""
        wait = _most(((each.start, each.end, each) for each in self._waits), start, end)
        if wait is not None and wait.kind != "queue":
            return Silence(next(shorter(wait)), WAITS[wait.kind][0])
        for kind, words in _TELL.items():
            span = _most(((each.start, each.end, each) for each in self._spans if each.kind == kind), start, end)
            if span is not None:
                return Silence(_filled(words, span), _FILLS.get(kind, ""))
        error = _most(self._failed, start, end)
        if error is not None:
            return Silence(f"{error}: tried again after {spell(end - start)}", WAITS["backoff"][0])
        return Silence("") if wait is None else Silence(next(shorter(wait)), WAITS[wait.kind][0])


def _filled(words: str, span: Span) -> str:
    step = span.step or span.run or "the run"
    return words.format(step=step, lasts=spell(span.lasts), detail=span.detail or span.lane, lane=span.lane)


def _most(candidates: Iterable[tuple[int, int, T]], start: int, end: int) -> T | None:
    """What covers most of the stretch; None: nothing covers more than half of it."""
    shared = ((min(end, until) - max(start, since), thing) for since, until, thing in candidates)
    most, thing = max(shared, key=lambda pair: pair[0], default=(0, None))
    return thing if 2 * most > end - start else None


def _tried_again(trace: Trace, run: str | None) -> Iterator[tuple[int, int, str]]:
    """From when to when a run's code had failed and was not tried again, and how it had failed."""
    failed: dict[str, tuple[int, str]] = {}
    for event in trace.events:
        if event.run is None or run not in (event.run, None):
            continue
        if event.kind is Kind.WORK_ENDED:
            failed[event.run] = (event.at, str(event.detail))
        elif event.kind is Kind.TASK_QUEUED and event.run in failed:
            since, error = failed.pop(event.run)
            if "error" in error or "fail" in error:
                yield since, event.at, f"the code had failed ({error})"
