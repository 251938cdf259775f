"""The settings of a worker process, in a file that a spare process waits for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from durascope.models.changes import Versions
from durascope.models.faults import Deploy
from durascope.models.scenario import Scenario
from durascope.models.steps import Run
from durascope.models.writing import as_plain

DEFAULT_QUEUE = "default"
"""The task queue of workers that name none."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """One process of a pool of workers."""

    target: str
    ledger: int
    process: str
    """The name that the stage and the ledger know it by."""
    incarnation: str
    """`worker-N`: the N-th process that runs workflows, in the order in which they came."""
    runs: Literal["workflows", "activities", "both"]
    queue: str
    cache: int
    slots: int
    seed: int
    scenario: dict[str, object]
    """With the code that this process has."""
    origin: dict[str, object]
    """As it was before any deploy."""
    ready: str
    """The file that it makes when it polls."""
    control: int = 0
    """The port on which it takes starts, where the start is to be eager."""
    sticky_ms: float = 10_000.0
    not_before: float = 0.0
    """When it may poll, in seconds since 1970: it gets ready before a fault's end."""
    activity_queue: str = DEFAULT_QUEUE
    eager: bool = True
    """Whether activities may start with the answer to the completion that schedules them."""

    def write(self, path: Path) -> None:
        """Writes the file atomically, since a spare process may be waiting for it."""
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(self)), "utf-8")
        draft.rename(path)

    @staticmethod
    def read(path: Path) -> WorkerSettings:
        return WorkerSettings(**json.loads(path.read_text("utf-8")))


def packed(scenario: Scenario) -> dict[str, object]:
    """A scenario as JSON values."""
    return as_plain(scenario)


def unpacked(values: dict[str, object]) -> Scenario:
    return Scenario.model_validate(values)


def workflow_queue(scenario: Scenario, workflow: str) -> str:
    """The queue that a workflow is started on: one named like it, else the first that runs workflows."""
    pools = [each for each in scenario.deployments.temporal.workers if each.runs != "activities"]
    queues = [each.queue or DEFAULT_QUEUE for each in pools]
    return workflow if workflow in queues else next(iter(queues), DEFAULT_QUEUE)


def activity_queue(scenario: Scenario) -> str:
    """The queue that workflow code sends its activities to unless their step names another."""
    pools = scenario.deployments.temporal.workers
    workflows = next((each for each in pools if each.runs != "activities"), None)
    activities = next((each for each in pools if each.runs != "workflows"), None)
    chosen = workflows if workflows is not None and workflows.runs == "both" else activities
    return (chosen.queue if chosen is not None else None) or DEFAULT_QUEUE


def place_of(scenario: Scenario, workflow: str, step: Run) -> int:
    """Which of the workflow's steps of that label it is, from 0."""
    return next((n for n, each in enumerate(_labelled(scenario, workflow, step.label)) if each == step), 0)


def step_at(codes: Sequence[Scenario], workflow: str, label: str, place: int) -> Run:
    """The step that `place_of` names, in the first of these codes that has one of that label."""
    for code in codes:
        here = _labelled(code, workflow, label)
        if here:
            return here[min(place, len(here) - 1)]
    return Run(run=label)


def every_code(scenario: Scenario) -> list[Scenario]:
    """The scenario as it begins, and with the code that each of its deploys brings.

    A deploy of a workflow replaces the processes that run workflows. Those that run activities only go on, and know
    the activities of every code: as if they had been brought up to date before, and kept what older runs still ask for.
    """
    workflows = dict(scenario.workflows)
    versions, codes = Versions(workflows), [scenario]
    for fault in scenario.faults:
        if isinstance(fault, Deploy):
            versions.deploy(fault)
            codes.append(scenario.model_copy(update={"workflows": dict(workflows)}))
    return codes


def _labelled(scenario: Scenario, workflow: str, label: str) -> list[Run]:
    steps = scenario.workflows[workflow].walk()
    return [step for step in steps if isinstance(step, Run) and step.label == label]
