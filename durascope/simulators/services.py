"""The outside world: services that steps call, and the ledger of the effects they have had.

The ledger survives every crash; duplicates are counted in it, from outside the engines. An `Execution` is one
execution of a step's body inside an app: it takes its time, has its effect at its moment, and reports.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from durascope.models.scenario import Scenario, Service
from durascope.models.steps import Run
from durascope.models.trace import Effect, Kind
from durascope.models.units import FOREVER, Spread
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import Call, World

OWN_STEP: Final = Service(latency=Spread.of(5_000))
"""A step that calls no service: code of its own, 5 ms."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the execution of a step's body gave."""

    values: dict[str, object] = field(default_factory=dict[str, object])
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
"""What a call to a service gives that is away."""


class Services:
    """All services of a scenario, and what has happened to them."""

    def __init__(self, world: World, scenario: Scenario) -> None:
        self.world = world
        self.scenario = scenario
        self.ledger: list[Effect] = []
        self.effects: dict[str, int] = {}
        """Effects by step; a step that began and had none counts 0."""
        self.executions: dict[str, int] = {}
        """How often each step's body began, over all runs."""
        self.duplicates = 0
        """Effects beyond the first of the same step of the same run."""
        self.spent = 0.0
        self._begun: dict[tuple[str, str], int] = {}
        self._had: dict[tuple[str, str, str], int] = {}
        self._keys: set[tuple[str, str, str]] = set()
        self._down: dict[str, int] = {}

    def outage(self, name: str, duration: int) -> None:
        self._down[name] = self._down.get(name, 0) + 1
        self.world.emit(name, Kind.OUTAGE_STARTED)
        if duration < FOREVER:
            self.world.ahead(duration, self._recover, name)

    def _recover(self, name: str) -> None:
        self._down[name] -= 1
        if not self._down[name]:
            self.world.emit(name, Kind.OUTAGE_ENDED)

    def begun(self, run: RunInfo, key: str) -> int:
        """How often the body of that step of that run has begun, over all crashes."""
        return self._begun.get((run.name, key), 0)

    def effect_counts(self) -> dict[str, dict[int, int]]:
        """By step: how many runs had how many of its effects (runs that had none are not in it)."""
        per_run: dict[tuple[str, str], int] = {}
        for (run, name, _key), count in self._had.items():
            per_run[run, name] = per_run.get((run, name), 0) + count
        counts: dict[str, dict[int, int]] = {}
        for (_run, name), count in per_run.items():
            runs = counts.setdefault(name, {})
            runs[count] = runs.get(count, 0) + 1
        return counts

    def execute(
        self,
        app: Component,
        run: RunInfo,
        step: Run,
        name: str,
        key: str,
        report: Callable[[Outcome], Any],
        attempt: int | None = None,
    ) -> Execution:
        """Begins a step's body in `app`; `report(outcome)` is called there at its end.

        `attempt` is the engine's own count; left out, the executions are counted here. The moments `started`,
        `before-effect`, `after-effect` and `reported` pass here; a fault at one of them stops what follows.
        """
        count = self._begun.get((run.name, key), 0) + 1
        self._begun[run.name, key] = count
        self.executions[name] = self.executions.get(name, 0) + 1
        self.effects.setdefault(name, 0)
        execution = Execution(self, app, run, step, name, key, count if attempt is None else attempt, report)
        execution.begin()
        return execution

    # ---- what one execution asks ---------------------------------------------------------------------------

    def service(self, step: Run) -> Service:
        return OWN_STEP if step.on is None else self.scenario.services.get(step.on, OWN_STEP)

    def is_down(self, step: Run) -> bool:
        return bool(self._down) and step.on is not None and self._down.get(step.on, 0) > 0

    def take_effect(self, run: RunInfo, step: Run, name: str, key: str, attempt: int) -> None:
        service = self.service(step)
        lane = step.on or name
        handed = None
        if step.idempotency_key is not None:
            handed = str(run.input.get(step.idempotency_key, run.key))
        known = service.deduplicates and handed is not None and (lane, name, handed) in self._keys
        if handed is not None:
            self._keys.add((lane, name, handed))
        if not known:
            self.effects[name] = self.effects.get(name, 0) + 1
            had = self._had.get((run.name, name, key), 0)
            self._had[run.name, name, key] = had + 1
            self.duplicates += had > 0
            self.spent += service.price
        if self.world.full:
            price = 0.0 if known else service.price
            self.ledger.append(Effect(self.world.now, lane, run.name, name, attempt, handed, known, price))

    def outcome(self, run: RunInfo, step: Run, key: str, attempt: int) -> Outcome:
        """How the execution ends, decided by the scenario and by luck, the same on every engine."""
        luck, fails = self.world.outside, step.fails
        if fails is not None and fails.fails(attempt):
            return Outcome(error=fails.error, retryable=fails.retryable, retry_after=fails.retry_after)
        if self.is_down(step):
            return UNAVAILABLE
        service = self.service(step)
        if service.failures and luck("failure", run.luck, key, attempt) < service.failures:
            return Outcome(error="ServiceError")
        if service.rejections and luck("rejection", run.luck, key) < service.rejections:
            return Outcome(error="Rejected", retryable=False)
        values: dict[str, object] = {"attempts": attempt}
        if step.result:
            for outcome, share in step.result.items():
                values[outcome] = luck("result", run.luck, key, outcome) < share
        return Outcome(values, size=step.size)


class Execution:
    """One execution of a step's body: begins, has its effect, ends and reports."""

    __slots__ = ("_call", "_outcome", "app", "attempt", "key", "name", "report", "run", "services", "step", "takes")

    def __init__(
        self,
        services: Services,
        app: Component,
        run: RunInfo,
        step: Run,
        name: str,
        key: str,
        attempt: int,
        report: Callable[[Outcome], Any],
    ) -> None:
        self.services = services
        self.app = app
        self.run = run
        self.step = step
        self.name = name
        self.key = key
        self.attempt = attempt
        self.report = report
        spread = step.takes_on(attempt) or services.service(step).latency
        self.takes = services.world.outside.sample(spread, "latency", run.luck, key, attempt)
        self._outcome: Outcome | None = None
        self._call: Call | None = None

    def begin(self) -> None:
        self.services.world.moment(self.app.name, Kind.STEP_STARTED, self.run, self.name, self.attempt)
        effect_at = self.step.effect_at
        self._outcome = self.services.outcome(self.run, self.step, self.key, self.attempt)
        if effect_at == "never" or not self._has_effect(self._outcome):
            self._after(self.takes, self._end)
        else:
            self._after(int(self.takes * effect_at), self._effect)

    def _has_effect(self, outcome: Outcome) -> bool:
        fails = self.step.fails
        return outcome.ok or (fails is not None and fails.fails(self.attempt) and fails.moment == "after-effect")

    def _effect(self) -> None:
        """The service changes something, unless it is away just now."""
        services, world, lane = self.services, self.services.world, self.app.name
        if services.is_down(self.step):
            self._outcome = UNAVAILABLE
        else:
            world.moment(lane, Kind.STEP_BEFORE_EFFECT, self.run, self.name, self.attempt)
            services.take_effect(self.run, self.step, self.name, self.key, self.attempt)
            world.moment(lane, Kind.STEP_AFTER_EFFECT, self.run, self.name, self.attempt)
        self._after(self.takes - int(self.takes * float(self.step.effect_at)), self._end)

    def _end(self) -> None:
        """The service's answer arrives; one that has gone away meanwhile does not answer, though it had its effect."""
        self._call = None
        world, outcome = self.services.world, self._outcome
        assert outcome is not None
        if outcome.ok and self.services.is_down(self.step):
            outcome = UNAVAILABLE
        if outcome.ok:
            world.moment(self.app.name, Kind.STEP_REPORTED, self.run, self.name, self.attempt)
        else:
            world.moment(self.app.name, Kind.STEP_FAILED, self.run, self.name, self.attempt, outcome.error)
        self.report(outcome)

    def _after(self, delay: int, then: Callable[[], Any]) -> None:
        if delay > 0:
            self._call = self.app.after(delay, then)
        else:
            then()

    @property
    def over(self) -> bool:
        return self._call is None

    def cancel(self) -> None:
        """Stops it where it is; what has not happened yet does not happen, nothing is reported."""
        self.app.cancel(self._call)
        self._call = None
