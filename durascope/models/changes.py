"""Changes of a workflow's code, as a `deploy` fault describes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import BaseModel

from durascope.models.scenario import Change, Deploy, Scenario, Workflow
from durascope.models.steps import Choice, Step, Steps


def first_names(scenario: Scenario) -> dict[tuple[str, str], str]:
    """What steps that a deploy renames were called at first: by workflow and new name."""
    names: dict[tuple[str, str], str] = {}
    for deploy in (fault for fault in scenario.faults if isinstance(fault, Deploy)):
        for change in deploy.change:
            for old, new in (change.rename or {}).items():
                names[deploy.deploy, new] = names.get((deploy.deploy, old), old)
    return names


class Versions:
    """The code of each workflow, from deploy to deploy and back."""

    def __init__(self, code: dict[str, Workflow]) -> None:
        self.code = code
        """The latest of each; the same mapping that the engine has."""
        self._before: dict[str, list[Workflow]] = {}

    def deploy(self, fault: Deploy) -> Workflow:
        """The code that a deploy brings: the changed one, or the one before the latest change."""
        before = self._before.setdefault(fault.deploy, [])
        if not fault.rollback:
            before.append(self.code[fault.deploy])
            self.code[fault.deploy] = changed(self.code[fault.deploy], fault.change)
        elif before:
            self.code[fault.deploy] = before.pop()
        return self.code[fault.deploy]


def changed(workflow: Workflow, changes: Sequence[Change]) -> Workflow:
    """The workflow with the changes applied in order; a name that no step has changes nothing."""
    steps = workflow.steps
    for change in changes:
        steps = _changed(steps, change)
    return workflow.model_copy(update={"steps": steps})


def _changed(steps: Steps, change: Change) -> Steps:
    if change.append is not None:
        return (*steps, change.append)
    if change.rename is not None:
        names = change.rename
        return _each(steps, lambda step: (_renamed(step, names[step.label]) if step.label in names else step,))
    if change.drop is not None:
        return _each(steps, lambda step: () if step.label == change.drop else (step,))
    if change.insert is not None:
        insert = change.insert
        return _each(steps, lambda step: (insert.step, step) if step.label == insert.before else (step,))
    if change.swap is not None:
        first, second = (_named(steps, name) for name in change.swap)
        if first is None or second is None:
            return steps
        return _each(steps, lambda step: (second if step is first else first if step is second else step,))
    return steps


def _renamed(step: Step, name: str) -> Step:
    return step.model_copy(update={"name" if "name" in type(step).model_fields else step.kind: name})


def _named(steps: Steps, label: str) -> Step | None:
    for step in steps:
        if step.label == label:
            return step
        for block in step.blocks():
            found = _named(block, label)
            if found is not None:
                return found
    return None


def _each(steps: Steps, change: Callable[[Step], Steps]) -> Steps:
    """The program with every step of it, inner ones too, replaced by what `change` makes of it."""
    return tuple(_inside(new, change) for step in steps for new in change(step))


def _inside(step: Step, change: Callable[[Step], Steps]) -> Step:
    if not any(True for _ in step.blocks()):
        return step
    update: dict[str, object] = {}
    for name in type(step).model_fields:
        value: object = getattr(step, name)
        if name in ("parallel", "race") and isinstance(value, tuple):
            update[name] = tuple(_each(branch, change) for branch in value)
        elif name == "choose" and isinstance(value, tuple):
            update[name] = tuple(_choice(choice, change) for choice in value)
        elif name in ("do", "then", "on_timeout", "otherwise") and isinstance(value, tuple):
            update[name] = _each(value, change)
    return step.model_copy(update=update)


def _choice(choice: BaseModel, change: Callable[[Step], Steps]) -> BaseModel:
    assert isinstance(choice, Choice)
    field = "do" if choice.otherwise is None else "otherwise"
    return choice.model_copy(update={field: _each(choice.steps, change)})
