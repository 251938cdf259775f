"""What everything in the project is called."""

from __future__ import annotations

from typing import Final

from durascope.render.code.names import pascal, typescript_names
from durascope.render.code.program import Book, Told
from durascope.render.code.temporal.facts import is_entity

_ACTIVITIES: Final = ("services", "Context", "ApplicationFailure", "attempt", "beating", "cancellationSignal")
_WORKFLOWS: Final = (
    "activities", "implementation", "allHandlersFinished", "condition", "continueAsNew", "defineQuery", "defineSignal",
    "defineUpdate", "executeChild", "getExternalWorkflowHandle", "isCancellation", "patched", "proxyActivities",
    "proxyLocalActivities", "setHandler", "sleep", "startChild", "uuid4", "workflowInfo", "ActivityCancellationType",
    "ApplicationFailure", "CancellationScope", "CancelRequested", "Finished", "Lock", "ParentClosePolicy",
    "TemporalFailure", "allOf", "eachOf", "firstOf", "nextEvent",
)  # fmt: skip
LOCAL: Final = ("input", "begin", "asked", "at", "cancelRequested", "compensate", "compensations", "error", "event",
                "lock", "receiver", "request", "scope", "serve", "steps", "stopIfCancelled", "undone")  # fmt: skip
"""What workflow functions call their own things."""


class Named:
    """The identifiers of a project."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.scenario = book.scenario
        self.deployment = book.scenario.deployments.temporal
        messages = typescript_names(form=pascal)
        self.inputs = {name: messages.new(f"{name} input") for name in book.workflows}
        self.events = {name: messages.new(name) for name in book.events}
        self.results = {each: messages.new(f"{each.name} result") for each in book.operations if each.results}
        activities = typescript_names(*_ACTIVITIES)
        self.activities = {each: activities.new(each.name) for each in book.operations}
        self.module = typescript_names(*_WORKFLOWS, *LOCAL)
        self.functions = {name: self.module.new(name) for name in book.workflows}
        self.signals: dict[str, str] = {}
        self.updates: dict[str, str] = {}
        self.queries: dict[str, str] = {}
        self.requests: dict[str, str] = {}
        """By workflow: the update by which an entity takes a request."""
        for told in book.workflows.values():
            self._messages_of(told)
        self.taken = frozenset({*_WORKFLOWS, *LOCAL, *self.functions.values(), *self.signals.values(),
                                *self.updates.values(), *self.queries.values(), *self.requests.values()})  # fmt: skip
        """What no variable of a workflow is called."""

    def _messages_of(self, told: Told) -> None:
        workflow = told.workflow
        heard = [name for name in (*workflow.signals, *told.waits) if name not in workflow.updates]
        for names, known in ((heard, self.signals), (workflow.updates, self.updates), (workflow.queries, self.queries)):
            for name in names:
                if name not in known:
                    known[name] = self.module.new(name)
        if is_entity(workflow):
            self.requests[told.name] = self.module.new(f"{told.name} request")
