"""The story of a recorded run: where its time went, what was done more than once, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum


class Spent(Enum):
    """What a run's time can go to. Where several are under way at once, the first one counts."""

    CODE = "workflow code, replays included"
    EXECUTION = "steps at work"
    FAILED = "attempts that failed"
    LOST = "attempts that were never reported"
    BACKOFF = "backoff before retries"
    GONE = "tasks given to a dead worker"
    QUEUE = "tasks and attempts in queues"
    CHILD = "waiting for other runs"
    TIMER = "timers"
    WAITING = "waiting for messages"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a run's time; microseconds since it began."""

    spent: Spent
    what: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Story:
    """What a recording says of one run that was started from outside."""

    run: str
    """As the scenario calls it."""
    workflow: str
    id: str
    status: str
    began: str
    """When, as the recording has it."""
    lasted: int
    spans: Sequence[Span]
    repeated: Sequence[str]
    """Sentences: what was done more than once, or anew."""
    cause: str
    """A sentence: why it ended as it did, or took as long; empty: nothing went wrong."""

    def account(self) -> Mapping[Spent, int]:
        """Where the time went: microseconds by what; together they are as long as the run lasted."""
        order = list(Spent)
        total = dict.fromkeys(order, 0)
        for begin, end, under_way in self._stretches():
            total[min(under_way, key=order.index, default=Spent.WAITING)] += end - begin
        return {each: us for each, us in total.items() if us}

    def longest(self, spent: Spent) -> Span | None:
        """The longest stretch of that kind."""
        of_it = [each for each in self.spans if each.spent is spent]
        return max(of_it, key=lambda each: each.end - each.begin, default=None)

    def _stretches(self) -> Iterator[tuple[int, int, set[Spent]]]:
        """The run's time cut where anything begins or ends, with what is under way."""
        changes: list[tuple[int, int, Spent]] = []
        for each in self.spans:
            if each.end > each.begin:
                changes += [(each.begin, 1, each.spent), (min(each.end, self.lasted), -1, each.spent)]
        changes.sort(key=lambda change: (change[0], change[1]))
        count: dict[Spent, int] = {}
        at = 0
        for when, step, spent in changes:
            if when > at:
                yield at, when, {each for each, many in count.items() if many}
                at = when
            count[spent] = count.get(spent, 0) + step
        if at < self.lasted:
            yield at, self.lasted, set()
