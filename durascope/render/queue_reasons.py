"""Why tasks wait in a queue: what of it is full, who has the key, or who is down."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from durascope.models.capacity import Capacity, capacities
from durascope.models.engine import shown
from durascope.models.scenario import Scenario
from durascope.models.spans import Span, SpanKind
from durascope.models.trace import Trace
from durascope.render.conversation import pool_of
from durascope.render.keys import Held, held

_MOST: Final = 0.6
"""What lasts for so much of a wait is its reason."""
_TAKING: Final[tuple[SpanKind, ...]] = ("running", "working")
"""Who does these takes tasks."""
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
        self._capacities = capacities(scenario, trace.engine)
        self._takes = shown(trace.engine).takes
        self._by_kind: dict[SpanKind, list[Span]] = defaultdict(list)
        for span in all_spans:
            self._by_kind[span.kind].append(span)
        queued = sorted(self._by_kind["queued"], key=lambda span: span.end)
        self._queued = frozenset(map(id, queued))
        self._left: dict[str, list[int]] = defaultdict(list)
        """When tasks left each queue, in order."""
        for span in queued:
            self._left[span.detail].append(span.end)
        takers = {pool_of(span.lane) for kind in _TAKING for span in self._by_kind[kind]}
        self._away = [span for span in self._by_kind["down"] if pool_of(span.lane) in takers]
        self._used: dict[tuple[Capacity, str | None], _Use] = {}

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
        busy = self._use(capacity, key).within(wait.start, wait.end)
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

    def _use(self, capacity: Capacity, key: str | None) -> _Use:
        """When all of it was in use; asked for each of very many waits, so it is worked out once."""
        found = self._used.get((capacity, key))
        if found is None:
            users = (span for span in self._by_kind[capacity.used_by] if self._uses(span, capacity, key))
            found = self._used[capacity, key] = _Use(users, capacity.most)
        return found

    def _uses(self, span: Span, capacity: Capacity, key: str | None) -> bool:
        its = self._runs.get(str(span.run))
        mine = capacity.workflow is None or span.workflow == capacity.workflow
        alike = key is None or (its is not None and its.key == key)
        return mine and alike and (capacity.pool is None or capacity.pool in (pool_of(span.lane), span.lane))

    def _at_rate(self, capacity: Capacity, wait: Span) -> Reason | None:
        """Whether as many tasks as may had left the queue just before this one did."""
        left, window = self._left.get(wait.detail, []), _LATE * capacity.per
        taken = bisect_right(left, wait.end) - bisect_right(left, wait.end - window) - (id(wait) in self._queued)
        if taken < capacity.most or wait.lasts < capacity.per // (2 * capacity.most):
            return None
        seconds = capacity.per / 1e6
        words = f"{capacity.name}: {capacity.most} in {seconds:g} s"
        return Reason(wait.start, wait.end, words, capacity.name)

    def _down(self, wait: Span) -> Iterator[Reason]:
        """Who is away that had to take it."""
        for span in self._away:
            if min(span.end, wait.end) - max(span.start, wait.start) >= _MOST * wait.lasts:
                yield Reason(wait.start, wait.end, f"{span.lane} is down ({span.detail})", f"{span.lane} down")


class _Use:
    """When at least so many are in use at the same time."""

    def __init__(self, users: Iterable[Span], most: int) -> None:
        changes = sorted(change for span in users for change in ((span.start, 1), (span.end, -1)))
        self._at: list[int] = []
        """Where what is added up changes its pace."""
        self._full: list[int] = []
        """For how long all were in use until then."""
        self._is_full: list[bool] = []
        used, full, since = 0, 0, 0
        for at, change in changes:
            full += at - since if used >= most else 0
            used, since = used + change, at
            self._at.append(at)
            self._full.append(full)
            self._is_full.append(used >= most)

    def within(self, start: int, end: int) -> int:
        """For how long of that time all were in use."""
        return self._until(end) - self._until(start)

    def _until(self, at: int) -> int:
        n = bisect_right(self._at, at) - 1
        return 0 if n < 0 else self._full[n] + (at - self._at[n] if self._is_full[n] else 0)
