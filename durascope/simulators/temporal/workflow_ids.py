"""Workflow ids: what a run is called where others have to find it, and who is meant by a reference to one."""

from __future__ import annotations

from collections.abc import Mapping

from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import WaitFor
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.temporal.mutable_state import StartOptions
from durascope.simulators.workload import run_info


class WorkflowIds:
    """The ids of one scenario's runs."""

    __slots__ = ("_children", "_keyed", "_scenario", "_world")

    def __init__(self, world: World, scenario: Scenario) -> None:
        self._world = world
        self._scenario = scenario
        self._keyed = {name: workflow for name, workflow in scenario.workflows.items() if workflow.key is not None}
        self._children: dict[str, str] = {}
        """The workflow ids of called and started runs, where the workload's events are addressed to them."""

    def of(self, run: RunInfo) -> str:
        """A run's workflow id: its workflow and key, or its own name."""
        child = self._children.get(run.name)
        if child is not None:
            return child
        return f"{run.workflow}/{run.key}" if run.key is not None else run.name

    def meant(self, reference: object, event: str | None = None) -> str:
        """The id of the run that a step or an event is addressed to: a run's number, or a key."""
        if isinstance(reference, int):
            return self.of(self._numbered(reference))
        listening = [name for name, workflow in self._keyed.items() if event is None or _hears(workflow, event)]
        name = next(iter(listening or self._keyed), None)
        return str(reference) if name is None else f"{name}/{reference}"

    def found_by(self, event: str, payload: Mapping[str, object]) -> str | None:
        """The id of the run that an event without an address is for, by the key in its payload; None: it has none."""
        for name, workflow in self._keyed.items():
            if workflow.key is not None and workflow.key in payload and _hears(workflow, event):
                return f"{name}/{payload[workflow.key]}"
        return None

    def _numbered(self, number: int) -> RunInfo:
        return run_info(self._world, self._scenario, self._scenario.workflow_of(number), f"run {number}", number)

    def started_by(self, event: str) -> list[str]:
        """The workflows that an event starts."""
        return [
            name
            for name, workflow in self._scenario.workflows.items()
            if workflow.started_by is not None and workflow.started_by.event == event
        ]

    def child(
        self, parent: StartOptions, info: RunInfo, workflow: str, key: str, reference: object
    ) -> tuple[RunInfo, str]:
        """Who a child workflow is, and its workflow id."""
        chain = f".{parent.execution}" if parent.execution > 1 else ""
        label, _, again = key.rpartition(":")
        shown = f"{info.name}{chain}/" + (f"{label} {int(again) + 1}" if label and again.isdigit() else key)
        definition = self._scenario.workflows[workflow]
        given = {field: value for field, value in info.input.items() if field in definition.input}
        entity = None if reference is None else str(reference)
        if entity is None and definition.key is not None and definition.key in info.input:
            entity = str(info.input[definition.key])
        run = run_info(self._world, self._scenario, workflow, shown, info.number, key=entity, given=given)
        run = RunInfo(shown, workflow, info.number, run.key, run.input, f"{info.luck}/{key}", info.name)
        workflow_id = f"{workflow}/{entity}" if reference is not None else f"{parent.workflow_id}/{key}"
        if self._world.recorder.identities is not None:
            self._children[shown] = workflow_id
        return run, workflow_id


def _hears(workflow: Workflow, event: str) -> bool:
    return event in workflow.signals or any(
        isinstance(step, WaitFor) and step.wait_for == event for step in workflow.walk()
    )
