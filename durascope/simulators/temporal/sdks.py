"""Where Temporal's SDKs differ. All that are modelled are built on the Rust core, whose rules are elsewhere.

Sources: temporalio/sdk-typescript 1.22.0 (worker-options.ts, cancellation-scope.ts, workflow.ts, internals.ts),
temporalio 1.35 for Python (worker/_worker.py), read on 2026-11-26.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NORMAL_SHARE: Final = 0.2
"""Share of the polls for workflow tasks that ask the normal queue; the others ask the sticky one (§10)."""


@dataclass(frozen=True, slots=True)
class SdkRules:
    """What an SDK does in its own way."""

    name: str
    polls: int
    """The most polls at a time, of each kind; no more than there are slots."""
    scopes: bool
    """The code runs in a cancellation scope: once that is cancelled, nothing new can be begun in it. Else only what is
    awaited just then is cancelled, and what comes after it begins."""
    shortest_sleep: int
    """µs: a shorter sleep takes this long; 0: one of 0 is no timer."""
    fewest_slots: int
    """Slots for workflow tasks that a worker with a cache has at least."""
    fewest_cached: int
    """Runs that a cache holds at least."""
    slots_within_cache: bool
    """No more workflow tasks at a time than runs in the cache, where there is one (worker-options.ts)."""
    answers_last: bool
    """An update's result passes through the SDK's own promises before it is a command (`updateNextHandler`, `then`):
    the update that waits for its lock goes on first."""

    waits_let_go: bool
    """A wait with a timeout that is cancelled waits for its condition to be cancelled before it cancels its timer
    (asyncio.wait_for of Python 3.11, `_cancel_and_wait`): two turns of the loop."""

    losers_first: bool
    """The losers of a race ask for their cancellation before the code after it begins anything: a scope's cancellation
    takes fewer turns than the winner's result on its way out of `Promise.race` (recorded: t-202-024, t-202-039)."""


PYTHON: Final = SdkRules(
    "python", polls=5, scopes=False, shortest_sleep=0, fewest_slots=1, fewest_cached=1, slots_within_cache=False,
    answers_last=False, waits_let_go=True, losers_first=False,
)  # fmt: skip
TYPESCRIPT: Final = SdkRules(
    "typescript", polls=10, scopes=True, shortest_sleep=1_000, fewest_slots=2, fewest_cached=2, slots_within_cache=True,
    answers_last=True, waits_let_go=False, losers_first=True,
)  # fmt: skip

_MODELLED: Final = {rules.name: rules for rules in (PYTHON, TYPESCRIPT)}


def rules_of(sdk: str) -> SdkRules:
    """The rules of an SDK, or of the one that stands in for it."""
    return _MODELLED.get(sdk, PYTHON)
