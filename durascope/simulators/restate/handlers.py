"""The handlers of the service: each workflow's own, and the shared ones beside it.

A workflow's promise is completed by a shared handler named after the event, a query is a shared handler that reads
the key's state (or peeks the promise of that name), an update is a handler with steps of its own.
"""

from __future__ import annotations

from durascope.models.steps import Get, WaitFor
from durascope.simulators.program.endings import WorkflowFailure
from durascope.simulators.program.interpreter import Program
from durascope.simulators.program.loop import Coroutine
from durascope.simulators.restate.attempt import Attempt
from durascope.simulators.restate.journal import CANCEL, Command


def handler(attempt: Attempt) -> Coroutine:
    """The code that the attempt's target names."""
    return _HANDLERS[attempt.start.target.kind](attempt)


def _run(attempt: Attempt) -> Coroutine:
    return attempt.program.main()


def _complete_promise(attempt: Attempt) -> Coroutine:
    name = attempt.start.target.handler
    yield from attempt.context.complete_promise(name, dict(attempt.start.run.input))


def _send_signal(attempt: Attempt) -> Coroutine:
    """A helper that sends a named signal: only handlers can."""
    name = attempt.start.target.handler
    target = attempt.start.run.input.get("target")
    attempt.command(Command("SendSignal", name, (), (target, name)))
    return
    yield CANCEL


def _query(attempt: Attempt) -> Coroutine:
    name = attempt.start.target.handler
    if attempt.start.target.of_workflow and name in promises_of(attempt):
        return (yield from attempt.context.peek_promise(name))
    return (yield from attempt.context.state(Get(get=name)))


def promises_of(attempt: Attempt) -> frozenset[str]:
    """The promises that the workflow waits for."""
    return frozenset(step.wait_for for step in attempt.workflow.walk() if isinstance(step, WaitFor))


def _update(attempt: Attempt) -> Coroutine:
    """The update's own steps; one that the workflow rejects fails for good."""
    name = attempt.start.target.handler
    update = attempt.workflow.updates[name]
    if update.rejects is not None and update.rejects.holds(attempt.start.run.input):
        raise WorkflowFailure(f"{name} is rejected", code=400)
    program = attempt.program
    return (yield from Program.body(program, update.steps))


_HANDLERS = {
    "run": _run,
    "complete-promise": _complete_promise,
    "send-signal": _send_signal,
    "query": _query,
    "update": _update,
}
