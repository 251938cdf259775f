"""A signal or a cancel request to another run: initiated, and delivered or not."""

from __future__ import annotations

from durascope.simulators.program import WorkflowFailure
from durascope.simulators.temporal.core import Job
from durascope.simulators.temporal.history import HistoryEvent
from durascope.simulators.temporal.operations import Pending


class ExternalMachine(Pending):
    """What waits for the server to have told the other run."""

    __slots__ = ()

    def delivered(self, event: HistoryEvent) -> Job:
        """The server has told the other run, or found none; what the code is told."""
        if event.kind.endswith("Failed"):
            failure = WorkflowFailure(f"{event.attributes.get('name', 'cancel')}: no such workflow")
            return self.loop.call_soon, (self.fail, failure)
        return self.loop.call_soon, (self.resolve,)
