"""The ids of the workload's runs; whom its events are for, and when."""

from __future__ import annotations

from typing import Final

from durascope.models.scenario import WorkloadEvent
from durascope.render.code.program import Book, Told


def run_id(book: Book, number: int) -> str:
    """The id of a run of the workload: its workflow, and its key or number.

    >>> from durascope.models.loading import load_scenario
    >>> from durascope.render.code.program import told
    >>> run_id(told(load_scenario("order-fulfillment")), 2)
    'fulfill-order/order_id-2'
    """
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


def share_of(event: WorkloadEvent) -> float:
    """Which part of the workload's runs an event for many is for, from 0 to 1.

    >>> share_of(WorkloadEvent(send="approve", to="25%", at="1s"))
    0.25
    """
    return 1.0 if event.to == "each" else float(str(event.to)[:-1]) / 100


def receiver(book: Book, event: WorkloadEvent) -> Told | None:
    """The workflow whose run or runs an event is for; None: no run can be named."""
    if for_many(event):
        return book.workflows[book.scenario.started[0]]
    run = one_run(book, event)
    if run is None:
        return None
    return next((told for name, told in book.workflows.items() if run.startswith(f"{name}/")), None)


def begun_by(book: Book, event: WorkloadEvent) -> tuple[str, ...]:
    """The workflows that an event starts: a send that is for no run."""
    if event.kind != "send" or for_many(event) or one_run(book, event) is not None:
        return ()
    return tuple(book.started_by(event.name))


def awaited_step(book: Book, event: WorkloadEvent) -> tuple[str, str] | None:
    """The run, by its id, and its step that have to be reached before the event is sent; None: nothing has to."""
    if event.when is None or event.when.step is None:
        return None
    return run_id(book, event.to if isinstance(event.to, int) else 1), event.when.step


def delay_of(event: WorkloadEvent) -> int:
    """How long after the start, or after the step that it waits for, an event is sent, in microseconds."""
    return (event.at or 0) + (event.when.after if event.when is not None else 0)


SENDS: Final = {"send": "Sends", "update": "Asks for", "query": "Asks", "operator": "Has the operator"}
"""What the sender of an event of each kind does."""
