"""What a scenario's handlers are made of, whichever SDK serves them: their code, and what they call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from durascope.live.restate.context import App, Context
from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Compute, Get, WaitFor
from durascope.models.targets import Kind, Target, Targets
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.program.endings import WorkflowFailure
from durascope.simulators.program.interpreter import Program
from durascope.simulators.program.loop import Coroutine
from durascope.simulators.workload import run_info

CONTROL: Final = "Control"
"""The service that sends named signals: only handlers can."""
SEND_SIGNAL: Final = "send_signal"
READY: Final = "ready"
"""Its handler that only answers."""


class Handlers(App):
    """The handlers of a scenario."""

    def __init__(self, scenario: Scenario, seed: int, watched: frozenset[tuple[str, str]]) -> None:
        self.scenario = scenario
        self.targets = Targets(scenario)
        self.world = World(seed, full=False)
        self.watched = watched
        self.signals = scenario.deployments.restate.service.wait_for == "signal"

    def starters(self, event: str) -> Iterator[str]:
        return starters(self.scenario, event)

    def target(self, workflow: str, kind: Kind, name: str) -> Target:
        return self.targets.of(workflow, kind, name)

    def child(self, caller: RunInfo, number: int, workflow: str, key: object, luck: str) -> tuple[Target, RunInfo]:
        name = f"{caller.name}.{number}"
        entity = None if key is None else str(caller.input.get(str(key), key))
        run = run_info(self.world, self.scenario, workflow, name, caller.number, key=entity, given=caller.input)
        if entity is not None and run.key is None:
            run = replace(run, key=entity)
        target = self.targets.of(workflow)
        if run.key is None and target.service_kind == "workflow":
            run = replace(run, key=name)
        return target, replace(run, luck=f"{caller.luck}/{luck}")

    def run_of(self, request: Mapping[str, Any], restarted: str | None) -> RunInfo:
        """The run that a request is about; one that an operator has restarted has a name of its own."""
        run = RunInfo.from_plain(request)
        return run if not restarted else replace(run, name=restarted, luck=restarted)

    def coroutine(self, sdk: Context, target: Target, workflow: Workflow, run: RunInfo) -> Coroutine:
        program = Program(workflow, run, sdk, compute_time=lambda step, key: self._compute_time(run, step, key))
        match target.kind:
            case "run":
                return program.main()
            case "complete-promise":
                return sdk.complete_promise(target.name, dict(run.input))
            case "query":
                waits = (step.wait_for for step in workflow.walk() if isinstance(step, WaitFor))
                if target.service_kind == "workflow" and target.name in waits:
                    return sdk.peek_promise(target.name)
                return sdk.state(Get(get=target.name))
            case "update":
                return self._update(program, workflow, target.name, run)

    def _update(self, program: Program, workflow: Workflow, name: str, run: RunInfo) -> Coroutine:
        update = workflow.updates[name]
        if update.rejects is not None and update.rejects.holds(run.input):
            raise WorkflowFailure(f"{name} is rejected", code=400)
        return (yield from program.body(update.steps))

    def _compute_time(self, run: RunInfo, step: Compute, key: str) -> int:
        return self.world.scenario_luck.sample(step.compute, "compute", run.luck, key)


def starters(scenario: Scenario, event: str) -> Iterator[str]:
    """The workflows that an event starts."""
    for name, workflow in scenario.workflows.items():
        started_by = workflow.started_by
        if started_by is not None and started_by.event == event and started_by.of is None:
            yield name


def started_from_outside(scenario: Scenario) -> frozenset[str]:
    """The workflows that are started from outside: those have the deployment's inactivity timeout."""
    started_by = [name for name, workflow in scenario.workflows.items() if workflow.started_by is not None]
    return frozenset((*scenario.started, *started_by))
