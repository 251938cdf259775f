"""Where a run's time went, and what was done more than once: read off a full trace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from durascope.models.effects import effects
from durascope.models.scenario import OWN_STEP, Scenario
from durascope.models.spans import Span, SpanKind, spans
from durascope.models.trace import RunSummary, Trace
from durascope.simulators.program.labels import scope_of

PARTS: Final = ("execution", "idle", "backoff", "assignment", "transitions")
"""execution: a step's code runs · idle: a durable timer or a wait for an event · backoff: a retry waits for its time ·
assignment: a task waits in a queue for whoever takes it · transitions: all the rest, the engine's own work."""

_PART_OF: Final[Mapping[SpanKind, str]] = {
    "running": "execution",
    "queued": "assignment",
    "sleeping": "idle",
    "waiting": "idle",
    "backing-off": "backoff",
}


@dataclass(frozen=True, slots=True)
class Repeated:
    """Work that had been done before."""

    executions: int = 0
    """Executions of a step's body beyond the last one of each step and run."""
    us: int = 0
    """How long those ran, in microseconds."""
    usd: float = 0.0
    """What the services' calls of duplicate effects cost."""
    tokens: int = 0
    """What those calls used."""


def parts(trace: Trace, scenario: Scenario, run: RunSummary, given: Sequence[Span] | None = None) -> dict[str, int]:
    """A run's duration in microseconds, split into `PARTS`; what happens at the same time counts once.

    A moment in which a step executes is execution, whatever else is open then; the parts follow in their order.
    """
    end = trace.ended_at if run.ended_at is None else run.ended_at
    theirs = [span for span in (spans(trace, scenario) if given is None else given) if span.run == run.name]
    found: dict[str, int] = {}
    covered: list[tuple[int, int]] = []
    so_far = 0
    for part in PARTS[:-1]:
        mine = [(max(s.start, run.started_at), min(s.end, end)) for s in theirs if _PART_OF.get(s.kind) == part]
        covered = _union([*covered, *mine])
        length = sum(high - low for low, high in covered)
        found[part] = length - so_far
        so_far = length
    found["transitions"] = end - run.started_at - so_far
    return found


def _union(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(stretch for stretch in stretches if stretch[0] < stretch[1]):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged


def repeated(trace: Trace, scenario: Scenario, given: Sequence[Span] | None = None) -> Repeated:
    """What the runs of a full trace did more than once; a step's last execution is the one that counts."""
    executions: dict[tuple[str | None, str | None], list[Span]] = defaultdict(list)
    for span in spans(trace) if given is None else given:
        if span.kind == "running":
            executions[span.run, span.step].append(span)
    lost = [span for theirs in executions.values() for span in theirs[:-1]]
    again = [mark for mark in effects(trace) if mark.duplicate]
    used = _tokens(scenario) if again else {}
    return Repeated(
        executions=len(lost),
        us=sum(span.lasts for span in lost),
        usd=sum(mark.price for mark in again),
        tokens=sum(_of_step(used, mark.step or "") for mark in again),
    )


def _tokens(scenario: Scenario) -> dict[str, int]:
    """By a step's label: the tokens of one call."""
    found: dict[str, int] = {}
    for _, step in scenario.runs():
        service = scenario.services.get(step.on, OWN_STEP) if step.on else OWN_STEP
        found[step.label] = service.tokens if step.tokens is None else step.tokens
    return found


def _of_step(used: Mapping[str, int], name: str) -> int:
    """Of a step whose label may hold loop variables."""
    if name in used:
        return used[name]
    return next((count for label, count in used.items() if scope_of(label, name)), 0)
