"""The plan of a step's body, for a worker in another language that carries it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from durascope.live.body import asks, awaited
from durascope.models.scenario import Scenario
from durascope.models.steps import Run
from durascope.simulators.bodies import Outcome
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.services import Services

_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Plan:
    """One execution of a body; everything is decided before it begins."""

    outcome: Outcome
    found: Outcome
    """How it ends if its effect has already happened (`check_first`)."""
    words: Mapping[str, Any]
    """The plan as the worker gets it; times in milliseconds."""


def plan(
    scenario: Scenario, services: Services, run: RunInfo, step: Run, name: str, key: str, attempt: int, *, down: bool
) -> Plan:
    """The body's plan; `down`: its service is down."""
    body, luck = services.body(step), services.world.scenario_luck
    outcome = body.outcome(luck, run, key, attempt, down)
    known = None
    if body.idempotency_key is not None and body.deduplicates:
        handed = run.input.get(body.idempotency_key, run.key)
        known = f"key {body.lane or name}/{name}/{handed}"
    words = {
        "ms": 0 if down and body.check_us is not None else body.takes(luck, run, key, attempt) / _MS,
        "effectAt": body.effect_at if body.has_effect(outcome, attempt) else None,
        "known": known,
        "check": None if body.check_us is None else body.check_us / _MS,
        "effect": services.effect_name(run, body, name, key) if asks(scenario) else None,
        "ok": outcome.ok,
        "error": outcome.error or "Error",
        "retryable": outcome.retryable,
        "retryAfter": None if outcome.retry_after is None else outcome.retry_after / _MS,
        "waits": sorted(awaited(scenario)),
    }
    return Plan(outcome, body.found_done(luck, run, key, attempt), words)
