"""What everything in the project is called."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from durascope.models.targets import Target, Targets
from durascope.render.code.names import pascal, typescript_names
from durascope.render.code.program import Book
from durascope.render.code.restate.facts import timed

MAIN: Final = "run"
"""What the SDK calls every workflow's main handler."""
_STEPS: Final = ("restate", "services", "attempt", "error", "refused", "timeout", "run", "signal", "input")
_HANDLERS: Final = (
    "restate", "steps", "awaiting", "allOf", "firstOf", "first", "result", "together", "inTime", "ctx", "input",
    "undo", "each", "error", "event", "signals", "services", "sendSignal", "Finished",
)  # fmt: skip


class Named:
    """The identifiers of a project."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.scenario = book.scenario
        self.deployment = book.scenario.deployments.restate
        self.targets = [_main(each) for each in Targets(book.scenario)]
        self.timed = timed(book)
        messages = typescript_names(form=pascal)
        self.inputs = {name: messages.new(f"{name} input") for name in book.workflows}
        self.events = {name: messages.new(name) for name in book.events}
        self.results = {each: messages.new(f"{each.name} result") for each in book.operations if each.results}
        updates = (each for each in self.targets if each.kind == "update")
        self.requests = {each: messages.new(f"{each.name} request") for each in updates}
        """The types of what updates are asked with: the run's input, and the update's own fields."""
        steps = typescript_names(*_STEPS)
        self.steps = {each: steps.new(each.name) for each in book.operations}
        handlers = typescript_names(*_HANDLERS)
        self.handlers = {
            each: handlers.new(each.workflow if each.kind == "run" else each.handler) for each in self.targets
        }
        self.services = {
            name: handlers.new(f"{name} service") for name in dict.fromkeys(each.service for each in self.targets)
        }
        self.module = (*_HANDLERS, *self.handlers.values(), *self.services.values())
        """The names of `handlers.ts`: no variable in it has one of them."""

    def target(self, workflow: str, kind: str = "run", name: str | None = None) -> Target:
        """A workflow's handler. Raises `LookupError`: there is none."""
        found = self.find(workflow, kind, name or workflow)
        if found is None:
            raise LookupError(f"{workflow} has no {kind} {name or workflow}")
        return found

    def find(self, workflow: str, kind: str, name: str) -> Target | None:
        """The same, or None: a plain service has no queries, and only a workflow has promises."""
        asked = (workflow, kind, name)
        return next((each for each in self.targets if (each.workflow, each.kind, each.name) == asked), None)


def _main(target: Target) -> Target:
    main = target.service_kind == "workflow" and target.kind == "run"
    return replace(target, handler=MAIN) if main else target
