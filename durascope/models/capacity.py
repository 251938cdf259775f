"""What an engine has only so much of, so that tasks wait in its queues when all of it is in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from durascope.models.engine import shown
from durascope.models.scenario import Scenario
from durascope.models.spans import SpanKind


@dataclass(frozen=True, slots=True)
class Capacity:
    """A limit, and how a trace shows that it is reached. Engines say which they have: `EngineSpec.capacities`."""

    name: str
    """What there is so much of: `activity slots`, `concurrency`."""
    most: int
    queues: frozenset[str]
    """The queues whose tasks need it, as traces name them; empty: all queues."""
    used_by: SpanKind = "running"
    """running: each attempt of a step takes one · working: each execution of workflow code does."""
    pool: str | None = None
    """The pool of processes that has it; None: all of them together."""
    workflow: str | None = None
    """The workflow whose runs share it; None: all do."""
    by_key: bool = False
    """There is so much of it for each key."""
    per: int = 0
    """So many tasks leave the queue in this time, in microseconds; 0: it is no rate."""
    afterwards: str = ""
    """How long a task goes on waiting after it has met the limit, though it is free again; empty: it does not."""


def capacities(scenario: Scenario, engine: str) -> Sequence[Capacity]:
    """What the engine has only so much of in this scenario; nothing for one that says nothing of it."""
    part = shown(engine).capacities
    return tuple(part.load()(scenario)) if part else ()
