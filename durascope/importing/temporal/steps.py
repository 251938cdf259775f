"""The steps of a program, as a scenario writes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from durascope.importing.branches import Bug, Busy, Fork, Leaf, Node, Wait
from durascope.importing.places import places
from durascope.importing.temporal.activities import activity_step, is_activity, local_step
from durascope.importing.temporal.fitting import Fit
from durascope.importing.temporal.observing import Command, What, span
from durascope.importing.temporal.program import NEVER, Program, Steps
from durascope.importing.temporal.recording import Defaults
from durascope.importing.writing import Noted
from durascope.models.durations import format_duration

Step = Any
"""A step as plain values, with or without a comment."""


@dataclass(slots=True)
class Written:
    """A program as the parts of a workflow."""

    steps: list[Step]
    updates: dict[str, Any] = field(default_factory=dict[str, Any])
    on_failure: list[Step] = field(default_factory=list[Step])
    undone: bool = False
    """Whether anything is undone."""


def longest(updates: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Of each update, the one that did the most."""
    found = dict(updates)
    for name, each in others.items():
        if name not in found or len(found[name]["steps"]) < len(each["steps"]):
            found[name] = each
    return found


class Names(Protocol):
    """What other runs are called in the scenario."""

    def workflow(self, command: Command) -> str:
        """The workflow that a child is a run of."""
        ...

    def receiver(self, command: Command) -> str | int:
        """The run that a signal goes to: its number, or its key."""
        ...


def written(program: Program, defaults: Defaults, fit: Fit, names: Names, lost: Collection[Command]) -> Written:
    """The program as steps; `lost`: activities whose first attempt was under way when its worker died."""
    return _Writer(program, defaults, fit, names, lost).written()


class _Writer:
    def __init__(self, program: Program, defaults: Defaults, fit: Fit, names: Names, lost: Collection[Command]) -> None:
        self.lost = lost
        self.fit = fit
        self.program = program
        self.defaults = defaults
        self.names = names
        self.done: list[tuple[Command, dict[str, Any]]] = []
        """The steps that an undo can belong to, in the order in which they were asked for."""

    def written(self) -> Written:
        told = Written(self._sequence(self.program.steps))
        for update, branch in self.program.updates:
            steps = self._sequence(branch)
            told.updates = longest(told.updates, {update.name: {"steps": steps, "one_at_a_time": True}})
        self._undo(told)
        return told

    def _sequence(self, sequence: Steps) -> list[Step]:
        steps: list[Step] = []
        for each in sequence.items:
            steps += self._node(each)
        return steps

    def _node(self, node: Node[Command]) -> list[Step]:
        match node:
            case Leaf(command=command):
                return self._command(command)
            case Wait() as wait:
                return [self._wait(wait)]
            case Bug(message=message, times=None):
                return [{"bug": message or "bug"}]
            case Bug(message=message, times=times):
                return [{"fail": message or "bug", "retryable": True, "times": times}]
            case Busy(us=us):
                return [{"compute": format_duration(us // 1000 * 1000)}]
            case Fork() as fork:
                branches = [steps for each in fork.branches if (steps := self._sequence(each))]
                if len(branches) == 1 and not fork.race:
                    return branches[0]
                found = [each[0] if len(each) == 1 else each for each in branches]
                return [{"race" if fork.race else "parallel": found}]

    def _wait(self, wait: Wait[Command]) -> Step:
        if wait.name == NEVER:
            return Noted({"wait_for": NEVER}, "Inferred: nothing was under way, and the code had not come to its end.")
        step: dict[str, Any] = {"wait_for": wait.name}
        if wait.times > 1:
            step["times"] = wait.times
        if wait.timer is not None:
            step["timeout"] = format_duration(span(wait.timer.asked.a, "startToFireTimeout"))
        return step

    def _command(self, command: Command) -> list[Step]:
        if is_activity(command):
            step = self._activity(command)
            self.done.append((command, step))
            return [step]
        match command.what:
            case What.TIMER:
                return [{"sleep": format_duration(span(command.asked.a, "startToFireTimeout"))}]
            case What.CHILD:
                step = self._child(command)
                self.done.append((command, step))
                return [step]
            case What.PATCH:
                return [{"patched": command.name}]
            case What.SIGNAL:
                return [{"send": command.name, "to": self.names.receiver(command)}]
            case _:
                return []

    def _activity(self, command: Command) -> dict[str, Any]:
        if command.what is What.ACTIVITY:
            return activity_step(command, self.defaults, self.fit, lost=command in self.lost)
        return local_step(command, self.defaults)

    def _child(self, command: Command) -> dict[str, Any]:
        policy = str(command.asked.a.get("parentClosePolicy", "")).removeprefix("PARENT_CLOSE_POLICY_").lower()
        workflow = self.names.workflow(command)
        if command.detached:
            return {"start": workflow, **({} if policy == "abandon" else {"on_close": policy.replace("request_", "")})}
        step = {"call": workflow}
        if policy in ("abandon", "request_cancel"):
            step["on_close"] = "abandon" if policy == "abandon" else "cancel"
        return step

    # ---- what was done after a failure ---------------------------------------------------------------------

    def _undo(self, told: Written) -> None:
        """What followed a failure undoes the steps before it, the last one first."""
        undoing = [each for each in self.program.unwinding if is_activity(each)]
        if not undoing:
            return
        found = places([command.name for command, _ in self.done], [each.name for each in undoing])
        if found is None:
            told.on_failure = [step for each in self.program.unwinding for step in self._command(each)]
            return
        told.undone = True
        for place, command in zip(found, undoing, strict=True):
            step = self._activity(command)
            self.done[place][1]["undo"] = step
