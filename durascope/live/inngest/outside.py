"""What a function's code knows of the outside, in any language: its run, its random draws, its events."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from durascope.live.inngest.recorder import IDENTITY
from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Bug, Call, Compute, Fail, Patched, Run, Send, Start, WaitFor
from durascope.simulators.inngest.functions import Function
from durascope.simulators.inngest.undo import UndoLog
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World

Ask = Callable[[Mapping[str, object]], Any]
"""Asks the ledger, and waits for its answer."""


class Outside:
    """The world around the code of one request."""

    def __init__(
        self,
        scenario: Scenario,
        functions: Mapping[str, Function],
        run: RunInfo,
        ask: Ask,
        *,
        world: World,
        created_at: int,
        since: Mapping[str, int],
    ) -> None:
        self.run = run
        self._scenario = scenario
        self._functions = functions
        self._ask = ask
        self._world = world
        self._created_at = created_at
        self._since = since

    def compute_time(self, step: Compute, key: str) -> int:
        """How long the code is busy, in microseconds."""
        return self._world.scenario_luck.sample(step.compute, "compute", self.run.luck, key)

    def computed(self, key: str) -> int:
        """How many times the run's code has come to that computation."""
        return int(self._ask({"count": f"computed/{self.run.name}/{key}"}))

    def code_fails(self, step: Fail | Bug, key: str) -> bool:
        times = step.times if isinstance(step, Fail) else None
        return times is None or int(self._ask({"count": f"bug/{self.run.name}/{key}"})) <= times

    def patched(self, _step: Patched) -> bool:
        """As users compare `event.ts` with the time of a deploy."""
        function = self._functions[self.run.workflow]
        return self._created_at >= self._since.get(function.workflow, 0)

    def match_field(self, step: WaitFor) -> str | None:
        """The field that a wait compares."""
        return step.match or self._functions[self.run.workflow].key

    def begun(self, step: Run, name: str) -> None:
        """Notes what undoes the step, where handlers of cancelled runs find it."""
        if step.undo is None:
            return
        log = UndoLog(self._scenario)
        log.begun(self.run, step, name)
        for undo in log.steps(self.run.name):
            told = undo.model_dump(mode="json", by_alias=True, exclude_defaults=True)
            self._ask({"ask": "begun", "run": self.run.name, "step": name, "undo": told})

    def event(self, step: Send | Start, key: str) -> tuple[str, Mapping[str, Any], int]:
        """What a `send` or `start` step posts: the event's name, data, and when it is due; 0: at once."""
        data: dict[str, Any] = dict(self.run.input)
        if isinstance(step, Start):
            name = self._functions[step.start].event
            data |= self._keyed(step.start, step.key)
        else:
            name = step.send
            data |= self._addressed(step.to)
        due_ms = 0 if not step.after else round(time.time() * 1_000 + step.after / 1_000)
        return name, {**data, IDENTITY: {**self._identity(key), "sender": self.run.name}}, due_ms

    def payload(self, step: Call, key: str) -> Mapping[str, Any]:
        """The data for a function that the code invokes."""
        return {**self.run.input, **self._keyed(step.call, step.key), IDENTITY: self._identity(key)}

    def _identity(self, key: str) -> Mapping[str, object]:
        return {"number": self.run.number, "luck": f"{self.run.luck}/{key}"}

    def _addressed(self, to: str | int | None) -> Mapping[str, Any]:
        if to is None:
            return {}
        if isinstance(to, int):
            found = self._ask({"ask": "input", "run": f"run {to}"})
            return found if isinstance(found, dict) else {}
        workflows = self._scenario.workflows.values()
        return {workflow.key: to for workflow in workflows if workflow.key is not None}

    def _keyed(self, function: str, key: object) -> Mapping[str, Any]:
        field = self._functions[function].key
        return {} if key is None or field is None else {field: str(self.run.input.get(str(key), key))}


def code_of(function: Function, workflows: Mapping[str, Workflow], undo: Callable[[], Any]) -> Workflow:
    """The steps of a function, in that version of the code; `undo` asks for those that undo a cancelled run's."""
    workflow = workflows[function.workflow]
    match function.kind:
        case "on-failure":
            return Workflow(steps=workflow.on_failure)
        case "on-cancel":
            return Workflow(steps=tuple(Run.model_validate(each) for each in undo()))
        case _:
            return workflow
