"""What has to be kept running, as the scenario deploys it: counted, not estimated."""

from __future__ import annotations

from durascope.models.engine import shown
from durascope.models.scenario import Scenario

_EMBEDDED = ("sqlite", "memory")


def processes_of(scenario: Scenario, engine: str) -> dict[str, int]:
    """One's own processes by part: `app`, and `server` and `database` unless a vendor keeps them."""
    deployment, spec = scenario.deployments.of(engine), shown(engine)
    if deployment is None or not spec.components:
        return {}
    named: dict[str, int] = dict(spec.components.load()(deployment))
    nodes, any_worker = named.pop("engine", 1), named.pop("app", 0)
    found = {"app": sum(named.values()) or any_worker}
    server = getattr(deployment, "server", None)
    if getattr(server, "hosting", "self-hosted") != "cloud":
        found["server"] = nodes
        persistence = getattr(server, "persistence", "sqlite")
        if persistence not in _EMBEDDED:
            found["database"] = 1
    return found
