"""What Restate lacks for a scenario, and what its users do instead: said plainly, naming the step."""

from __future__ import annotations

from collections.abc import Iterator

from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Clear, Get, Patched, Run, Send, Set, Step, WaitFor


def notes(scenario: Scenario) -> Iterator[str]:
    """Every note of the scenario, in the order of the file."""
    service = scenario.deployments.restate.service
    if service.sdk not in ("python", "typescript"):
        yield f"sdk: {service.sdk} is not modelled; it is taken to behave like the Python SDK."
    if scenario.deployments.restate.server.nodes > 1:
        yield "nodes: recovery on another node follows the documentation; it was not recorded."
    for name, workflow in scenario.workflows.items():
        yield from _of_workflow(scenario, name, workflow)


def _of_workflow(scenario: Scenario, name: str, workflow: Workflow) -> Iterator[str]:
    if workflow.started_by is not None and workflow.started_by.cron is not None:
        yield (
            f"{name}: Restate has no cron; use a handler that sends itself a delayed call. Here its runs start when "
            "the workload says."
        )
    if workflow.retry is not None:
        yield f"{name}: a run that failed for good is not retried; its caller or an operator (restart as new) has to."
    if workflow.run_timeout is not None:
        yield f"{name}: there is no time limit for a run; race the work with a sleep, or cancel from outside."
    for signal, reaction in workflow.signals.items():
        if reaction.then == "ignore":
            yield f"{name}: no handler listens for {signal}; an event that would be ignored is not sent."
    keyed = workflow.one_at_a_time or (scenario.deployments.restate.service.kind != "service")
    for step in workflow.walk():
        yield from _of_step(scenario, step, keyed=keyed)


def _of_step(scenario: Scenario, step: Step, *, keyed: bool) -> Iterator[str]:
    label = step.label
    match step:
        case Run():
            yield from _of_run(step)
        case Get() | Set() | Clear() if not keyed:
            yield f"{label}: a plain service has no state; modelled as a variable of the code: use a virtual object."
        case Patched():
            yield f"{label}: code is not patched; old runs stay on the deployment that they began on."
        case Send() if step.to is None and not _starts(scenario, step.send):
            yield f"{label}: an event needs an address; without `to`, and starting no workflow, it is not sent."
        case WaitFor() if step.match is not None:
            yield f"{label}: events are not matched by content; the sender knows the id of the awakeable or the key."
        case _:
            pass


def _of_run(step: Run) -> Iterator[str]:
    label = step.label
    if step.timeout is not None:
        yield f"{label}: ctx.run has no per-attempt timeout; one inside the closure (asyncio.wait_for) is modelled."
    if step.queue_timeout is not None:
        yield f"{label}: runs have no queue of their own: queue_timeout has no effect."
    if step.heartbeat is not None:
        yield f"{label}: no heartbeats: a lost connection is noticed at once, a hung process by the abort timeout."
    if step.cancellation != "try":
        yield f"{label}: cancellation: {step.cancellation} cannot be chosen; the await fails at once."


def _starts(scenario: Scenario, event: str) -> bool:
    return any(each.started_by is not None and each.started_by.event == event for each in scenario.workflows.values())
