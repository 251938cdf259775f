"""The world outside of Restate: who knows which awakeable, and to whom an event goes.

An awakeable can be resolved only by who has been told its id; until then the sender keeps the event. Restate matches
nothing by content: an event without an address is sent to every run whose field matches, by somebody who knows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from durascope.models.scenario import Scenario, Workflow
from durascope.models.serving import serving
from durascope.models.steps import Send, WaitFor
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.restate.journal import Command, NotificationId
from durascope.simulators.restate.routing import Outgoing, Router
from durascope.simulators.restate.store import Invocation, Status


@dataclass(slots=True)
class Awakeables:
    """What is known outside of one run's waits for one event."""

    ids: list[int] = field(default_factory=list[int])
    used: int = 0
    held: list[Callable[[int], Any]] = field(default_factory=list["Callable[[int], Any]"])
    """Events that wait for an id."""


class Addressee(NamedTuple):
    """Whom a `send` step reaches."""

    row: Invocation | None
    """None: it has ended and is forgotten."""
    notification: NotificationId | None
    """The signal or awakeable that is resolved; None: a promise."""


class Outside:
    """Clients and their knowledge; it outlives every crash."""

    def __init__(self, scenario: Scenario, router: Router) -> None:
        self.scenario = scenario
        self.router = router
        self.signals = scenario.deployments.restate.service.wait_for == "signal"
        self._awakeables: dict[tuple[str, str], Awakeables] = {}
        self.asked: dict[str, str] = {}
        """The workflows of all runs that have been asked for from outside, by name."""
        self._addressees: dict[tuple[str, str], Addressee | None] = {}
        """By the sending run and step."""
        self._waits: dict[str, dict[str, int]] = {
            name: waits_of(workflow) for name, workflow in scenario.workflows.items()
        }

    # ---- awakeables ------------------------------------------------------------------------------------------

    def learn(self, run: str, event: str, index: int) -> None:
        """An awakeable's id has been published; every attempt publishes it again."""
        known = self._awakeables.setdefault((run, event), Awakeables())
        if index in known.ids:
            return
        known.ids.append(index)
        if known.held:
            known.used += 1
            known.held.pop(0)(index)

    def resolve(self, run: RunInfo, event: str, deliver: Callable[[int], Any]) -> None:
        """Has `deliver(index)` called for the awakeable that the event resolves: now, or when its id is known."""
        known = self._awakeables.setdefault((run.name, event), Awakeables())
        if known.used < len(known.ids):
            known.used += 1
            deliver(known.ids[known.used - 1])
        elif known.ids and known.used >= self._waits.get(run.workflow, {}).get(event, 1):
            deliver(known.ids[-1])
        else:
            known.held.append(deliver)

    def has_newer(self, run: str, event: str) -> bool:
        """Whether the run has made an awakeable for the event after the last one that was resolved."""
        known = self._awakeables.get((run, event))
        return known is not None and 0 < known.used < len(known.ids)

    def waits_for(self, workflow: str, event: str) -> bool:
        return event in self._waits.get(workflow, {})

    # ---- who an event is for ---------------------------------------------------------------------------------

    def starters(self, event: str) -> Iterator[str]:
        """The workflows that it starts."""
        for name, workflow in self.scenario.workflows.items():
            started_by = workflow.started_by
            if started_by is not None and started_by.event == event and started_by.of is None:
                yield name

    def addressed(self, event: str, payload: dict[str, Any]) -> Iterator[RunInfo]:
        """The runs in flight that an event without an address concerns: they wait for it or react to it."""
        for partition in self.router.partitions:
            for row in tuple(partition.invocations.values()):
                live = row.target.kind == "run" and row.status is not Status.COMPLETED
                if live and self._concerns(row, event, payload):
                    yield row.run

    def _concerns(self, row: Invocation, event: str, payload: dict[str, Any]) -> bool:
        workflow = self.scenario.workflows[row.run.workflow]
        fields = [step.match for step in workflow.walk() if isinstance(step, WaitFor) and step.wait_for == event]
        signal = workflow.signals.get(event)
        if signal is not None:
            fields.append(signal.match)
        return any(each is None or row.run.input.get(each) == payload.get(each) for each in fields)

    # ---- the `send` of a workflow's own code -----------------------------------------------------------------

    def handlers_of(self, run: RunInfo, step: Send, luck: str, now: int) -> Sequence[tuple[str, Outgoing]]:
        """The handlers that a `send` step sends to: the workflows it starts, and its addressee's promise."""
        at = now + step.after if step.after else None
        key = None if step.to is None else str(run.input.get(str(step.to), step.to))
        calls = [(name, Outgoing(name, key, luck, at)) for name in self.starters(step.send)]
        found = self._addressee(run, step, luck)
        if found is not None and found.row is not None and found.notification is None:
            waiting, target = found.row.run.workflow, found.row.target
            calls.append((step.send, Outgoing(waiting, target.key, luck, at, "complete-promise", step.send)))
        return calls

    def signal_of(self, run: RunInfo, step: Send, luck: str) -> Command | None:
        """The signal or awakeable's result that a `send` step sends, if its addressee waits for it."""
        found = self._addressee(run, step, luck)
        if found is None or found.notification is None:
            return None
        if self.signals:
            return Command("SendSignal", step.send, (), found)
        return Command("CompleteAwakeable", None, (), found)

    def _addressee(self, run: RunInfo, step: Send, luck: str) -> Addressee | None:
        """Who is reached is found out once, and is the same in every attempt."""
        asked = run.name, luck
        if asked not in self._addressees:
            self._addressees[asked] = self._find(step)
        return self._addressees[asked]

    def _find(self, step: Send) -> Addressee | None:
        """Nobody, where the run is not there, waits for no such event, or has not told its awakeable's id.

        One that has ended may be forgotten; what it was is known to who has asked for it.
        """
        row, name = self._row(step), f"run {step.to}"
        workflow = self.asked.get(name) if row is None else row.run.workflow
        if workflow is None or step.send not in self._waits[workflow]:
            return None
        if serving(self.scenario, workflow).kind == "workflow":
            return None if row is None else Addressee(row, None)
        if self.signals:
            return Addressee(row, step.send)
        known = self._awakeables.get((name if row is None else row.name, step.send))
        if known is None or not known.ids:
            return None
        known.used += 1
        return Addressee(row, -known.ids[min(known.used, len(known.ids)) - 1])

    def _row(self, step: Send) -> Invocation | None:
        if step.to is None:
            return None
        if isinstance(step.to, int):
            return self.router.find(f"run {step.to}")
        return self.router.of_key(str(step.to))


def waits_of(workflow: Workflow) -> dict[str, int]:
    """How often the code waits for each event, loops not counted."""
    waits: dict[str, int] = {}
    for step in workflow.walk():
        if isinstance(step, WaitFor):
            waits[step.wait_for] = waits.get(step.wait_for, 0) + step.times
    return waits
