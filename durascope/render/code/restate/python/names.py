"""What everything in the project is called."""

from __future__ import annotations

from typing import Final

from durascope.models.targets import Target, Targets
from durascope.render.code.names import python_names
from durascope.render.code.program import Book
from durascope.render.code.python_messages import Messages
from durascope.render.code.restate.facts import timed

_STEP_NAMES: Final = ("asyncio", "random", "restate", "services", "timedelta", "RetryableError", "attempt", "log")
_HANDLER_NAMES: Final = (
    "restate", "steps", "awakeables", "timedelta", "all_of", "first", "result", "run", "send_signal", "ctx", "given",
    "undo", "each", "failure", "event", "signals", "request",
)  # fmt: skip


class Named(Messages):
    """The identifiers of a project."""

    def __init__(self, book: Book) -> None:
        super().__init__(book)
        self.deployment = book.scenario.deployments.restate
        self.targets = Targets(book.scenario)
        self.timed = timed(book)
        steps = python_names(*_STEP_NAMES)
        self.steps = {each: steps.new(each.name) for each in book.operations}
        handlers = python_names(*_HANDLER_NAMES)
        self.handlers: dict[Target, str] = {each: handlers.new(each.handler) for each in self.targets}
        services = dict.fromkeys(each.service for each in self.targets)
        self.services = {name: handlers.new(f"{name} service") for name in services}
        self.module = (*_HANDLER_NAMES, *self.handlers.values(), *self.services.values())
        """The names of `handlers.py`: no variable in it may have one of them."""
        updates = (each for each in self.targets if each.kind == "update")
        self.requests = {each: self.classes_of_messages.new(f"{each.name} request") for each in updates}
        """The classes of what updates are asked with: the run's input, and the update's own fields."""
