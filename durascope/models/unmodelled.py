"""What a scenario may say and a model does not follow yet: said in notes and by `check`, never passed over in silence.

An engine that learns one of these takes its line out of `NOT_YET`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from durascope.models.leaf_steps import Awakeable, Call, Start
from durascope.models.scenario import Scenario
from durascope.models.steps import Race, Step


def unmodelled(scenario: Scenario, engine: str) -> list[str]:
    """What the scenario says and the model of that engine does not follow, and what it does instead."""
    return [
        f"{where} is not modelled yet: {instead}"
        for feature, instead in NOT_YET.get(engine, {}).items()
        for where in dict.fromkeys(USES[feature](scenario))
    ]


def _steps(scenario: Scenario) -> Iterator[Step]:
    return (step for workflow in scenario.workflows.values() for step in workflow.walk())


def _inngest_max_duration(scenario: Scenario) -> Iterator[str]:
    if scenario.deployments.inngest.app.max_duration is not None:
        yield "app.max_duration"


def _restate_max_duration(scenario: Scenario) -> Iterator[str]:
    if scenario.deployments.restate.service.max_duration is not None:
        yield "service.max_duration"


def _of_workflows(field: str) -> Callable[[Scenario], Iterator[str]]:
    def uses(scenario: Scenario) -> Iterator[str]:
        return (f"`{field}` of {name}" for name, each in scenario.workflows.items() if getattr(each, field) is not None)

    return uses


def _on_close(scenario: Scenario) -> Iterator[str]:
    for step in _steps(scenario):
        if isinstance(step, Call | Start) and step.on_close is not None:
            yield f"`on_close` of {step.label}"


def _awakeables(scenario: Scenario) -> Iterator[str]:
    return (
        step.label
        for workflow in scenario.workflows.values()
        for step in workflow.walk()
        if isinstance(step, Awakeable)
    )


def _plain_races(scenario: Scenario) -> Iterator[str]:
    for name, workflow in scenario.workflows.items():
        if any(isinstance(step, Race) and step.mode == "plain" for step in workflow.walk()):
            yield f"`race` with `mode: plain` of {name}"


def _of_workers(field: str) -> Callable[[Scenario], Iterator[str]]:
    def uses(scenario: Scenario) -> Iterator[str]:
        workers = scenario.deployments.temporal.workers
        return (f"`{field}` of {worker.name}" for worker in workers if getattr(worker, field) is not None)

    return uses


def _of_restate(part: str, field: str) -> Callable[[Scenario], Iterator[str]]:
    def uses(scenario: Scenario) -> Iterator[str]:
        if field in getattr(scenario.deployments.restate, part).model_fields_set:
            yield f"{part}.{field}"

    return uses


def _own_times(scenario: Scenario) -> Iterator[str]:
    return (f"`time` of event {each.name}" for each in scenario.workload.events if each.time is not None)


def _called_undo(scenario: Scenario) -> Iterator[str]:
    for workflow in scenario.workflows.values():
        if any(signal.then != "ignore" for signal in workflow.signals.values()):
            for step in workflow.walk():
                if isinstance(step, Call) and step.undo is not None:
                    yield f"`undo` of {step.label} when the run is cancelled"


USES: Final[dict[str, Callable[[Scenario], Iterator[str]]]] = {
    "app.max_duration": _inngest_max_duration,
    "service.max_duration": _restate_max_duration,
    "workflow.flow": _of_workflows("flow"),
    "workflow.retries": _of_workflows("retries"),
    "workflow.kind": _of_workflows("kind"),
    "workflow.service": _of_workflows("service"),
    "on_close": _on_close,
    "awakeable": _awakeables,
    "race.plain": _plain_races,
    "worker.threads": _of_workers("threads"),
    "worker.queue_rate": _of_workers("queue_rate"),
    "concurrent_invocations": _of_restate("server", "concurrent_invocations"),
    "idempotency_retention": _of_restate("service", "idempotency_retention"),
    "workflow_retention": _of_restate("service", "workflow_retention"),
    "journal_retention": _of_restate("service", "journal_retention"),
    "event.time": _own_times,
    "undo of a cancelled call": _called_undo,
}
"""Where a scenario uses each."""

NOT_YET: Final[dict[str, dict[str, str]]] = {
    "inngest": {
        "undo of a cancelled call": "a called run is not undone on cancellation",
    },
}
"""By engine: what its model does not follow, and what it does instead."""
