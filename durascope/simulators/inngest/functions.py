"""Functions: what an app registers with the server when it is synced (inngest.md §3a).

A workflow becomes one function. What runs after it has failed (`on_failure`), and what undoes its steps after it was
cancelled, are functions of their own, started by the system's events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from durascope.models.flow import (
    Batch,
    Concurrency,
    Debounce,
    Flow,
    FlowTimeouts,
    PriorityArm,
    RateLimit,
    Singleton,
    Throttle,
)
from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Run, WaitFor, walk
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.settings import TIMES
from durascope.simulators.kernel.luck import Luck

FAILED: Final = "inngest/function.failed"
FINISHED: Final = "inngest/function.finished"
CANCELLED: Final = "inngest/function.cancelled"
INVOKED: Final = "inngest/function.invoked"
SCHEDULED: Final = "inngest/scheduled.timer"


@dataclass(frozen=True, slots=True)
class CancelOn:
    """An event that cancels a run; `field` must be equal in it and in the run's own event."""

    event: str
    field: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """The flow control in force, read off the scenario once: every event and every item asks for it."""

    batch: Batch | None
    debounce: Debounce | None
    singleton: Singleton | None
    priority: tuple[PriorityArm, ...] | str | None
    concurrency: Concurrency | None
    throttle: Throttle | None
    start_timeout: int | None
    finish_timeout: int | None
    rate_limit: RateLimit | None

    @classmethod
    def of(cls, flow: Flow) -> Rules:
        timeouts = flow.timeouts or FlowTimeouts()
        return cls(
            batch=flow.batch,
            debounce=flow.debounce,
            singleton=flow.singleton,
            priority=flow.priority,
            concurrency=flow.concurrency,
            throttle=flow.throttle,
            start_timeout=timeouts.start,
            finish_timeout=timeouts.finish,
            rate_limit=_rate_limit(flow),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A registered function."""

    name: str
    workflow: str
    """The workflow that it is, or is a handler of."""
    kind: str
    """function · on-failure · on-cancel"""
    event: str
    """What triggers it."""
    of: str | None
    """Only events about that function trigger it."""
    cron: str | None
    max_attempts: int
    flow: Flow
    rules: Rules
    cancel_on: tuple[CancelOn, ...]
    key: str | None


class Functions:
    """What the app has registered, by name."""

    def __init__(self, scenario: Scenario, luck: Luck) -> None:
        self._by_name = register(scenario)
        self._by_trigger = by_trigger(self._by_name.values())
        self._luck = luck

    def __getitem__(self, name: str) -> Function:
        return self._by_name[name]

    def triggered_by(self, event: Event) -> Sequence[Function]:
        """The functions that an event starts, in a random order (§12.6)."""
        if event.name == INVOKED:
            invoked = self._by_name.get(event.function or "")
            return () if invoked is None else (invoked,)
        found = self._by_trigger.get(event.name)
        if found is None:
            return ()
        found = [function for function in found if function.of is None or function.of == event.function]
        return found if len(found) < 2 else self._luck.order(found, "fan-out", event.name, event.number)

    def child_data(self, data: Mapping[str, Any], function: str, key: str | None) -> dict[str, Any]:
        """The data for a function that another one starts or invokes; a key is a field of the caller's, or literal."""
        field = self._by_name[function].key
        return {**data, **({} if key is None or field is None else {field: str(data.get(key, key))})}

    def match_field(self, function: str, step: WaitFor) -> str | None:
        """The field that a wait's expression compares; without a word on it, the workflow's key."""
        return step.match or self._by_name[function].key


def register(scenario: Scenario) -> dict[str, Function]:
    """All functions of the app, by name."""
    return {function.name: function for function in _all(scenario)}


def by_trigger(functions: Iterable[Function]) -> dict[str, list[Function]]:
    """The functions by the name of the event that starts them; a schedule's event is no trigger."""
    found: dict[str, list[Function]] = {}
    for function in functions:
        if function.event != SCHEDULED:
            found.setdefault(function.event, []).append(function)
    return found


def _all(scenario: Scenario) -> Iterator[Function]:
    deployment = scenario.deployments.inngest
    started = scenario.started
    for name, workflow in scenario.workflows.items():
        flow = workflow.flow or (deployment.flow if name in started else Flow())
        retries = deployment.retries if workflow.retries is None else workflow.retries
        yield _function(name, workflow, _flow(flow, workflow), retries + 1)
        if workflow.on_failure:
            # §4: the handler's own retries: Python sends 0, JS 1.
            attempts = 1 if deployment.app.sdk == "python" else 2
            yield _handler(f"{name}-failure", name, "on-failure", FAILED, attempts)
        if workflow.cancellable and any(step.undo for step in undoable(workflow)):
            yield _handler(f"{name}-cancelled", name, "on-cancel", CANCELLED, deployment.retries + 1)


def _function(name: str, workflow: Workflow, flow: Flow, attempts: int) -> Function:
    started_by = workflow.started_by
    return Function(
        name=name,
        workflow=name,
        kind="function",
        event=trigger(name, workflow),
        of=None if started_by is None else started_by.of,
        cron=None if started_by is None else started_by.cron,
        max_attempts=attempts,
        flow=flow,
        rules=Rules.of(flow),
        cancel_on=tuple(
            CancelOn(event, signal.match or workflow.key)
            for event, signal in workflow.signals.items()
            if signal.then != "ignore"
        ),
        key=workflow.key,
    )


def _handler(name: str, of: str, kind: str, event: str, attempts: int) -> Function:
    return Function(name, of, kind, event, of, None, attempts, Flow(), Rules.of(Flow()), (), None)


def _flow(flow: Flow, workflow: Workflow) -> Flow:
    """The flow control in force: one run at a time is a concurrency of 1 per key."""
    if workflow.one_at_a_time and flow.concurrency is None:
        return flow.model_copy(update={"concurrency": Concurrency(limit=1, key=workflow.key)})
    return flow


def _rate_limit(flow: Flow) -> RateLimit | None:
    """§10: idempotency is a rate limit of one per key and day."""
    if flow.idempotency is not None:
        return RateLimit.model_construct(limit=1, period=TIMES.idempotency, key=flow.idempotency)
    return flow.rate_limit


def trigger(name: str, workflow: Workflow) -> str:
    """The event that starts the workflow; one that names none gets `NAME/requested`."""
    started_by = workflow.started_by
    return f"{name}/requested" if started_by is None or started_by.event is None else started_by.event


def undoable(workflow: Workflow) -> Iterable[Run]:
    """The steps that can be undone."""
    return (step for step in walk(workflow.steps) if isinstance(step, Run) and step.undo is not None)
