"""Generated projects on the real server, driven as `verify` drives its own workers: with the scenario's faults.

The project's workers run its code; starts and events come from here, as the model draws them.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from temporalio import common

from durascope.importing.temporal.lines import Event, attributes, kind, payload
from durascope.live import engines, node, verification, ways
from durascope.live.engine import Recording
from durascope.live.ledger import Ledger
from durascope.live.processes import Managed, Stage
from durascope.live.temporal import engine, outside
from durascope.live.temporal.engine import TemporalLive
from durascope.live.temporal.outside import Outside
from durascope.live.temporal.runs import Chain, Execution
from durascope.live.temporal.settings import place_of
from durascope.live.temporal.starting import REQUEST, StartOrder, is_entity, order, workflow_id
from durascope.live.temporal.workers import Place, Workers
from durascope.live.verification import Verification, verify
from durascope.models.changes import changed
from durascope.models.faults import Deploy
from durascope.models.scenario import Scenario
from durascope.render.code.program import Operation, told
from durascope.render.code.temporal.typescript.names import Named
from durascope.simulators.engine import StartRequest
from durascope.simulators.kernel.runs import RunInfo
from tests.live.written import written

HERE = Path(__file__).parent


class Sdk:
    """How projects of a language are made ready, and the command of their workers."""

    name = "python"

    def ready(self, folder: Path) -> None:
        """Builds a project that is to be run."""

    def command(self) -> Sequence[str]:
        return [sys.executable, str(HERE / "generated_worker.py")]


class TypeScript(Sdk):
    """Projects are compiled with the packages that `make .engines/.typescript` has installed."""

    name = "typescript"

    def ready(self, folder: Path) -> None:
        packages = Path(node.node("temporal/worker.js")[1]).parents[2] / "node_modules"
        (folder / "node_modules").symlink_to(packages)
        (folder / "src" / "workflows.test.ts").unlink()  # its package is not among them
        run = partial(subprocess.run, cwd=folder, check=True, capture_output=True, timeout=120)
        run([packages / ".bin" / "tsc"])
        run(["node", "lib/bundle.js"])

    def command(self) -> Sequence[str]:
        return ["node", str(HERE / "generated_worker.js")]


class ProjectWorkers(Workers):
    """Worker processes that run the project of the code that is deployed."""

    sdk: Sdk
    _projects: list[tuple[Scenario, Path]]

    def open(self) -> None:
        """Builds every version of the project before the first worker starts: a deploy takes no time then."""
        code = self.code
        for fault in code.faults:
            if isinstance(fault, Deploy):
                workflow = changed(code.workflows[fault.deploy], fault.change)
                code = code.model_copy(update={"workflows": {**code.workflows, fault.deploy: workflow}})
                self.project_of(code)
        super().open()

    def project_of(self, code: Scenario) -> Path:
        """The folder of the project of that code."""
        for known, folder in self._projects:
            if known.workflows == code.workflows:
                return folder
        folder = self.stage.directory / f"project-{len(self._projects) + 1}"
        self._projects.append((code, folder))
        self.sdk.ready(written(code, "temporal", self.sdk.name, folder))
        return folder

    def deploy(self, code: Scenario, down_for_s: float | None) -> Callable[[], None]:
        self.project_of(code)
        return super().deploy(code, down_for_s)

    def _spare(self) -> Managed:
        self._processes += 1
        name = f"process-{self._processes}"
        process = self.stage.process(name, [*self.sdk.command(), str(self.stage.directory / f"{name}.json")])
        process.lead_s = self._join_s
        process.start()
        return process

    def _assign(self, place: Place, due: float = 0.0) -> None:
        beside = self.stage.directory / f"{place.process.name}.project"
        beside.write_text(json.dumps(str(self.project_of(self.code))))
        super()._assign(place, due)


class ProjectOutside(Outside):
    """A client that starts the project's workflows: they know of no warm-up."""

    async def warm_up(self, count: int) -> None:
        del count


class ProjectLive(TemporalLive):
    """Temporal's server with a generated project."""

    sdk: Sdk

    def __init__(self, scenario: Scenario, stage: Stage, ledger: Ledger, *, seed: int) -> None:
        super().__init__(scenario, stage, ledger, seed=seed)
        self.named = Named(told(scenario))
        self.infos: list[RunInfo] = []
        ledger.answers["given"] = self._given

    def order(self, scenario: Scenario, request: StartRequest) -> StartOrder:
        """A start with the project's input, in place of what durascope's own workers are told."""
        run = request.run
        self.infos.append(run)
        given = dict(run.input)
        made = order(scenario, request)
        if self.sdk.name == "typescript":
            made = dataclasses.replace(made, workflow=self.named.functions[run.workflow])
        if is_entity(scenario.workflows[run.workflow], run):
            nothing: Any = common._arg_unset  # pyright: ignore[reportPrivateUsage]
            return dataclasses.replace(made, argument=nothing, update=(REQUEST, given))
        return dataclasses.replace(made, argument=given)

    def _given(self, message: Mapping[str, Any]) -> object:
        """Whose call an activity's is: what durascope's own workers are told of a step."""
        run = next(
            run
            for run in self.infos
            if workflow_id(run) == message["workflow"]
            and all(message["input"].get(field) in (None, value) for field, value in run.input.items())
        )
        operation = self._operation(message["type"])
        name = _label(operation, message["variables"])
        fields = () if operation.step.idempotency_key is None else (operation.step.idempotency_key,)
        return {
            "run": run.name,
            "luck": run.luck,
            "workflow": run.workflow,
            "number": run.number,
            "entity": run.key,
            "step": name,
            "label": operation.step.run,
            "place": place_of(self.scenario, run.workflow, operation.step),
            "key": name,
            "handed": {field: run.input[field] for field in fields if field in run.input},
        }

    def _operation(self, type_: str) -> Operation:
        projects = [self.named, *(Named(told(code)) for code in self._codes.code_of.values())]
        return next(it for project in projects for it, name in project.activities.items() if type_ in (it.name, name))

    def _seen(self, chain: Chain, execution: Execution, event: Event) -> None:
        if kind(event) == "ActivityTaskScheduled":
            scheduled: Any = attributes(event)
            scheduled["activityType"]["name"] = self._operation(scheduled["activityType"]["name"]).step.run
        super()._seen(chain, execution, event)

    def _named(self) -> list[tuple[str, Execution]]:
        return [
            (name, Execution(execution.run_id, [self._relabelled(event) for event in execution.history]))
            for name, execution in super()._named()
        ]

    def _relabelled(self, event: Event) -> Event:
        """The event with the step's name, where loop variables are arguments of the activity."""
        if kind(event) != "ActivityTaskScheduled":
            return event
        changed: dict[str, Any] = copy.deepcopy(dict(event))
        scheduled: Any = attributes(changed)
        operation = self._operation(scheduled["activityType"]["name"])
        given = [payload(scheduled.get("input"), n + 1) for n in range(len(operation.variables))]
        scheduled["activityType"]["name"] = _label(operation, given)
        return changed

    def recording(self) -> Recording:
        found = super().recording()
        facts = {name: value for name, value in found.facts.items() if name != "replayed"}
        return dataclasses.replace(found, facts=facts)


def _label(operation: Operation, variables: Sequence[object]) -> str:
    name = operation.step.run
    for variable, value in zip(operation.variables, variables, strict=True):
        name = name.replace(f"{{{variable}}}", str(value))
    return name


def verified(scenario: Scenario, sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> Verification:
    """The scenario verified with its own generated project in place of durascope's workers."""
    lives: list[ProjectLive] = []

    class OfProject(ProjectWorkers):
        def __init__(self, *given: Any, **named: Any) -> None:
            self.sdk, self._projects = sdk, []
            super().__init__(*given, **named)

    class Live(ProjectLive):
        def __init__(self, *given: Any, **named: Any) -> None:
            self.sdk = sdk
            super().__init__(*given, **named)
            lives.append(self)

    def ordered(scenario: Scenario, request: StartRequest) -> StartOrder:
        return lives[-1].order(scenario, request)

    def live_engine(_name: str) -> type[Live]:
        return Live

    with monkeypatch.context() as patch:
        for module in (engines, verification, ways):
            patch.setattr(module, "live_engine", live_engine)
        patch.setattr(engine, "Workers", OfProject)
        patch.setattr(engine, "Outside", ProjectOutside)
        patch.setattr(outside, "order", ordered)
        return verify(scenario, "temporal")
