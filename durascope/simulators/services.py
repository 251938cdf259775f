"""The outside world: services that steps call, and the ledger of the effects they have had.

The ledger survives every crash; duplicates are counted in it, from outside the engines. An `Execution` is one
execution of a step's body inside an app: it takes its time, has its effect at its moment, and reports.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from durascope.models.changes import first_names
from durascope.models.scenario import OWN_STEP, Scenario
from durascope.models.steps import Run
from durascope.models.trace import Effect, Kind
from durascope.models.units import FOREVER
from durascope.simulators.bodies import UNAVAILABLE, Body, Outcome
from durascope.simulators.kernel.clock import Steps
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import Callback, World
from durascope.simulators.program.labels import filled, scope_of

_STEP_STARTED: Final = Kind.STEP_STARTED
_STEP_BEFORE_EFFECT: Final = Kind.STEP_BEFORE_EFFECT
_STEP_AFTER_EFFECT: Final = Kind.STEP_AFTER_EFFECT
_STEP_REPORTED: Final = Kind.STEP_REPORTED

NEWS_US: Final = 7_000
"""What a body's moment sets off comes first: who dies there closes its connections, and what is sent is accepted; in
this time the body stands at its moment, as one does that waits for an answer. (A request of 2 to 5 ms, its answer, and
the body's own: of 3, 5, 6, 7, 8 and 10 ms the one that gives most of 28 recordings with such a moment on Temporal.)"""

FORGET_US: Final = 600_000_000
"""Where there are very many runs, what is known of one is forgotten so long after its end (10 min)."""

KNOWN_BODIES: Final = 1_000
"""How many bodies are remembered: more steps than a scenario has, but steps are also made while a run unwinds."""


class Services:
    """All services of a scenario, and what has happened to them."""

    __slots__ = (
        "_begun", "_bodies", "_counts", "_ended", "_first_names", "_forgotten", "_had", "_keys", "_of_run", "down",
        "duplicates", "effects", "executions", "ledger", "scenario", "spent", "world",
    )  # fmt: skip

    def __init__(self, world: World, scenario: Scenario) -> None:
        self.world = world
        self.scenario = scenario
        self.ledger: list[Effect] = []
        self.effects: dict[str, int] = {}
        """Effects by step; a step that began and had none counts 0."""
        self.executions: dict[str, int] = {}
        """How often each step's body began, over all runs."""
        self.duplicates = 0
        """Effects that had happened before (scenario language, "steps": which effects are the same)."""
        self.spent = 0.0
        self._begun: dict[tuple[str, str], int] = {}
        self._had: dict[str, dict[tuple[str, str], int]] = {}
        """By what is counted (a step's `effect:`, or the step): the effects of each (run, key)."""
        self._keys: set[tuple[str, str]] = set()
        """The services and the idempotency keys that have had an effect."""
        self._first_names = first_names(scenario)
        self.down: dict[str, int] = {}
        """Outages under way, by service."""
        self._bodies: dict[int, Body] = {}
        self._of_run: dict[str, list[tuple[dict[tuple[str, str], int], tuple[str, str]]]] = {}
        """By run: where something is known of it. Only with so many runs that it is forgotten again."""
        self._counts: dict[int, str] = {}
        """By the identity of a table of `_had`: what it counts."""
        self._ended: deque[tuple[int, str]] = deque()
        self._forgotten: dict[str, Counter[int]] = {}
        """By what is counted: how many of the runs that are forgotten had how many effects."""
        if world.many:
            world.forget = self._forget

    # ---- many runs -----------------------------------------------------------------------------------------

    def _known_of(self, run: RunInfo, table: dict[tuple[str, str], int], entry: tuple[str, str]) -> None:
        self._of_run.setdefault(run.name, []).append((table, entry))

    def _forget(self, run: RunInfo) -> None:
        """What is known of a run is kept for a while after its end: an attempt may still be under way."""
        now = self.world.now
        self._ended.append((now, run.name))
        while self._ended and self._ended[0][0] <= now - FORGET_US:
            effects: dict[str, int] = {}
            for table, entry in self._of_run.pop(self._ended.popleft()[1], ()):
                count = table.pop(entry, 0)
                counted = self._counts.get(id(table))
                if counted is not None:
                    effects[counted] = effects.get(counted, 0) + count
            for counted, count in effects.items():
                self._forgotten.setdefault(counted, Counter())[count] += 1

    def outage(self, name: str, duration: int) -> None:
        """The service fails every call for that long."""
        self.world.process(self._outage(name, duration))

    def _outage(self, name: str, duration: int) -> Steps:
        self.down[name] = self.down.get(name, 0) + 1
        self.world.emit(name, Kind.OUTAGE_STARTED)
        if duration < FOREVER:
            yield self.world.env.timeout(duration)
            self.down[name] -= 1
            if not self.down[name]:
                self.world.emit(name, Kind.OUTAGE_ENDED)

    def begun(self, run: RunInfo, key: str) -> int:
        """How often the body of that step of that run has begun, over all crashes."""
        return self._begun.get((run.name, key), 0)

    def effect_counts(self) -> dict[str, dict[int, int]]:
        """By step: how many runs had how many of its effects (runs that had none are not in it)."""
        found: dict[str, dict[int, int]] = {}
        for name, had in self._had.items():
            counts = Counter(_by_run(had).values())
            counts.update(self._forgotten.get(name, ()))
            found[name] = dict(counts)
        return found

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
        begun, known = (run.name, key), self._begun
        count = known[begun] = known.get(begun, 0) + 1
        if count == 1 and self.world.many:
            self._known_of(run, known, begun)
        if name in self.executions:
            self.executions[name] += 1
        else:
            self.executions[name] = 1
            self.effects.setdefault(name, 0)
        body = self._bodies.get(id(step)) or self.body(step)
        execution = Execution(self, app, run, body, name, key, count if attempt is None else attempt, report)
        execution.begin()
        return execution

    def takes(self, run: RunInfo, step: Run, key: str, attempt: int) -> int:
        """How many microseconds that execution of the step's body takes."""
        body = self.body(step)
        return (body.check_us or 0) + body.takes(self.world.scenario_luck, run, key, attempt)

    # ---- what one execution asks ---------------------------------------------------------------------------

    def body(self, step: Run) -> Body:
        """What is known of a step's body (it keeps the step, so that nothing else can have its identity)."""
        body = self._bodies.get(id(step))
        if body is None:
            if len(self._bodies) >= KNOWN_BODIES:
                self._bodies.clear()
            service = OWN_STEP if step.on is None else self.scenario.services.get(step.on, OWN_STEP)
            body = self._bodies[id(step)] = Body(step, service)
        return body

    def is_down(self, body: Body) -> bool:
        return body.lane is not None and self.down.get(body.lane, 0) > 0

    def take_effect(self, run: RunInfo, body: Body, name: str, key: str, attempt: int) -> None:
        handed = self._handed(run, body)
        told = None if handed is None else (body.lane or name, handed)
        known, again = body.deduplicates and told in self._keys, False
        if not known:
            self.effects[name] += 1
            counted, key = self._counted(run, body, name, key)
            all_had = self._had.get(counted)
            if all_had is None:
                all_had = self._had[counted] = {}
                self._counts[id(all_had)] = counted
            doer = (run.name, key)
            had = all_had[doer] = all_had.get(doer, 0) + 1
            if had == 1 and self.world.many:
                self._known_of(run, all_had, doer)
            again = had > 1 if told is None or body.effect is not None else told in self._keys
            if again:
                self.duplicates += 1
            self.spent += body.price
        if told is not None:
            self._keys.add(told)
        if self.world.full and not self.world.recorder.overflows:
            service, price = body.lane or name, 0.0 if known else body.price
            self.ledger.append(
                Effect(self.world.now, service, run.name, name, attempt, handed, known, price, again=again)
            )

    def is_done(self, run: RunInfo, body: Body, name: str, key: str) -> bool:
        """Whether the service knows of the effect that this call is to have."""
        handed = self._handed(run, body)
        if handed is not None:
            return (body.lane or name, handed) in self._keys
        counted, key = self._counted(run, body, name, key)
        return (run.name, key) in self._had.get(counted, ())

    def effect_name(self, run: RunInfo, body: Body, name: str, key: str) -> str:
        """What tells the effect of a call from all others, in one line: what `is_done` looks for."""
        handed = self._handed(run, body)
        if handed is not None:
            return f"effect {body.lane or name}/{handed}"
        counted, key = self._counted(run, body, name, key)
        return f"effect {run.name}/{counted}/{key}"

    def _handed(self, run: RunInfo, body: Body) -> str | None:
        """The idempotency key that the service is handed; a run whose input has no such field hands none."""
        if body.idempotency_key is None:
            return None
        value = run.input.get(body.idempotency_key, run.key)
        return None if value is None else str(value)

    def _counted(self, run: RunInfo, body: Body, name: str, key: str) -> tuple[str, str]:
        """What the effect is counted as, and which of the run's it is: a renamed step still has the same effect."""
        if body.effect is not None:
            effect = filled(body.effect, scope_of(body.step.run, name))
            return effect, effect
        if self._first_names:
            first = self._first_names.get((run.workflow, name), name)
            return first, key.replace(name, first, 1)
        return name, key


def _by_run(had: dict[tuple[str, str], int]) -> Mapping[Any, int]:
    """The effects of each run; keys tell several uses of a step apart, which few runs have."""
    if len({run for run, _ in had}) == len(had):
        return had
    total: dict[str, int] = {}
    for (run, _), count in had.items():
        total[run] = total.get(run, 0) + count
    return total


class Execution:
    """One execution of a step's body: begins, has its effect, ends and reports."""

    __slots__ = (
        "_call", "_cancelled", "_outcome", "_yields", "app", "attempt", "body", "key", "name", "report", "run",
        "services", "takes",
    )  # fmt: skip

    def __init__(
        self, services: Services, app: Component, run: RunInfo, body: Body, name: str, key: str, attempt: int,
        report: Callable[[Outcome], Any],
    ) -> None:  # fmt: skip
        self.services = services
        self.app = app
        self.run = run
        self.body = body
        self.name = name
        self.key = key
        self.attempt = attempt
        self.report = report
        self.takes = body.takes(services.world.scenario_luck, run, key, attempt)
        """The call of the service, in microseconds."""
        self._outcome = UNAVAILABLE
        self._call: Callback | None = None
        self._cancelled = False
        self._yields = False

    def begin(self) -> None:
        self._pass(_STEP_STARTED, self._work if self.body.check_us is None else self._ask)

    def _pass(self, moment: Kind, then: Callable[[], None], detail: object = None) -> None:
        """Passes a moment and goes on; with what it sets off, a fault or a message, only when that has happened."""
        world = self.services.world
        struck = world.struck
        world.moment(self.app.name, moment, self.run, self.name, self.attempt, detail)
        if world.struck == struck:
            then()
        else:
            self._call = self.app.after(NEWS_US, then)

    def _ask(self) -> None:
        self._in(self.body.check_us or 0, self._look)

    def _look(self) -> None:
        """The service says whether the effect is there already: then there is nothing left to do."""
        services, body = self.services, self.body
        if self._cancelled:
            return
        if services.down and services.is_down(body):
            self._outcome = UNAVAILABLE
            self._end()
        elif services.is_done(self.run, body, self.name, self.key):
            self._outcome = body.found_done(services.world.scenario_luck, self.run, self.key, self.attempt)
            self._end()
        else:
            self._work()

    def _work(self) -> None:
        services, body, attempt = self.services, self.body, self.attempt
        down = bool(services.down) and services.is_down(body)
        outcome = self._outcome = body.outcome(services.world.scenario_luck, self.run, self.key, attempt, down)
        if body.effective if outcome.error is None else body.has_effect(outcome, attempt):
            self._in(int(self.takes * body.effect_at), self._effect)
        else:
            self._in(self.takes, self._end)

    def _in(self, delay: int, then: Callable[[], None]) -> None:
        if delay > 0:
            self._call = self.app.after(delay, then)
        else:
            then()

    def _effect(self) -> None:
        """The service has the effect, unless it is down just now."""
        if self._cancelled:
            return  # while it was held up in an app that hung
        if self.services.down and self.services.is_down(self.body):
            self._outcome = UNAVAILABLE
            self._rest()
        else:
            self._pass(_STEP_BEFORE_EFFECT, self._take_effect)

    def _take_effect(self) -> None:
        if not self._cancelled:
            self.services.take_effect(self.run, self.body, self.name, self.key, self.attempt)
            self._pass(_STEP_AFTER_EFFECT, self._rest)

    def _rest(self) -> None:
        rest = self.takes - int(self.takes * self.body.effect_at)
        if self._yields:
            self._call = self.app.after(rest, self._end)
        else:
            self._in(rest, self._end)

    def yields(self) -> None:
        """What else is due when it has its effect comes before its end."""
        self._yields = True

    def _end(self) -> None:
        """The service answers; one that has gone down meanwhile does not, though it had the effect."""
        self._call = None
        if self._cancelled:
            return
        services, outcome = self.services, self._outcome
        if services.down and outcome.error is None and services.is_down(self.body):
            outcome = self._outcome = UNAVAILABLE
        if outcome.error is None:
            self._pass(_STEP_REPORTED, self._report)
        else:
            self._pass(Kind.STEP_FAILED, self._report, outcome.error)

    def _report(self) -> None:
        self._call = None
        if not self._cancelled:
            self.report(self._outcome)

    @property
    def lasts(self) -> int:
        """How long it may go on, in microseconds: it may ask for the effect first."""
        return (self.body.check_us or 0) + self.takes

    @property
    def over(self) -> bool:
        return self._call is None

    def cancel(self) -> None:
        """Stops it where it is; what has not happened yet does not happen, nothing is reported."""
        self.app.cancel(self._call)
        self._call = None
        self._cancelled = True
