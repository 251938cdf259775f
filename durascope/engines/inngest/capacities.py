"""What Inngest's flow control lets through at a time: requests of a function or a key, and starts in a period."""

from __future__ import annotations

from collections.abc import Iterator

from durascope.models.capacity import Capacity
from durascope.models.scenario import Scenario

_LATER = "looked at again 3 to 4 s later"
"""A scan that meets the limit puts the whole function back (docs/engines/inngest.md, §19.3)."""


def capacities(scenario: Scenario) -> Iterator[Capacity]:
    """Concurrency counts requests in progress (§10); one_at_a_time is a concurrency of 1 for each key. One whose key is
    another field than the workflow's is left out: a trace does not tell which runs share it."""
    for name, workflow in scenario.workflows.items():
        flow = workflow.flow or scenario.deployments.inngest.flow
        limit, own = flow.concurrency, workflow.key
        if limit is None and workflow.one_at_a_time:
            yield Capacity("concurrency limit", 1, frozenset(), "working", None, name, True, afterwards=_LATER)
        elif limit is not None and limit.key in (None, own):
            of = name if limit.scope == "fn" else None
            yield Capacity(
                "concurrency limit", limit.limit, frozenset(), "working", None, of, limit.key is not None,
                afterwards=_LATER,
            )  # fmt: skip
        if flow.throttle is not None and flow.throttle.key is None:
            throttle = flow.throttle
            yield Capacity("throttle", throttle.limit, frozenset({"start"}), workflow=name, per=throttle.period)
