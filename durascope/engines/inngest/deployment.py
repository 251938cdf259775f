"""What a fault can name in an Inngest deployment, and what its flow control must name."""

from __future__ import annotations

from collections.abc import Mapping

from durascope.models.checks import Checks
from durascope.models.deployments import InngestDeployment


def components(deployment: InngestDeployment) -> Mapping[str, int]:
    """The replicas of the app."""
    return {"app": deployment.app.replicas, "engine": 1}


def check(checks: Checks) -> None:
    """Flow control names fields of the input."""
    flow, path = checks.scenario.deployments.inngest.flow, ("deployments", "inngest", "flow")
    fields = checks.names.fields
    for name in ("concurrency", "throttle", "rate_limit", "debounce", "batch", "singleton"):
        key: str | None = getattr(getattr(flow, name), "key", None)
        if key is not None:
            checks.known("field", key, fields, (*path, name, "key"))
    if flow.idempotency is not None:
        checks.known("field", flow.idempotency, fields, (*path, "idempotency"))
    if isinstance(flow.priority, str):
        if flow.priority.isidentifier():
            checks.known("field", flow.priority, fields, (*path, "priority"))
    else:
        for index, arm in enumerate(flow.priority or ()):
            checks.condition(arm.when, fields, (*path, "priority", index, "when"))
