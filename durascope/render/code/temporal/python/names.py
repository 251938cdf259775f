"""What everything in the project is called."""

from __future__ import annotations

from typing import Final

from durascope.models.scenario import Scenario
from durascope.render.code.names import one_line, pascal, python_names
from durascope.render.code.program import Book

OPTIONS: Final = "ACTIVITY"
"""The name of the options that most activities have."""
REQUEST: Final = "request"
"""The update by which an entity takes a request."""
UNTYPED: Final = "  # pyright: ignore[reportUnknownMemberType]"
"""The SDK's own types of updates are not complete."""


_ACTIVITY_NAMES: Final = ("activity", "random", "asyncio", "timedelta", "ApplicationError", "services", "work")
_WORKFLOW_NAMES: Final = (
    "CancelRequested", "Finished", "ActivityError", "FailureError", "ApplicationError", "RetryPolicy", "Awaitable",
    "Callable", "Any", OPTIONS, "Client", "Worker", "WORKFLOWS", "ACTIVITIES",
)  # fmt: skip


class Named:
    """The identifiers of a project."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.scenario = book.scenario
        self.deployment = book.scenario.deployments.temporal
        messages = python_names("dataclass", "Any", form=pascal)
        self.inputs = {name: messages.new(f"{name} input") for name in book.workflows}
        self.events = {name: messages.new(name) for name in book.events}
        self.results = {each: messages.new(f"{each.name} result") for each in book.operations if each.results}
        activities = python_names(*_ACTIVITY_NAMES)
        self.activities = {each: activities.new(each.name) for each in book.operations}
        classes = python_names(*_WORKFLOW_NAMES, form=pascal)
        self.classes = {name: classes.new(name) for name in book.workflows}


def title_of(scenario: Scenario) -> str:
    """The scenario's title, or its name."""
    return one_line(scenario.title or scenario.scenario).rstrip(".")
