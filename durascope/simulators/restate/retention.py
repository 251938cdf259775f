"""How long what has ended is remembered (restate.md §11): by its idempotency key, by its workflow's key."""

from __future__ import annotations

from typing import NamedTuple, Self

from durascope.models.scenario import RestateService
from durascope.simulators.restate.store import Invocation


class Retention(NamedTuple):
    """Microseconds after the end."""

    idempotency: int
    workflow: int

    @classmethod
    def of(cls, service: RestateService) -> Self:
        return cls(service.idempotency_retention, service.workflow_retention)

    def forgotten(self, invocation: Invocation, now: int) -> bool:
        """Whether it has ended so long ago that its key means another invocation."""
        kept = self.workflow if invocation.target.of_workflow else self.idempotency
        return invocation.completed_at is not None and now >= invocation.completed_at + kept
