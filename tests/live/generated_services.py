"""Generated projects for Restate on the real server, driven as `verify` drives its own services: with all faults.

The project's endpoint runs its code; starts and events come from here, as the model draws them.
"""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from durascope.live import engines, listener, node, verification, ways
from durascope.live.ledger import Ledger
from durascope.live.plan import plan
from durascope.live.processes import Stage
from durascope.live.restate.endpoints import Endpoint, Endpoints
from durascope.live.restate.engine import RestateLive
from durascope.live.restate.handlers import CONTROL, READY
from durascope.live.restate.record import all_of, by_id
from durascope.live.verification import Verification, verify
from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Call, Run, Send, Start
from durascope.render.code.restate.typescript.names import MAIN
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.services import Services
from durascope.simulators.workload import run_info
from tests.live.written import written

HERE = Path(__file__).parent
PATIENCE = 10
"""Seconds within which an invocation that runs is known here by its name."""


class ProjectEndpoints(Endpoints):
    """What serves a generated project."""

    sdk = "python"

    def program(self, setting: Path, port: int, *more: str) -> list[str]:
        return [sys.executable, str(HERE / "generated_endpoint.py"), str(setting), *more]

    def replace(self, endpoint: Endpoint, code: Mapping[str, Workflow]) -> None:
        folder = endpoint.code.with_name(f"project-{endpoint.code.name}")
        written(self.scenario.model_copy(update={"workflows": dict(code)}), "restate", self.sdk, folder)
        endpoint.code.with_suffix(".folder").write_text(str(folder))
        super().replace(endpoint, code)


class ServiceLive(RestateLive):
    """Restate's server with a generated project."""

    hosting = ProjectEndpoints

    def __init__(self, scenario: Scenario, stage: Stage, ledger: Ledger, *, seed: int) -> None:
        super().__init__(scenario, stage, ledger, seed=seed)
        self._infos: dict[str, RunInfo] = {}
        ledger.answers |= {"given": self._given, "published": self._published}

    # ---- whose invocation it is --------------------------------------------------------------------------------

    def _given(self, message: Mapping[str, Any]) -> object:
        return dataclasses.asdict(self._info(str(message["invocation"])))

    def _published(self, message: Mapping[str, Any]) -> None:
        run = self._info(str(message["invocation"]))
        self.awakeables.learn(run.name, message["event"], message["id"])

    def _info(self, invocation: str) -> RunInfo:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for name, started in tuple(self.started.items()):
                if started.invocation == invocation:
                    return self._begun(name, started.run)
            child = self._child(invocation)
            if child is not None:
                return child
            time.sleep(0.01)
        raise LookupError(invocation)

    def _begun(self, name: str, run: RunInfo) -> RunInfo:
        return run if run.name == name else dataclasses.replace(run, name=name)

    def _child(self, invocation: str) -> RunInfo | None:
        """What a run has called: the name, and what the model draws for it."""
        if invocation in self._infos:
            return self._infos[invocation]
        journals = by_id(self.server.query("SELECT * FROM sys_journal ORDER BY id, index"))
        named = {each: name for name, each in all_of(self.started, journals)}
        name = named.get(invocation)
        if name is None or "." not in name:
            return None
        rows = self.server.query(f"SELECT target_handler_name FROM sys_invocation WHERE id = '{invocation}'")
        caller_name, number = name.rsplit(".", 1)
        caller = self._info(next(each for each, known in named.items() if known == caller_name))
        workflow = self.targets.label(str(rows[0]["target_handler_name"]))
        steps = self.scenario.workflows[caller.workflow].walk()
        reaching = [each for each in steps if isinstance(each, Call | Start | Send)]
        step = reaching[min(int(number), len(reaching)) - 1]
        key = getattr(step, "key", None)
        entity = None if key is None else str(caller.input.get(str(key), key))
        made = run_info(self.world, self.scenario, workflow, name, caller.number, key=entity, given=caller.input)
        self._infos[invocation] = dataclasses.replace(made, luck=f"{caller.luck}/{step.label}")
        return self._infos[invocation]


def verified(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, live: type[ServiceLive] = ServiceLive
) -> Verification:
    """The scenario verified with its own generated project in place of durascope's services."""

    def live_engine(_name: str) -> type[ServiceLive]:
        return live

    def as_request(run: RunInfo) -> dict[str, object]:
        return dict(run.input)

    with monkeypatch.context() as patch:
        for module in (engines, verification, ways):
            patch.setattr(module, "live_engine", live_engine)
        patch.setattr(RunInfo, "plain", as_request)
        return verify(scenario, "restate")


class TypeScriptEndpoints(ProjectEndpoints):
    """The same on the TypeScript SDK."""

    sdk = "typescript"

    def program(self, setting: Path, port: int, *more: str) -> list[str]:
        worker, service = node.node("restate/service.js")
        told = json.loads(setting.read_text("utf-8"))
        number = setting.stem.partition("-v")[2].partition("-")[0] or "1"
        folder = self.stage.directory / f"code-{number}.folder"
        own = {"folder": str(folder), "helper": CONTROL, "ready": READY}
        setting.write_text(json.dumps(told | own), "utf-8")
        shared = [sys.executable, "-I", "-S", listener.__file__, str(port)]
        environment = [f"DURASCOPE_NODE={Path(service).parents[2]}"]
        return ["/usr/bin/env", *environment, *shared, worker, str(HERE / "generated_service.js"), str(setting), *more]

    def replace(self, endpoint: Endpoint, code: Mapping[str, Workflow]) -> None:
        super().replace(endpoint, code)
        folder = Path(endpoint.code.with_suffix(".folder").read_text())
        packages = Path(node.node("restate/service.js")[1]).parents[2] / "node_modules"
        if not (folder / "node_modules").exists():
            (folder / "node_modules").symlink_to(packages)
        subprocess.run([packages / ".bin" / "tsc"], cwd=folder, check=True, capture_output=True, timeout=120)


class TypeScriptServiceLive(ServiceLive):
    """The same on the TypeScript SDK."""

    hosting = TypeScriptEndpoints

    def __init__(self, scenario: Scenario, stage: Stage, ledger: Ledger, *, seed: int) -> None:
        super().__init__(scenario, stage, ledger, seed=seed)
        self._services = Services(self.world, scenario)
        for (workflow, kind, name), target in self.targets._handlers.items():  # pyright: ignore[reportPrivateUsage]
            if kind == "run" and target.service_kind == "workflow":  # so the SDK calls every workflow's main handler
                changed = dataclasses.replace(target, handler=MAIN)
                self.targets._handlers[workflow, kind, name] = changed  # pyright: ignore[reportPrivateUsage]
        ledger.answers |= {"begun": self._begun_call, "planned": self._planned}

    def _step(self, run: RunInfo, name: str) -> Run:
        """The step of that name in the newest code that has it, undo steps included."""
        for endpoint in (*reversed(self.endpoints.serving), *self.endpoints.to_come):
            for step in _with_undo(endpoint.workflows[run.workflow]):
                if re.fullmatch(re.sub(r"\\\{\w+\\\}", ".*", re.escape(step.run)), name):
                    return step
        raise LookupError(name)

    def _begun_call(self, message: Mapping[str, Any]) -> object:
        run = self._info(str(message["invocation"]))
        number = self.ledger.take({"count": f"{run.name}/{message['key']}"})
        scheduled = (message["name"], "scheduled") in self.endpoints.watched
        return {"run": run.name, "step": message["name"], "execution": number, "scheduled": scheduled}

    def _planned(self, message: Mapping[str, Any]) -> object:
        run, name, key = self._info(str(message["invocation"])), str(message["name"]), str(message["key"])
        step, number = self._step(run, name), int(message["execution"])
        down = bool(self.ledger.take({"down": self._services.body(step).lane}))
        planned = plan(self.scenario, self._services, run, step, name, key, number, down=down)
        drawn, found = (
            [value for each, value in outcome.values.items() if each != "attempts"]
            for outcome in (planned.outcome, planned.found)
        )
        return {**planned.words, "drawn": drawn, "found": found}


def _with_undo(workflow: Workflow) -> Iterator[Run]:
    for step in workflow.walk():
        if isinstance(step, Run):
            yield step
        if isinstance(step, Run | Call) and step.undo_step is not None:
            yield step.undo_step
