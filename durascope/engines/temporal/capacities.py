"""What a Temporal deployment has only so much of: the slots of its workers, and the rate of a task queue."""

from __future__ import annotations

from collections.abc import Iterator

from durascope.models.capacity import Capacity
from durascope.models.scenario import Scenario

_DEFAULT_QUEUE = "default"


def capacities(scenario: Scenario) -> Iterator[Capacity]:
    """A task waits in its queue while no worker polls: a poll holds a slot (docs/engines/temporal.md, §10)."""
    for pool in scenario.deployments.temporal.workers:
        queue, most = frozenset({pool.queue or _DEFAULT_QUEUE}), pool.replicas * pool.slots
        if pool.runs != "workflows":
            yield Capacity("activity slots", most, queue, "running", pool.name)
            if pool.queue_rate is not None:
                yield Capacity("queue_rate", max(1, round(pool.queue_rate)), queue, per=1_000_000)
        if pool.runs != "activities":
            yield Capacity("workflow task slots", most, queue, "working", pool.name)
