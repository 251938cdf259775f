"""The names that a scenario defines, and where its steps are written: what references are checked against."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from durascope.models.engine import engines
from durascope.models.faults import Deploy
from durascope.models.scenario import Scenario
from durascope.models.source import Path
from durascope.models.steps import (
    Call,
    Choose,
    Compute,
    ForEach,
    Get,
    Parallel,
    Patched,
    Race,
    Repeat,
    Run,
    Set,
    Step,
    Steps,
    WaitFor,
)

ALWAYS_KNOWN: Final = ("attempts",)
"""Names that conditions may use in any workflow."""


@dataclass(frozen=True, slots=True)
class Written:
    """A step, the workflow that it belongs to, and where it is written."""

    workflow: str
    path: Path
    step: Step


@dataclass(frozen=True, slots=True)
class Names:
    """What is defined in a scenario."""

    steps: tuple[Written, ...]
    """Every step of every workflow, undo steps and those that a deploy brings included."""
    labels: Mapping[str, tuple[Step, ...]]
    """The steps that a fault or event may name, by label; those that a deploy renames also by their new one."""
    heard: tuple[str, ...]
    """The events that start a workflow, end a wait or are handled as signals."""
    awaited: tuple[str, ...]
    """The events that end a wait."""
    fields: tuple[str, ...]
    """The fields of inputs and events."""
    replicas: Mapping[str, int]
    """The components that can crash, and how many replicas each has at most on any engine."""

    @classmethod
    def of(cls, scenario: Scenario) -> Names:
        """The names of that scenario."""
        steps = tuple(_steps(scenario))
        awaited = tuple(each.step.wait_for for each in steps if isinstance(each.step, WaitFor))
        heard, labels = _heard(scenario, awaited), _labels(scenario, steps)
        return cls(steps, labels, heard, awaited, _fields(scenario), _replicas(scenario))

    def values(self, workflow: str) -> tuple[str, ...]:
        """The names that a condition in that workflow may ask for."""
        own = [written.step for written in self.steps if written.workflow == workflow]
        results = [name for step in own if isinstance(step, Run) for name in step.result or ()]
        drawn = [step.label for step in own if isinstance(step, Compute) and step.nondeterministic]
        loops = [step.as_ for step in own if isinstance(step, Repeat | ForEach) and step.as_]
        state = [step.set for step in own if isinstance(step, Set)] + [
            step.get for step in own if isinstance(step, Get)
        ]
        return (*results, *self.fields, *loops, *drawn, *state, *ALWAYS_KNOWN)

    def called(self, name: str) -> tuple[Step, ...]:
        """The steps that may have that name in a trace: `round-3` is one of `round-{n}`."""
        found = self.labels.get(name)
        if found is not None:
            return found
        return next((steps for label, steps in self.labels.items() if "{" in label and _is_one_of(name, label)), ())

    def labels_in(self, workflow: str, scenario: Scenario) -> tuple[str, ...]:
        """The labels of the steps of one workflow, at any time of its life."""
        own = [written.step.label for written in self.steps if written.workflow == workflow]
        return (
            *own,
            *(new for deploy in _deploys(scenario) if deploy.deploy == workflow for _, new in _renames(deploy)),
        )


def _is_one_of(name: str, label: str) -> bool:
    return re.fullmatch(re.sub(r"\\{\w+\\}", ".+", re.escape(label)), name) is not None


def blocks(step: Step) -> Iterator[tuple[Path, Steps]]:
    """The lists of steps inside of a step, with the keys that lead to them."""
    match step:
        case WaitFor():
            yield ("then",), step.then
            yield ("on_timeout",), step.on_timeout
        case Parallel():
            yield from (((step.kind, index), branch) for index, branch in enumerate(step.parallel))
        case Race():
            yield from (((step.kind, index), branch) for index, branch in enumerate(step.race))
        case Repeat() | ForEach():
            yield ("do",), step.do
        case Choose():
            for index, choice in enumerate(step.choose):
                yield ("choose", index, "do" if choice.otherwise is None else "otherwise"), choice.steps
        case Patched():
            yield ("do",), step.do
            yield ("otherwise",), step.otherwise
        case Run(undo=Run() as undo) | Call(undo=Run() as undo):
            yield ("undo",), (undo,)
        case _:
            pass


def _written(workflow: str, path: Path, steps: Steps) -> Iterator[Written]:
    for index, step in enumerate(steps):
        place = (*path, index)
        yield Written(workflow, place, step)
        for inner, block in blocks(step):
            yield from _written(workflow, (*place, *inner), block)


def _steps(scenario: Scenario) -> Iterator[Written]:
    for name, workflow in scenario.workflows.items():
        path = ("workflows", name)
        yield from _written(name, (*path, "steps"), workflow.steps)
        for update, each in workflow.updates.items():
            yield from _written(name, (*path, "updates", update, "steps"), each.steps)
        yield from _written(name, (*path, "on_failure"), workflow.on_failure)
    for number, fault in enumerate(scenario.faults):
        if isinstance(fault, Deploy):
            for index, change in enumerate(fault.change):
                at = ("faults", number, "change", index)
                if change.insert is not None:
                    yield from _written(fault.deploy, (*at, "insert", "step"), (change.insert.step,))
                if change.append is not None:
                    yield from _written(fault.deploy, (*at, "append"), (change.append,))


def _deploys(scenario: Scenario) -> Iterator[Deploy]:
    return (fault for fault in scenario.faults if isinstance(fault, Deploy))


def _renames(deploy: Deploy) -> Iterator[tuple[str, str]]:
    for change in deploy.change:
        yield from (change.rename or {}).items()


def _labels(scenario: Scenario, steps: tuple[Written, ...]) -> Mapping[str, tuple[Step, ...]]:
    labels: defaultdict[str, list[Step]] = defaultdict(list)
    for written in steps:
        labels[written.step.label].append(written.step)
    for deploy in _deploys(scenario):
        for old, new in _renames(deploy):
            labels[new] += labels.get(old, [])
    return {label: tuple(found) for label, found in labels.items()}


def _heard(scenario: Scenario, awaited: tuple[str, ...]) -> tuple[str, ...]:
    starts = [workflow.started_by for workflow in scenario.workflows.values()]
    return (
        *(start.event for start in starts if start is not None and start.event is not None),
        *awaited,
        *(signal for workflow in scenario.workflows.values() for signal in workflow.signals),
    )


def _fields(scenario: Scenario) -> tuple[str, ...]:
    workload = scenario.workload
    sent = [event.with_ for event in workload.events]
    given = [*(workload.inputs or ()), *sent, *([workload.start_with.with_] if workload.start_with else [])]
    return (
        *(field for workflow in scenario.workflows.values() for field in workflow.input),
        *(workflow.key for workflow in scenario.workflows.values() if workflow.key),
        *(field for fields in given for field in fields),
    )


def _replicas(scenario: Scenario) -> Mapping[str, int]:
    most: defaultdict[str, int] = defaultdict(lambda: 1, app=1, engine=1)
    for each in engines():
        found: Mapping[str, int] = each.components.load()(scenario.deployments.of(each.name)) if each.components else {}
        for name, replicas in found.items():
            most[name] = max(most[name], replicas)
    return dict(most)
