"""The ids of the workload's runs, and whom its events are for."""

from __future__ import annotations

from typing import Final

from durascope.models.scenario import WorkloadEvent
from durascope.render.code.program import Book


def run_id(book: Book, number: int) -> str:
    """The id of a run of the workload: its workflow, and its key or number."""
    return f"{_workflow_of(book, number)}/{key_of_run(book, number)}"


def _workflow_of(book: Book, number: int) -> str:
    started = book.scenario.started
    return started[min(number, len(started)) - 1]


def key_of_run(book: Book, number: int) -> str:
    """The key of a run of the workload; its number where its workflow has no key."""
    definition = book.scenario.workflows[_workflow_of(book, number)]
    if definition.key is None:
        return str(number)
    keys = book.scenario.workload.keys or ()
    return str(keys[number - 1]) if number <= len(keys) else f"{definition.key}-{number}"


def one_run(book: Book, event: WorkloadEvent) -> str | None:
    """The id of the one run that an event is for; None: it is for many, or for none that can be named."""
    if isinstance(event.to, int):
        return run_id(book, event.to)
    if event.to is None:
        for name, told in book.workflows.items():
            key = told.workflow.key
            hears = event.name in told.waits or event.name in told.workflow.signals
            if key is not None and key in event.with_ and hears and not book.started_by(event.name):
                return f"{name}/{event.with_[key]}"
        return None
    if for_many(event):
        return None
    hearers = book.hearers(event.name)
    return f"{hearers[0]}/{event.to}" if hearers else str(event.to)


def for_many(event: WorkloadEvent) -> bool:
    """Whether it is for each of the workload's runs, or for a share of them."""
    return isinstance(event.to, str) and (event.to == "each" or event.to.endswith("%"))


SENDS: Final = {"send": "Sends", "update": "Asks for", "query": "Asks", "operator": "Has the operator"}
"""What the sender of an event of each kind does."""
