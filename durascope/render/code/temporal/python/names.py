"""What everything in the project is called."""

from __future__ import annotations

from typing import Final

from durascope.render.code.names import pascal, python_names
from durascope.render.code.program import Book
from durascope.render.code.python_messages import Messages

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


class Named(Messages):
    """The identifiers of a project."""

    def __init__(self, book: Book) -> None:
        super().__init__(book)
        self.deployment = book.scenario.deployments.temporal
        activities = python_names(*_ACTIVITY_NAMES)
        self.activities = {each: activities.new(each.name) for each in book.operations}
        classes = python_names(*_WORKFLOW_NAMES, form=pascal)
        self.classes = {name: classes.new(name) for name in book.workflows}
