"""The bodies of steps: what an execution of one needs to know, read off the scenario once, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from durascope.models.scenario import Service
from durascope.models.steps import Run
from durascope.simulators.kernel.luck import Luck
from durascope.simulators.kernel.runs import RunInfo


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of executing a step's body once."""

    values: Mapping[str, object] = field(default_factory=dict[str, object])
    """The named outcomes of `result:`, usable in conditions."""
    error: str | None = None
    retryable: bool = True
    retry_after: int | None = None
    """Microseconds, where the error says when to try again."""
    size: int | None = None
    """Bytes of the result where the scenario names them."""

    @property
    def ok(self) -> bool:
        return self.error is None


UNAVAILABLE: Final = Outcome(error="ServiceUnavailable")
"""What a call gets during an outage of its service."""


class Body:
    """The body of a step that calls a service, or has none to call."""

    __slots__ = (
        "_fails",
        "_fine",
        "_result",
        "_size",
        "_takes",
        "check_us",
        "deduplicates",
        "effect",
        "effect_at",
        "effective",
        "failures",
        "idempotency_key",
        "lane",
        "price",
        "rejections",
        "step",
    )  # fmt: skip

    def __init__(self, step: Run, service: Service) -> None:
        self.step = step
        self.lane = step.on
        """The service's name; None: a step of its own."""
        self.price = service.price
        self.deduplicates = service.deduplicates
        self.failures = service.failures
        self.rejections = service.rejections
        self.idempotency_key = step.idempotency_key
        self.check_us = step.check_first
        """How long it takes to ask whether the effect is there already; None: it does not ask."""
        self.effect = step.effect
        """What the scenario calls its effect."""
        self.effect_at = 0.0 if step.effect_at == "never" else step.effect_at
        """How far into its time it has its side effect, if it has one."""
        self.effective = step.effect_at != "never"
        """Whether it has one when it ends well."""
        takes = service.latency if step.takes is None else step.takes
        self._takes = takes if isinstance(takes, tuple) else (takes,)
        self._fails = step.fails
        self._result = step.result
        self._size = step.size
        self._fine: dict[int, Outcome] = {}

    def takes(self, luck: Luck, run: RunInfo, key: str, attempt: int) -> int:
        """How long that attempt (from 1) takes, in microseconds."""
        takes = self._takes
        spread = takes[0] if attempt == 1 or len(takes) == 1 else takes[min(attempt, len(takes)) - 1]
        return spread.values[0] if spread.shape == "fixed" else spread.at(luck("latency", run.luck, key, attempt))

    def outcome(self, luck: Luck, run: RunInfo, key: str, attempt: int, down: bool) -> Outcome:
        """How that attempt ends, decided by the scenario and by luck, the same on every engine."""
        fails = self._fails
        if fails is not None and fails.fails(attempt):
            return Outcome(error=fails.error, retryable=fails.retryable, retry_after=fails.retry_after)
        if down:
            return UNAVAILABLE
        if self.failures and luck("failure", run.luck, key, attempt) < self.failures:
            return Outcome(error="ServiceError")
        if self.rejections and luck("rejection", run.luck, key) < self.rejections:
            return Outcome(error="Rejected", retryable=False)
        if self._result:
            return self._drawn(luck, run, key, attempt)
        return self._well(attempt)

    def found_done(self, luck: Luck, run: RunInfo, key: str, attempt: int) -> Outcome:
        """How an attempt ends that finds the effect there already: as the one that had it would have."""
        return self._drawn(luck, run, key, attempt) if self._result else self._well(attempt)

    def _drawn(self, luck: Luck, run: RunInfo, key: str, attempt: int) -> Outcome:
        shares = (self._result or {}).items()
        drawn = {name: luck("result", run.luck, key, name) < share for name, share in shares}
        return Outcome({"attempts": attempt, **drawn}, size=self._size)

    def _well(self, attempt: int) -> Outcome:
        fine = self._fine.get(attempt)
        if fine is None:
            fine = self._fine[attempt] = Outcome({"attempts": attempt}, size=self._size)
        return fine

    def has_effect(self, outcome: Outcome, attempt: int) -> bool:
        """Whether an attempt that ends so has its side effect."""
        if outcome.error is None:
            return self.effective
        fails = self._fails
        return self.effective and fails is not None and fails.moment == "after-effect" and fails.fails(attempt)
