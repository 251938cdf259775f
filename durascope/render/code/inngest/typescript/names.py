"""What everything in the project is called."""

from __future__ import annotations

from typing import Final

from durascope.render.code.inngest import facts
from durascope.render.code.names import pascal, typescript_names
from durascope.render.code.program import Book
from durascope.render.code.typescript import field_name

_MODULE: Final = (
    "cron", "functions", "inngest", "newCodeSince", "randomUUID", "referenceFunction", "steps", "begin", "begunIn",
    "eachOf", "Finished", "NonRetriableError", "StepError",
)  # fmt: skip
LOCAL: Final = ("attempt", "compensations", "error", "event", "group", "input", "runId", "step", "undo", "undone",
                "undoing")  # fmt: skip
"""What functions call their own things."""
_STEPS: Final = ("services", "NonRetriableError", "RetryAfterError", "attempt", "input", "error", "refused")


class Named:
    """The identifiers of a project."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.scenario = book.scenario
        self.deployment = book.scenario.deployments.inngest
        self.app = facts.app_id(book.scenario)
        self.fields = facts.events(book)
        """The fields of each event, by its name."""
        messages = typescript_names("EventType", form=pascal)
        self.payloads = {event: messages.new(event) for event in self.fields}
        """The type of each event's data."""
        self.inputs: dict[str, str] = {}
        """The type of what each workflow is given: its event's data."""
        for name, told in book.workflows.items():
            event = facts.trigger(name, told.workflow)
            own = self.payloads.get(event) if facts.cron(told.workflow) is None else None
            self.inputs[name] = own or messages.new(f"{name} input")
        self.results = {each: messages.new(f"{each.name} result") for each in book.operations if each.results}
        module = typescript_names(*_MODULE, *LOCAL, "eventType", "staticSchema")
        self.events = {event: module.new(event) for event in self.fields}
        """The definition of each event."""
        self.functions = {name: module.new(name) for name in book.workflows}
        self.cancelled = {
            name: module.new(f"{name} cancelled")
            for name, told in book.workflows.items()
            if facts.undoes_cancelled(told)
        }
        """The functions that undo cancelled runs."""
        steps = typescript_names(*_STEPS)
        self.steps = {each: steps.new(each.name) for each in book.operations}
        """The function of each operation."""
        self.taken = frozenset({*_MODULE, *LOCAL, *self.events.values(), *self.functions.values(),
                                *self.cancelled.values()})  # fmt: skip
        """What no variable of a function is called."""

    def matches(self, field: str) -> str:
        """The expression that compares a field of the run's event and of the one that comes."""
        return f"event.data.{field_name(field)} == async.data.{field_name(field)}"

    def about(self, workflow: str) -> str:
        """The expression that an internal event is about that function."""
        return f"event.data.function_id == {facts.text_in_cel(f'{self.app}-{workflow}')}"
