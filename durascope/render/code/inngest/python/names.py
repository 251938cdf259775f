"""What everything in the project is called."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from durascope.render.code import python
from durascope.render.code.inngest import facts
from durascope.render.code.names import python_names
from durascope.render.code.program import Book, Event
from durascope.render.code.python_messages import Messages

_MODULE: Final = (
    "asyncio", "inngest", "inngest_client", "steps", "begin", "begun_in", "timedelta", "time", "uuid4", "random", "Any",
    "Awaitable", "Callable", "Finished", "FUNCTIONS", "NEW_CODE_SINCE",
)  # fmt: skip
LOCAL: Final = ("compensations", "ctx", "given", "undo", "undoing", "undone")
"""What functions call their own things."""


class Named(Messages):
    """The identifiers of a project."""

    def __init__(self, book: Book) -> None:
        fields = facts.events(book)
        told = {
            event: Event(event, {name: field.kind for name, field in data.items()}) for event, data in fields.items()
        }
        triggers = {facts.trigger(name, each.workflow) for name, each in book.workflows.items()}
        super().__init__(replace(book, events={name: told[name] for name in told if name not in triggers}))
        self.fields = fields
        """The fields of each event, by its name."""
        self.deployment = book.scenario.deployments.inngest
        self.app = facts.app_id(book.scenario)
        taken = {*_MODULE, *LOCAL, *self.inputs.values(), *self.events.values(), *self.results.values()}
        module = python_names(*taken)
        self.functions = {name: module.new(name) for name in book.workflows}
        self.failed = {name: module.new(f"{name} failed") for name in book.workflows}
        """The handlers of failed runs."""
        undoing = [name for name, each in book.workflows.items() if facts.undoes_cancelled(each)]
        self.cancelled = {name: module.new(f"{name} cancelled") for name in undoing}
        """The functions that undo cancelled runs."""
        steps = python_names("services", "inngest", "random", "timedelta", "attempt", "given")
        self.steps = {each: steps.new(each.name) for each in book.operations}
        """The function of each operation."""
        self.taken = frozenset({*taken, *self.functions.values(), *self.failed.values(), *self.cancelled.values()})
        """What no variable of a function is called."""

    def class_of(self, event: str) -> str:
        """The class of an event's data; of one that starts a workflow, the class of its input."""
        if event in self.events:
            return self.events[event]
        workflows = self.book.workflows.items()
        return next(self.inputs[name] for name, each in workflows if facts.trigger(name, each.workflow) == event)

    def matches(self, field: str) -> str:
        """The expression that compares a field of the run's event and of the one that comes."""
        return f"event.data.{python.field_name(field)} == async.data.{python.field_name(field)}"

    def about(self, workflow: str) -> str:
        """The expression that an internal event is about that function."""
        return f"event.data.function_id == {facts.text_in_cel(f'{self.app}-{workflow}')}"
