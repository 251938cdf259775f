"""What a Restate node has only so much of: invocations in progress."""

from __future__ import annotations

from collections.abc import Iterator

from durascope.models.capacity import Capacity
from durascope.models.scenario import Scenario


def capacities(scenario: Scenario) -> Iterator[Capacity]:
    """concurrent-invocations-limit, per node (docs/engines/restate.md, §17)."""
    server = scenario.deployments.restate.server
    yield Capacity(
        "places for invocations", server.nodes * server.concurrent_invocations, frozenset({"invocations"}), "working"
    )
