"""Why tasks wait in a queue: what of it is full, who has the key, or who is down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from durascope.models.capacity import Capacity, capacities
from durascope.models.engine import shown
from durascope.models.scenario import Scenario
from durascope.models.spans import Span
from durascope.models.trace import RunSummary, Trace
from durascope.render.conversation import pool_of
from durascope.render.keys import Held, held

_MOST: Final = 0.6
"""What lasts for so much of a wait is its reason."""


_LATE: Final = 1.25
"""A task that a rate holds back leaves its queue up to so much later than the rate allows."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a task waits; times are microseconds."""

    start: int
    end: int
    words: str
    """`5 of 5 activity slots busy`, `key u1 held by run 1`"""
    short: str = ""
    """The same in fewer words."""


def reason_of_key(wait: Held) -> Reason:
    """A run's wait for its key."""
    return Reason(wait.start, wait.end, wait.words, f"key {wait.key} held")


class QueueReasons:
    """The reasons for the waits of one trace."""

    def __init__(self, trace: Trace, scenario: Scenario, all_spans: Sequence[Span]) -> None:
        self._runs = {run.name: run for run in trace.runs}
        self._held = held(trace, all_spans)
        self._spans = all_spans
        self._capacities = capacities(scenario, trace.engine)
        self._takes = shown(trace.engine).takes

    def of(self, wait: Span, *, unless_full: bool = True) -> Reason | None:
        """What is waited for for most of it: a key, something that is used up, someone who is down; None: not known.

        `unless_full`: also how tasks are taken where nothing of this holds.
        """
        key = self._held.get(str(wait.run))
        if key is not None and min(key.end, wait.end) - max(key.start, wait.start) >= _MOST * wait.lasts:
            return replace(reason_of_key(key), start=wait.start, end=wait.end)
        reasons = (*(self._full(each, wait) for each in self._capacities), *self._down(wait))
        found = next((each for each in reasons if each is not None), None)
        if found is None and unless_full and self._takes:
            return Reason(wait.start, wait.end, f"until {self._takes}", self._takes)
        return found

    def _full(self, capacity: Capacity, wait: Span) -> Reason | None:
        run = self._runs.get(str(wait.run))
        if capacity.queues and wait.detail not in capacity.queues:
            return None
        if capacity.workflow is not None and capacity.workflow != wait.workflow:
            return None
        if capacity.per:
            return self._at_rate(capacity, wait)
        key = None if run is None or not capacity.by_key else run.key
        users = [span for span in self._spans if self._uses(span, capacity, run, key)]
        busy = sum(end - start for start, end in _all_used(users, capacity.most, wait))
        of = f" of key {key}" if key is not None else ""
        if busy >= _MOST * wait.lasts:
            if capacity.afterwards:
                words = f"{capacity.name} {capacity.most}{of} reached"
            else:
                words = f"{capacity.most} of {capacity.most} {capacity.name}{of} busy"
            return Reason(wait.start, wait.end, words, words)
        if busy and capacity.afterwards:
            short = f"{capacity.name} {capacity.most}{of}"
            return Reason(wait.start, wait.end, f"{short} reached, {capacity.afterwards}", short)
        return None

    def _uses(self, span: Span, capacity: Capacity, run: RunSummary | None, key: str | None) -> bool:
        its = self._runs.get(str(span.run))
        mine = capacity.workflow is None or span.workflow == capacity.workflow
        alike = key is None or (its is not None and run is not None and its.key == key)
        pool = capacity.pool is None or pool_of(span.lane) == capacity.pool or span.lane == capacity.pool
        return span.kind == capacity.used_by and mine and alike and pool

    def _at_rate(self, capacity: Capacity, wait: Span) -> Reason | None:
        """Whether as many tasks as may had left the queue just before this one did."""
        others = (span for span in self._spans if span.kind == "queued" and span.detail == wait.detail)
        window = _LATE * capacity.per
        taken = sum(wait.end - window < span.end <= wait.end for span in others if span is not wait)
        if taken < capacity.most or wait.lasts < capacity.per // (2 * capacity.most):
            return None
        seconds = capacity.per / 1e6
        words = f"{capacity.name}: {capacity.most} in {seconds:g} s"
        return Reason(wait.start, wait.end, words, capacity.name)

    def _down(self, wait: Span) -> Iterator[Reason]:
        """Who is away that had to take it."""
        takers = {pool_of(span.lane) for span in self._spans if span.kind in ("running", "working")}
        for span in self._spans:
            shared = min(span.end, wait.end) - max(span.start, wait.start)
            if span.kind == "down" and pool_of(span.lane) in takers and shared >= _MOST * wait.lasts:
                yield Reason(wait.start, wait.end, f"{span.lane} is down ({span.detail})", f"{span.lane} down")


def _all_used(users: Iterable[Span], most: int, wait: Span) -> Iterator[tuple[int, int]]:
    """The stretches of the wait in which at least so many are in use."""
    changes = sorted(
        change
        for span in users
        if span.end > wait.start and span.start < wait.end
        for change in ((max(span.start, wait.start), 1), (min(span.end, wait.end), -1))
    )
    used, since = 0, wait.start
    for at, change in changes:
        if used >= most and at > since:
            yield since, at
        used, since = used + change, at
