"""A real activity that stands for every step of a scenario: the body runs, reports life, and returns or fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta
from typing import Any, Final

from temporalio import activity
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from durascope.live.body import Bodies
from durascope.live.temporal.settings import WorkerSettings, every_code, step_at, unpacked
from durascope.live.temporal.workflow import WARM_UP
from durascope.models.steps import Heartbeat
from durascope.models.units import SECOND
from durascope.simulators.kernel.runs import RunInfo

HEARTBEATS_S: Final = 0.2
"""Seconds between two heartbeats that the SDK lets through (as in the recordings)."""


class Activities:
    """The activities of one worker process."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.scenario = unpacked(settings.scenario)
        self.codes = (self.scenario, *every_code(unpacked(settings.origin)))
        self.bodies = Bodies(self.scenario, settings.seed, settings.ledger, settings.process)

    @activity.defn(dynamic=True)
    async def step(self, args: Sequence[RawValue]) -> dict[str, Any]:
        """Runs a step's body once, as the attempt that the engine counts. Raises ApplicationError if the step fails."""
        given: dict[str, Any] = activity.payload_converter().from_payload(args[0].payload)
        if WARM_UP in given:
            return {}
        step = step_at(self.codes, given["workflow"], given["label"], given["place"])
        run = RunInfo(given["run"], given["workflow"], given["number"], given["entity"], given["handed"], given["luck"])
        async with _alive(step.heartbeat):
            outcome = await self.bodies.execute(run, step, given["step"], given["key"], activity.info().attempt)
        if not outcome.ok:
            error = outcome.error or "Error"
            raise ApplicationError(
                error,
                type=error,
                non_retryable=not outcome.retryable,
                next_retry_delay=None if outcome.retry_after is None else timedelta(microseconds=outcome.retry_after),
            )
        result: dict[str, Any] = {"ok": given["step"], "values": outcome.values}
        if outcome.size:
            result["padding"] = "x" * max(0, outcome.size - len(str(result)))
        return result


@contextlib.asynccontextmanager
async def _alive(heartbeat: Heartbeat | None) -> AsyncGenerator[None]:
    """Reports life while the body runs, where the step says so."""
    if heartbeat is None or heartbeat.every == "never":
        yield
        return
    every_s = HEARTBEATS_S if heartbeat.every is None else heartbeat.every / SECOND
    beating = asyncio.create_task(_beat(every_s))
    try:
        yield
    finally:
        beating.cancel()


async def _beat(every_s: float) -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(every_s)
