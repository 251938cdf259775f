"""Runs the program module's coroutines on a real SDK's event loop.

A scenario's steps mean the same in a simulation and on a real engine: both run `simulators.program`. What its
`Sdk` yields here are the real SDK's awaitables, so that order, cancellation and replay are the real thing's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, cast

from durascope.simulators.program.loop import Coroutine, Future
from durascope.simulators.program.sdk import Sdk


async def drive(coroutine: Coroutine) -> Any:
    """Runs a coroutine of the program module to its end, awaiting what it yields."""
    value: Any = None
    thrown: BaseException | None = None
    while True:
        try:
            waited = coroutine.send(value) if thrown is None else coroutine.throw(thrown)
        except StopIteration as end:
            return end.value
        value = thrown = None
        try:
            value = await cast("Awaitable[Any]", waited)
        except BaseException as error:
            thrown = error


def awaited(awaitable: Awaitable[Any]) -> Coroutine:
    """Wraps a real awaitable as a coroutine of the program module: `result = yield from awaited(…)`."""
    return (yield cast("Future", awaitable))


class RealSdk(Sdk):
    """An `Sdk` on a real event loop: side by side means asyncio's own gather and wait."""

    def gather(self, branches: Sequence[Coroutine]) -> Coroutine:
        """Awaits every branch, then raises the first failure."""
        results = yield from awaited(asyncio.gather(*map(drive, branches), return_exceptions=True))
        for each in results:
            if isinstance(each, BaseException):
                raise each
        return results

    def race(self, branches: Sequence[Coroutine]) -> Coroutine:
        """Goes on with the first that ends, or raises what it raised; the losers are cancelled."""
        tasks = [asyncio.ensure_future(drive(branch)) for branch in branches]
        try:
            done, pending = yield from awaited(asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED))
        except BaseException:
            for task in tasks:
                task.cancel()
            raise
        for task in tasks:
            if task in pending:
                task.cancel()
        winner = next(task for task in tasks if task in done)
        winner.result()
        return tasks.index(winner)
