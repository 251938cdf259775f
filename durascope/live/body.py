"""A step's body in a real app: takes its time, has its effect at its moment, fails as the scenario says, and reports.

The decisions (how long, whether it fails) are the simulation's own: the same luck, so that the real run and the
predicted one meet the same outside world.
"""

from __future__ import annotations

import asyncio
from typing import Any

from durascope.live.ledger import ask, count, report
from durascope.models.faults import Outage
from durascope.models.scenario import Scenario
from durascope.models.steps import Run
from durascope.models.units import FOREVER, SECOND
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.services import Outcome, Services


class Bodies:
    """Runs step bodies in one app process."""

    def __init__(self, scenario: Scenario, seed: int, port: int, process: str) -> None:
        self.services = Services(World(seed, full=False), scenario)
        self.port = port
        self.process = process
        self._with_outages = frozenset(fault.outage for fault in scenario.faults if isinstance(fault, Outage))

    async def execute(self, run: str | RunInfo, step: Run, name: str, key: str, attempt: int | None = None) -> Outcome:
        """Runs the body once; `attempt` is the engine's count, or the executions are counted in the ledger.

        `run` is its name where that is also its address for luck.
        """
        info = run if isinstance(run, RunInfo) else RunInfo(run, "", 0, None, {}, run)
        run = info.name
        number = await count(self.port, f"{run}/{key}") if attempt is None else attempt
        takes = self._takes(info, step, key, number) / SECOND
        await self.pass_moment(run, name, number, "started")
        outcome = await self._outcome(info, step, key, number)
        has_effect = step.effect_at != "never" and (outcome.ok or self._fails_after_its_effect(step, number))
        if has_effect:
            share = float(step.effect_at)
            await asyncio.sleep(takes * share)
            await self.pass_moment(run, name, number, "before-effect")
            known = await self._known(info, step, name)
            await self.pass_moment(run, name, number, "after-effect", deduplicated=known)
            await asyncio.sleep(takes * (1 - share))
        else:
            await asyncio.sleep(takes)
        if outcome.ok:
            await self.pass_moment(run, name, number, "reported")
        return outcome

    def _takes(self, run: RunInfo, step: Run, key: str, attempt: int) -> int:
        spread = step.takes_on(attempt) or self.services.service(step).latency
        return self.services.world.outside.sample(spread, "latency", run.luck, key, attempt)

    def _fails_after_its_effect(self, step: Run, attempt: int) -> bool:
        fails = step.fails
        return fails is not None and fails.fails(attempt) and fails.moment == "after-effect"

    async def _outcome(self, run: RunInfo, step: Run, key: str, attempt: int) -> Outcome:
        """How the body ends; a service that is away now fails the call."""
        if step.on is not None and step.on in self._with_outages and await ask(self.port, {"down": step.on}):
            self.services.outage(step.on, FOREVER)
            try:
                return self.services.outcome(run, step, key, attempt)
            finally:
                self.services._recover(step.on)
        return self.services.outcome(run, step, key, attempt)

    async def _known(self, run: RunInfo, step: Run, name: str) -> bool:
        """Whether the service has seen the idempotency key of this call: then it has no second effect."""
        if step.idempotency_key is None or not self.services.service(step).deduplicates:
            return False
        handed = run.input.get(step.idempotency_key, run.key)
        return await count(self.port, f"key {step.on or name}/{name}/{handed}") > 1

    async def pass_moment(self, run: str, name: str, attempt: int, moment: str, *, deduplicated: bool = False) -> None:
        """Reports a moment of a step, and goes on when what waits for it has been done."""
        await report(self.port, run, name, attempt, moment, self.process, deduplicated=deduplicated)


def result_of(step: Run, name: str, outcome: Outcome) -> Any:
    """What the step returns to the workflow, as JSON: its named outcomes, padded to `size` where that is given."""
    value: dict[str, object] = {"step": name, "ok": True, **outcome.values}
    if step.size:
        value["padding"] = "x" * max(0, step.size - len(str(value)))
    return value
