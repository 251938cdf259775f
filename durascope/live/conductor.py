"""The conductor: carries out a scenario's workload and faults on a real engine, at their times and moments.

Moments that an app reports are answered only when what waits for them has been done: a crash `after-effect` kills the
process while it waits for the ledger's answer.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from durascope.live.engine import LiveEngine
from durascope.live.ledger import Report, number_of
from durascope.live.processes import LiveProblem, Managed
from durascope.models.changes import Versions
from durascope.models.faults import Crash, Cut, Deploy, Hang, Outage, follows_event
from durascope.models.scenario import Scenario
from durascope.models.units import FOREVER, SECOND
from durascope.models.workload import Trigger, WorkloadEvent
from durascope.simulators.engine import OutsideEvent, StartRequest
from durascope.simulators.kernel.world import World
from durascope.simulators.workload import chosen, run_info, share_of, starts

Action = Callable[[str | None], None]
"""An action at a moment. It gets the name of the process in which the moment passed, if that is known."""

STANDS_S: Final = 0.1
"""The longest that a body stands at a moment while what is sent then is not answered: an engine may hang (seconds)."""

GRACE_S: Final = 2.0
"""Least time to wait after the last run has ended, in seconds, so that late effects are counted."""


def check(scenario: Scenario) -> None:
    """Raises `LiveProblem` if the scenario asks for something that cannot be done here."""
    for fault in scenario.faults:
        if not isinstance(fault, Crash | Hang | Outage | Cut | Deploy):
            kind = type(fault).__name__.removesuffix("Fault").lower()
            raise LiveProblem(f"only faults with a time or a moment can be verified, not {kind}")
        if follows_event(fault):
            raise LiveProblem("a fault after a numbered event of the trace can't be verified; name a step's moment")


class Conductor:
    """Drives one verification; its scenario has been checked."""

    def __init__(self, scenario: Scenario, engine: LiveEngine) -> None:
        self.scenario = scenario
        self.engine = engine
        self.world = World(engine.seed, full=False)
        """Only for its random draws: the real runs get the inputs of the simulated ones."""
        self.errors: list[BaseException] = []
        self.began = 0.0
        """When the scenario began, on the ledger's clock."""
        self.lag_s = 0.0
        """Seconds by which processes came back later than they were to, together."""
        self._versions = Versions(dict(scenario.workflows))
        self._fired: set[int] = set()
        self._timers: list[threading.Timer] = []
        self._open = 0
        self._lock = threading.Lock()
        self._to_come_back: dict[Managed, float] = {}
        """The processes that are down, and when each is to be back (monotonic clock): the earliest of its faults."""
        self._triggers: list[tuple[Trigger, int | None, Action]] = []
        self._doers: dict[tuple[int | None, str], str] = {}
        """The process that last reported of a run's step: steps of many runs may be under way side by side."""
        engine.marked, engine.moment = self.marked, self.moment

    def conduct(self, *, seconds: float, grace_s: float = GRACE_S) -> None:
        """Runs everything; returns `grace` seconds after all runs have ended, or after `seconds`.

        Raises the first error of the threads that start runs and inject faults, and `LiveProblem` where the engine's
        server dies although no fault ends it.
        """
        self.engine.ledger.listeners.append(self._reported)
        self.began = self.engine.ledger.now
        self._arm_faults()
        self._arm_starts()
        self._arm_events()
        deadline = time.monotonic() + seconds
        try:
            while time.monotonic() < deadline and not self.errors:
                self.see_that_it_lives()
                if not self._open and self.engine.over():
                    time.sleep(grace_s)
                    break
                time.sleep(0.05)
        finally:
            for timer in self._timers:
                timer.cancel()
        self.see_that_it_lives()
        if self.errors:
            raise self.errors[0]

    def see_that_it_lives(self) -> None:
        """Raises `LiveProblem` where the engine's server has died: nothing that comes then is worth waiting for."""
        for process in self.engine.replicas("engine"):
            how = process.died
            if how is not None:
                raise LiveProblem(f"{Path(process.command[0]).name} {how}")

    # ---- what happens when ---------------------------------------------------------------------------------

    def marked(self, event: str, run: int | None) -> None:
        """The engine's module has seen a named moment of a run: `SleepStarted`, `WaitStarted`."""
        self._fire(lambda trigger: trigger.event == event, run, None)

    def moment(self, run: int | None, step: str, attempt: int | None, moment: str) -> None:
        """A moment of a step has passed, seen by the engine's module in its record."""
        self._pass(run, step, attempt, moment, self._doers.get((run, step)))

    def _pass(self, run: int | None, step: str, attempt: int | None, moment: str, doer: str | None) -> bool:
        """A moment of a step has passed in that process. Whether it has set something off."""

        def matches(trigger: Trigger) -> bool:
            wanted = trigger.attempt in (None, attempt) or attempt is None
            return trigger.step == step and trigger.moment == moment and wanted

        return self._fire(matches, run, doer)

    def _reported(self, report: Report) -> bool:
        number = number_of(report.run)
        self._doers[number, report.step] = report.process
        return self._pass(number, report.step, report.attempt, report.moment, report.process)

    def _fire(self, matches: Callable[[Trigger], bool], run: int | None, doer: str | None) -> bool:
        """Does what waits for it: now, or later. Whether anything was done now."""
        due: list[tuple[Trigger, Action]] = []
        with self._lock:
            for number, (trigger, wanted, action) in enumerate(self._triggers):
                if number not in self._fired and wanted in (None, run) and matches(trigger):
                    self._fired.add(number)
                    due.append((trigger, action))
        for trigger, action in due:
            if trigger.after:
                self._later(trigger.after / SECOND, partial(action, doer))
            else:
                self._safely(partial(action, doer))
        return any(not trigger.after for trigger, _ in due)

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        with self._lock:
            self._open += 1

        def act() -> None:
            try:
                self._safely(action)
            finally:
                with self._lock:
                    self._open -= 1

        timer = threading.Timer(seconds, act)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def _safely(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            self.errors.append(error)

    # ---- the scenario --------------------------------------------------------------------------------------

    def _arm_starts(self) -> None:
        workload, started = self.scenario.workload, self.scenario.started
        by_time: dict[int, list[StartRequest]] = {}
        for at, number in starts(self.world, self.scenario):
            workflow = started[min(number, len(started)) - 1]
            keys = workload.idempotency_keys
            request = StartRequest(
                run_info(self.world, self.scenario, workflow, f"run {number}", number),
                workload.after or 0,
                keys[number - 1] if keys is not None and number <= len(keys) else None,
                workload.start_with,
            )
            by_time.setdefault(at, []).append(request)
        for at, requests in by_time.items():
            self._later(at / SECOND, lambda requests=requests: self.engine.start(requests))

    def _arm_events(self) -> None:
        numbers: dict[str, int] = {}
        for event in self.scenario.workload.events:
            number = numbers[event.kind] = numbers.get(event.kind, 0) + 1
            for to in self._targets(event):

                def send(
                    _doer: str | None, event: WorkloadEvent = event, number: int = number, to: int | str | None = to
                ) -> None:
                    self.engine.send(self._outside(event, number, to))

                if event.when is not None:
                    patient = partial(self._not_for_long, send)
                    self._triggers.append((event.when, to if isinstance(to, int) else None, patient))
                else:
                    self._later((event.at or 0) / SECOND, partial(send, None))

    def _not_for_long(self, send: Action, doer: str | None) -> None:
        """Sends it, and waits for the answer only so long: no body stands still for as long as an engine hangs."""
        answered = threading.Event()

        def sending() -> None:
            try:
                send(doer)
            finally:
                answered.set()

        self._later(0, sending)
        answered.wait(STANDS_S)

    def _targets(self, event: WorkloadEvent) -> list[int | str | None]:
        """Whom an event is sent to: the numbers of runs, a key, or nobody in particular."""
        share = share_of(event.to)
        if share is not None:
            return list(chosen(self.world, self.scenario, share))
        if event.to == "each":
            return list(range(1, self.scenario.workload.runs + 1))
        return [event.to]

    def _outside(self, event: WorkloadEvent, number: int, to: int | str | None) -> OutsideEvent:
        run = key = None
        if isinstance(to, int):
            started = self.scenario.started
            workflow = started[min(to, len(started)) - 1]
            run = run_info(self.world, self.scenario, workflow, f"run {to}", to)
        elif to is not None:
            key = to
        return OutsideEvent(
            number, event.kind, event.name, run, key, event.with_, event.from_, event.deployment, event.step
        )

    def _arm_faults(self) -> None:
        for fault in self.scenario.faults:
            assert isinstance(fault, Crash | Hang | Outage | Cut | Deploy)  # see `check`

            def strike(doer: str | None, fault: Crash | Hang | Outage | Cut | Deploy = fault) -> None:
                self._strike(fault, doer)

            if fault.when is not None:
                self._triggers.append((fault.when, None, strike))
            elif not fault.at:
                strike(None)
            else:
                self._later(fault.at / SECOND, partial(strike, None))

    def _strike(self, fault: Crash | Hang | Outage | Cut | Deploy, doer: str | None) -> None:
        match fault:
            case Crash():
                process = self._replica(fault.crash, fault.replica, doer)
                if fault.graceful:  # it may take its time; whoever stands at this moment goes on meanwhile
                    self._later(0, partial(self._stop, process, fault))
                else:
                    process.kill()
                    self._restart_later(process, fault)
            case Hang():
                process = self._replica(fault.hang, fault.replica, doer)
                process.signal(signal.SIGSTOP)
                self._later(fault.for_ / SECOND, lambda: process.signal(signal.SIGCONT))
            case Outage():
                down = self.engine.ledger.down
                down.append(fault.outage)
                if fault.for_ < FOREVER:
                    self._later(fault.for_ / SECOND, lambda: down.remove(fault.outage))
            case Cut():
                lines = [line for name in fault.cut if name != "engine" for line in self.engine.lines(name)]
                for line in lines:
                    line.cut()
                    if fault.for_ < FOREVER:
                        self._later(fault.for_ / SECOND, line.mend)
            case Deploy():
                code = self._versions.deploy(fault)
                down_for_s = None if fault.down_for is None else fault.down_for / SECOND
                due = time.monotonic() + (down_for_s or 0)
                rest = self.engine.deploy(fault.deploy, code, down_for_s, in_place=fault.in_place)
                if rest is None:
                    self._came_back(due)
                else:
                    self._later(0, partial(self._finish, rest, due))

    def _finish(self, rest: Callable[[], None], due: float) -> None:
        rest()
        self._came_back(due)

    def _stop(self, process: Managed, fault: Crash) -> None:
        process.terminate()
        self._restart_later(process, fault)

    def _restart_later(self, process: Managed, fault: Crash) -> None:
        """It is down from the moment at which it was killed or asked to stop; from its end, should that be later."""
        if fault.down_for == FOREVER:
            return
        due = process.ended[-1] + fault.down_for / SECOND
        with self._lock:
            if self._to_come_back.get(process, math.inf) <= due:
                return
            self._to_come_back[process] = process.due = due
        away = max(0.0, due - process.lead_s - time.monotonic())
        self._later(away, partial(self._restart, process, due))

    def _restart(self, process: Managed, due: float) -> None:
        with self._lock:
            if self._to_come_back.get(process) != due:  # another fault has brought it back
                return
            del self._to_come_back[process]
        self.engine.restart(process)
        self._came_back(due)

    def _came_back(self, due: float) -> None:
        with self._lock:
            self.lag_s += max(0.0, time.monotonic() - due)

    def _replica(self, name: str, number: int | None, doer: str | None) -> Managed:
        """The replica of that number; left out, the process that does the step whose moment it was."""
        replicas = self.engine.replicas(name)
        if number is None:
            found = next((each for each in replicas if each.name == doer), None)
            if found is not None:
                return found
        return replicas[min(number or 1, len(replicas)) - 1]
