"""A step's body in a real app: takes its time, has its effect at its moment, fails as the scenario says, and reports.

The decisions (how long, whether it fails) are the simulation's own random draws, so that the real run and the
predicted one meet the same outside world.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Final

from durascope.live.ledger import ask, asked, count, report, tell_now
from durascope.models.faults import Outage
from durascope.models.scenario import Scenario
from durascope.models.steps import Run
from durascope.models.units import SECOND
from durascope.simulators.bodies import UNAVAILABLE, Body, Outcome
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World
from durascope.simulators.services import Services

TOLD: Final = frozenset(("started", "after-effect", "reported"))
"""The moments that are counted and timed, whether anything waits for them or not."""

HUNG_S: Final = 0.1
"""Seconds: who comes so much too late to the end of a wait has hung, and what follows the wait begins only then."""


class Clock:
    """The time of one execution of a body. What it asks the ledger takes no time of it: its ends are deadlines.

    Where a moment sets something off, it stands still, as the model's bodies do.
    """

    def __init__(self, began: float | None = None) -> None:
        """`began`: by the loop's clock; left out: now."""
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time() if began is None else began
        self._us = 0.0

    async def stands_still(self, while_: Awaitable[bool]) -> None:
        """Waits; it has been no time of the body's if what is awaited says so."""
        before = self._loop.time()
        if await while_:
            self._began += self._loop.time() - before

    async def takes(self, us: float) -> None:
        """Waits until `us` microseconds after the deadline before."""
        self._us += us
        due = self._began + self._us / SECOND
        await asyncio.sleep(max(0.0, due - self._loop.time()))
        late_s = self._loop.time() - due
        if late_s > HUNG_S:
            self._began += late_s


class Bodies:
    """Runs step bodies in one app process."""

    def __init__(self, scenario: Scenario, seed: int, port: int, process: str) -> None:
        self.services = Services(World(seed, full=False), scenario)
        self.port = port
        self.process = process
        self._asked = asks(scenario)
        self._awaited = awaited(scenario)
        self._with_outages = frozenset(fault.outage for fault in scenario.faults if isinstance(fault, Outage))

    async def execute(
        self,
        run: str | RunInfo,
        step: Run,
        name: str,
        key: str,
        attempt: int | None = None,
        *,
        began: float | None = None,
    ) -> Outcome:
        """Runs the body once; `attempt` is the engine's count, or the executions are counted in the ledger.

        `run` may be its name, if that also addresses its random draws; `began`: when the SDK called it.
        """
        clock = Clock(began)
        info = run if isinstance(run, RunInfo) else RunInfo(run, "", 0, None, {}, run)
        run, body = info.name, self.services.body(step)
        number = await count(self.port, f"{run}/{key}") if attempt is None else attempt
        await clock.stands_still(self.pass_moment(run, name, number, "started"))
        if body.check_us is not None:
            known_by = self.services.effect_name(info, body, name, key)
            found = await self.look(info, body, name, key, number, known_by, clock)
            if found is not None:
                return found
        return await self.act(info, body, name, key, number, clock)

    async def look(
        self, info: RunInfo, body: Body, name: str, key: str, number: int, known_by: str, clock: Clock
    ) -> Outcome | None:  # fmt: skip
        """Asks the service whether it knows the effect; returns how the body ends if it does, else None."""
        await clock.takes(body.check_us or 0)
        if await self._is_down(body):
            return UNAVAILABLE
        if not await asked(self.port, known_by):
            return None
        await self.pass_moment(info.name, name, number, "reported")
        return body.found_done(self.services.world.scenario_luck, info, key, number)

    async def act(self, info: RunInfo, body: Body, name: str, key: str, number: int, clock: Clock) -> Outcome:
        """The call of the service: it is down or not when it is called, has its effect, and answers."""
        run, luck = info.name, self.services.world.scenario_luck
        takes = body.takes(luck, info, key, number)
        outcome = body.outcome(luck, info, key, number, await self._is_down(body))
        if body.has_effect(outcome, number):
            await clock.takes(takes * body.effect_at)
            if await self._is_down(body):
                outcome = UNAVAILABLE
            else:
                await clock.stands_still(self.pass_moment(run, name, number, "before-effect"))
                await clock.stands_still(asyncio.shield(self._has_effect(info, body, name, key, number)))
            await clock.takes(takes * (1 - body.effect_at))
        else:
            await clock.takes(takes)
        if outcome.ok and await self._is_down(body):
            outcome = UNAVAILABLE
        if outcome.ok:
            await self.pass_moment(run, name, number, "reported")
        return outcome

    async def _has_effect(self, info: RunInfo, body: Body, name: str, key: str, number: int) -> bool:
        """Happens in the service, in one go: a body that is cancelled while it is told of has had its effect."""
        known = await self._known(info, body, name)
        await self.note_effect(info, body, name, key)
        return await self.pass_moment(info.name, name, number, "after-effect", deduplicated=known)

    async def note_effect(self, info: RunInfo, body: Body, name: str, key: str) -> None:
        """Makes the effect known to those who ask for it (`check_first`)."""
        if self._asked:
            await count(self.port, self.services.effect_name(info, body, name, key))

    async def _is_down(self, body: Body) -> bool:
        """Whether the service is down just now; only the conductor of the scenario's faults knows."""
        return body.lane in self._with_outages and bool(await ask(self.port, {"down": body.lane}))

    async def _known(self, run: RunInfo, body: Body, name: str) -> bool:
        """Whether the service has seen the idempotency key of this call: then it has no second effect."""
        if body.idempotency_key is None or not body.deduplicates:
            return False
        handed = run.input.get(body.idempotency_key, run.key)
        return await count(self.port, f"key {body.lane or name}/{name}/{handed}") > 1

    async def pass_moment(self, run: str, name: str, attempt: int, moment: str, *, deduplicated: bool = False) -> bool:
        """Reports a moment of a step, and goes on when what waits for it has been done: whether anything was."""
        if moment in self._awaited:
            return await report(self.port, run, name, attempt, moment, self.process, deduplicated=deduplicated)
        if moment in TOLD:
            tell_now(self.port, run, name, attempt, moment, self.process, deduplicated=deduplicated)
        return False


def asks(scenario: Scenario) -> bool:
    """Whether any step asks its service for an effect first; then all effects are counted by name."""
    return any(step.check_first is not None for _, step in scenario.runs())


def awaited(scenario: Scenario) -> frozenset[str]:
    """The moments of steps that a fault or an event of the scenario waits for."""
    triggers = [getattr(each, "when", None) for each in (*scenario.faults, *scenario.workload.events)]
    return frozenset(str(each.moment) for each in triggers if each is not None and each.moment is not None)


def result_of(step: Run, name: str, outcome: Outcome) -> Any:
    """What the step returns to the workflow, as JSON: its named outcomes, padded to `size` where that is given."""
    value: dict[str, object] = {"step": name, "ok": True, **outcome.values}
    if step.size:
        value["padding"] = "x" * max(0, step.size - len(str(value)))
    return value
