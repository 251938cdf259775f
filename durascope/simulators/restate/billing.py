"""What is counted and billed, and how near it comes to the limits (restate.md §17, §18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from durascope.simulators.restate.engine import Restate


def counters(engine: Restate) -> dict[str, float]:
    commits = sum(partition.log.records for partition in engine.partitions)
    return {"commits": commits, "attempts": engine.observer.count, "replayed_entries": engine.observer.replayed}
