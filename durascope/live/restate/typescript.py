"""The settings of a service on Restate's TypeScript SDK: its services, handlers and their options, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from durascope.live.restate.handlers import CONTROL, READY, SEND_SIGNAL, started_from_outside
from durascope.models.scenario import RestateDeployment, RestateRetry, Scenario
from durascope.models.targets import Target, Targets

SERVICE: Final = "restate/service.js"
PACKAGE: Final = "@restatedev/restate-sdk"
_MS: Final = 1_000


def write_settings(file: Path, scenario: Scenario, *, ledger: int, process: str, holds: bool) -> None:
    """`holds`: what something waits for may pass before an attempt begins."""
    deployment = scenario.deployments.restate
    longest = deployment.service.longest_request
    settings = {
        "ledger": ledger,
        "process": process,
        "bidirectional": deployment.service.mode != "request-response",
        "abortTimeout": deployment.abort_timeout / _MS,
        "holds": holds,
        "longestRequest": None if longest is None else longest / _MS,
        "services": [*_services(scenario), _control()],
    }
    file.write_text(json.dumps(settings), "utf-8")


def _services(scenario: Scenario) -> Iterator[dict[str, object]]:
    targets = list(Targets(scenario))
    for name, kind in dict.fromkeys((target.service, target.service_kind) for target in targets):
        yield {
            "name": name,
            "kind": kind,
            "options": _options(scenario.deployments.restate, kind),
            "handlers": [_handler(scenario, target) for target in targets if target.service == name],
        }


def _handler(scenario: Scenario, target: Target) -> dict[str, object]:
    timeout = scenario.deployments.restate.inactivity_timeout
    own = target.workflow in started_from_outside(scenario) and timeout != RestateDeployment().inactivity_timeout
    return {
        "handler": target.handler,
        "kind": _kind(target),
        "target": {"workflow": target.workflow, "kind": target.kind, "name": target.name},
        "options": {"inactivityTimeout": timeout // _MS} if own else {},
    }


def _kind(target: Target) -> str:
    match target.service_kind:
        case "service":
            return "plain"
        case "object":
            return "shared" if target.kind == "query" else "exclusive"
        case "workflow":
            return "workflow" if target.kind == "run" else "shared"


def _options(deployment: RestateDeployment, kind: str) -> dict[str, object]:
    """Only what the scenario sets: the server has defaults of its own."""
    service, retry = deployment.service, deployment.retry
    retentions = {"idempotency_retention": "idempotencyRetention", "journal_retention": "journalRetention"}
    options: dict[str, object] = {
        named: getattr(service, field) // _MS
        for field, named in retentions.items()
        if field in service.model_fields_set
    }
    if deployment.abort_timeout != RestateDeployment().abort_timeout:
        options["abortTimeout"] = deployment.abort_timeout // _MS
    if retry != RestateRetry():
        policy: dict[str, object | None] = {
            "initialInterval": retry.initial // _MS,
            "exponentiationFactor": retry.factor,
            "maxInterval": retry.max_interval // _MS,
            "maxAttempts": retry.max_attempts,
            "onMaxAttempts": retry.then,
        }
        options["retryPolicy"] = {name: value for name, value in policy.items() if value is not None}
    if service.lazy_state and kind != "service":
        options["enableLazyState"] = True
    return options


def _control() -> dict[str, object]:
    names = (SEND_SIGNAL, READY)
    handlers = [{"handler": name, "kind": "plain", "target": None, "options": {}} for name in names]
    return {"name": CONTROL, "kind": "service", "options": {}, "handlers": handlers}
