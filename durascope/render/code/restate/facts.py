"""What a workflow's handler has to do on Restate, whatever its language."""

from __future__ import annotations

from collections.abc import Iterator

from durascope.models.scenario import RestateDeployment, RestateRetry, Scenario
from durascope.models.serving import ServiceKind, serving
from durascope.models.steps import Finish, Parallel, Run, Send, Sleep, Step, Steps, WaitFor
from durascope.models.targets import Target
from durascope.render.code.program import Book, Operation, Told, all_steps

CANCELLED = 409
"""The code of the terminal error that a cancellation is."""
TIMED_OUT = 408
REJECTED = 400

CONTEXTS: dict[ServiceKind, tuple[str, str]] = {
    "service": ("Context", "Context"),
    "object": ("ObjectContext", "ObjectSharedContext"),
    "workflow": ("WorkflowContext", "WorkflowSharedContext"),
}
"""The context of a handler that has the key to itself, and of one beside it."""


def shared(target: Target) -> bool:
    """Whether a handler stands beside the one that has the key to itself: it may only read the state."""
    return target.kind == "query" or (target.service_kind == "workflow" and target.kind != "run")


def returns_text(told: Told) -> bool:
    """Whether the handler says how the run has ended."""
    finishes = any(isinstance(step, Finish) for step in all_steps(told.workflow))
    return finishes or (told.workflow.after_undo == "complete" and told.uses_undo)


def kind_of_wait(scenario: Scenario, workflow: str) -> str:
    """What a wait for an event is: a `promise` of a workflow, else a `signal` or an `awakeable`."""
    if serving(scenario, workflow).kind == "workflow":
        return "promise"
    return scenario.deployments.restate.service.wait_for


def uses(book: Book, kind: str) -> bool:
    """Whether any workflow waits for events in that way."""
    return any(told.waits and kind_of_wait(book.scenario, name) == kind for name, told in book.workflows.items())


def timed(book: Book) -> frozenset[Operation]:
    """The operations whose attempts have a time limit in some step."""
    found: set[Operation] = set()
    for name, told in book.workflows.items():
        for step in all_steps(told.workflow):
            for each in (step, getattr(step, "undo", None)):
                if isinstance(each, Run) and each.timeout is not None:
                    found.add(book.operation(name, each))
    return frozenset(found)


def single(steps: Steps) -> Run | Sleep | None:
    """The step of a branch that is one call of the context."""
    only = steps[0] if len(steps) == 1 else None
    return only if isinstance(only, Run | Sleep) else None


def singles(step: Step) -> list[Run | Sleep] | None:
    """The steps of branches that are one call of the context each; None: some are more."""
    branches = step.parallel if isinstance(step, Parallel) else getattr(step, "race", ())
    found = [single(branch) for branch in branches]
    return [each for each in found if each is not None] if found and None not in found else None


def starts_outside(scenario: Scenario, workflow: str) -> bool:
    """Whether runs are started from outside: those have the deployment's inactivity timeout."""
    started_by = scenario.workflows[workflow].started_by
    return workflow in scenario.started or started_by is not None


def inactivity(scenario: Scenario, workflow: str) -> int | None:
    """The inactivity timeout of a handler, where it is not the server's own."""
    timeout = scenario.deployments.restate.inactivity_timeout
    own = timeout != RestateDeployment().inactivity_timeout
    return timeout if own and starts_outside(scenario, workflow) else None


def retry_of(deployment: RestateDeployment) -> RestateRetry | None:
    """The retry policy of invocations, where it is not the server's own."""
    return None if deployment.retry == RestateRetry() else deployment.retry


def run_remarks(told: Told) -> Iterator[str]:
    """What a handler does, or leaves to others, in place of what Restate lacks."""
    workflow = told.workflow
    if workflow.run_timeout is not None:
        yield "No time limit of a run here: whoever waits for it gives up, or cancels it."
    if workflow.retry is not None:
        yield "A run that has failed for good is not retried: its caller does that."
    if any(signal.then == "ignore" for signal in workflow.signals.values()):
        yield "Nobody listens for events that are to be ignored."
    if told.cancels:
        yield "A cancellation comes from the admin API: the await under way fails with a TerminalError."


def remarks(step: Step) -> Iterator[str]:
    """What the code of a step does in place of what Restate lacks."""
    match step:
        case Run():
            if step.queue_timeout is not None:
                yield "A run waits in no queue of its own: there is no schedule-to-start timeout."
            if step.heartbeat is not None:
                yield "No heartbeats: a lost connection is noticed at once, a hung one by the abort timeout."
            if step.cancellation != "try":
                yield "A cancellation makes this await fail at once; that cannot be chosen."
        case WaitFor() if step.match is not None:
            yield f"Not matched by {step.match}: whoever sends it addresses this run."
        case _:
            pass


def waiting_for(book: Book, step: Send) -> str | None:
    """The workflow whose run, named by `to`, waits for what the step sends."""
    found = [
        name
        for name, told in book.workflows.items()
        if any(isinstance(each, WaitFor) and each.wait_for == step.send for each in all_steps(told.workflow))
    ]
    if isinstance(step.to, int):
        started = book.scenario.started
        found = [each for each in found if each == started[min(step.to, len(started)) - 1]]
    return found[0] if found else None
