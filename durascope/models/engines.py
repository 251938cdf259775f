"""What the steps of the language are on each engine, and what a user does where an engine has no such thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Clear, Get, Patched, Repeat, Run, Set, Step, walk

MAPS_TO: Final[dict[str, dict[str, str]]] = {
    "run": {"temporal": "activity", "inngest": "step.run", "restate": "ctx.run"},
    "sleep": {"temporal": "timer", "inngest": "step.sleep", "restate": "ctx.sleep"},
    "wait_for": {
        "temporal": "signal handler and a condition, with a timer if there is a timeout",
        "inngest": "step.wait_for_event",
        "restate": "awakeable, durable promise or named signal, raced with a sleep if there is a timeout",
    },
    "parallel": {"temporal": "gathered activities", "inngest": "group.parallel", "restate": "gathered ctx.run"},
    "for_each": {"temporal": "gathered activities", "inngest": "group.parallel", "restate": "gathered ctx.run"},
    "race": {"temporal": "first completed", "inngest": "first completed", "restate": "select"},
    "call": {"temporal": "child workflow, awaited", "inngest": "step.invoke", "restate": "ctx.call"},
    "start": {
        "temporal": "child workflow, not awaited (parent close policy: abandon)",
        "inngest": "step.send_event that triggers the function",
        "restate": "ctx.send",
    },
    "send": {
        "temporal": "signal to the run with that key",
        "inngest": "step.send_event",
        "restate": "resolve the promise or awakeable, or a one-way call",
    },
    "get": {"temporal": "workflow variable", "inngest": "variable", "restate": "K/V state of the virtual object"},
    "set": {"temporal": "workflow variable", "inngest": "variable", "restate": "K/V state of the virtual object"},
    "clear": {"temporal": "workflow variable", "inngest": "variable", "restate": "K/V state of the virtual object"},
    "patched": {"temporal": "workflow.patched", "inngest": "a step with a new id", "restate": "new deployment"},
}
"""What each kind of step becomes, as generated code and diagrams say it (scenario language, "steps")."""

MODELLED: Final[dict[str, dict[str, str]]] = {
    "temporal": {"server": "1.32.0", "Python SDK": "temporalio 1.35.0"},
    "inngest": {
        "server": "of August 2026, commit 253303cd, after 1.9.1",
        "Python SDK": "inngest 0.5.19",
        "TypeScript SDK": "inngest 4.24.0",
    },
    "restate": {
        "server": "1.7.12",
        "Python SDK": "restate-sdk 1.3.0",
        "TypeScript SDK": "@restatedev/restate-sdk 1.17.2",
    },
}
"""The versions whose behaviour the models have: what was recorded, and what rules that differ by version are of."""

_VARIABLE: Final = "a variable of the run, gone with it; keep what must outlive it in a database"
INSTEAD: Final[dict[tuple[str, str], str]] = {
    ("temporal", "state"): _VARIABLE,
    ("inngest", "state"): _VARIABLE,
    ("inngest", "queries"): "Inngest has no queries: store the state yourself, where the reader finds it",
    ("inngest", "updates"): "Inngest has no updates: send an event, and the answer as another",
    ("inngest", "patched"): "Inngest has no patches: give the changed step a new id",
    ("inngest", "heartbeat"): "Inngest has no heartbeats: a step is one request, which has the platform's time limit",
    ("inngest", "retry of the run"): "Inngest does not retry runs: let an on_failure function send the event again",
    ("inngest", "continue as new"): "Inngest does not continue runs as new: end with an event that starts the next one",
    (
        "restate",
        "updates",
    ): "Restate has no updates of a run: a shared handler takes the request and resolves a promise",
    ("restate", "patched"): "Restate has no patches: register a new deployment; runs stay on the one they began on",
    ("restate", "heartbeat"): "Restate has no heartbeats: the stream shows a dead app, the abort timeout a stuck one",
    (
        "restate",
        "retry of the run",
    ): "Restate retries the invocation, from its journal, by the invocation's retry policy",
    (
        "restate",
        "continue as new",
    ): "Restate does not continue runs as new: end with a one-way call of the handler itself",
    (
        "restate",
        "schedule",
    ): "Restate has no schedules: a handler that calls itself with a delay, or a scheduler outside",
}
"""What a user does where an engine has no such thing: by engine and feature."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something in a scenario that an engine does not do by itself."""

    engine: str
    what: str
    """What it is and where: ``queries of fulfill-order (status)``."""
    instead: str
    """What a user would do instead, or what happens."""

    def __str__(self) -> str:
        return f"{self.what}: {self.instead}"


def notes(scenario: Scenario, engine: str) -> tuple[Note, ...]:
    """What a user of that engine has to do otherwise than the scenario says."""
    found: list[Note] = []
    for name, workflow in scenario.workflows.items():
        for feature, names in FEATURES.items():
            instead = INSTEAD.get((engine, feature))
            used = list(dict.fromkeys(names(workflow))) if instead is not None else []
            if instead is not None and used:
                found.append(Note(engine, f"{feature} of {name} ({', '.join(used)})", instead))
    return tuple(found)


def _steps(kind: type[Step] | tuple[type[Step], ...]) -> Callable[[Workflow], Iterable[str]]:
    return lambda workflow: (step.label for step in workflow.walk() if isinstance(step, kind))


def _heartbeats(workflow: Workflow) -> Iterator[str]:
    return (step.run for step in workflow.walk() if isinstance(step, Run) and step.heartbeat is not None)


def _continued(workflow: Workflow) -> Iterator[str]:
    return (step.label for step in walk(workflow.steps) if isinstance(step, Repeat) and step.continue_as_new_every)


def _retried(workflow: Workflow) -> Iterator[str]:
    return iter(("retry",) if workflow.retry is not None else ())


def _scheduled(workflow: Workflow) -> Iterator[str]:
    started = workflow.started_by
    return iter((started.cron,) if started is not None and started.cron else ())


FEATURES: Final[dict[str, Callable[[Workflow], Iterable[str]]]] = {
    "queries": lambda workflow: workflow.queries,
    "updates": lambda workflow: workflow.updates,
    "state": _steps((Get, Set, Clear)),
    "patched": _steps(Patched),
    "heartbeat": _heartbeats,
    "retry of the run": _retried,
    "continue as new": _continued,
    "schedule": _scheduled,
}
"""What not every engine has, and the names of it in a workflow."""
