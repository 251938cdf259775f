"""How long what has ended is remembered (restate.md §11): by its idempotency key, its workflow's key, its journal."""

from __future__ import annotations

from typing import NamedTuple, Self

from durascope.models.scenario import RestateService
from durascope.simulators.restate.store import Invocation


class Retention(NamedTuple):
    """Microseconds after the end."""

    idempotency: int
    workflow: int
    journal: int

    @classmethod
    def of(cls, service: RestateService) -> Self:
        """A journal is kept no longer than what it belongs to."""
        completion = max(service.idempotency_retention, service.workflow_retention)
        journal = min(service.journal_retention, completion)
        return cls(service.idempotency_retention, service.workflow_retention, journal)

    def forgotten(self, invocation: Invocation, now: int) -> bool:
        """Whether it has ended so long ago that its key means another invocation."""
        kept = self.workflow if invocation.target.of_workflow else self.idempotency
        return invocation.completed_at is not None and now >= invocation.completed_at + kept

    def has_journal(self, invocation: Invocation, now: int) -> bool:
        """Whether its journal can still be read."""
        return invocation.completed_at is None or now < invocation.completed_at + self.journal
