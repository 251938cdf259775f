"""What a workflow's code has to do on Temporal, whatever its language."""

from __future__ import annotations

from durascope.models.scenario import Workflow
from durascope.models.steps import Finish, Repeat, Step, WaitFor
from durascope.render.code.program import Book, Operation, Told, all_steps


def is_entity(workflow: Workflow) -> bool:
    """Whether all requests with the same key go to one run, which takes them as updates."""
    return workflow.one_at_a_time and workflow.key is not None


def effect_of(book: Book, operation: Operation) -> str | None:
    """The name by which another activity finds its effect; None: only its own attempts do.

    They do in an entity, too: its requests are one run, and each of them has effects of those names.
    """
    return None if is_entity(book.workflows[operation.workflow].workflow) else operation.step.effect


REJECTED = "Rejected"
"""The type of the failure of a call that a service refuses for good."""


def continues(step: Step) -> bool:
    """Whether the step is a loop that goes on in another run."""
    every = step.continue_as_new_every if isinstance(step, Repeat) else None
    return isinstance(step, Repeat) and every is not None and every < step.repeat


def cancels_now(workflow: Workflow) -> bool:
    """Whether a signal cancels what is in flight."""
    return any(signal.then == "cancel-now" for signal in workflow.signals.values())


def returns_text(told: Told) -> bool:
    """Whether the run says how it has ended."""
    finishes = any(isinstance(step, Finish) for step in all_steps(told.workflow))
    undone = told.workflow.after_undo == "complete" and told.uses_undo
    return finishes or undone or told.cancels


def matched_field(book: Book, told: Told, event: str) -> str | None:
    """The field that must be equal in event and input, where all that hear the event ask for the same."""
    waits = [each for each in all_steps(told.workflow) if isinstance(each, WaitFor) and each.wait_for == event]
    asked = {each.match for each in waits}
    if not waits:
        signal = told.workflow.signals.get(event)
        asked = {signal.match if signal is not None else None}
    only = next(iter(asked)) if len(asked) == 1 else None
    return only if only in told.input and only in book.events[event].fields else None
