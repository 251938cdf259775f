"""What a fault can name in a Restate deployment."""

from __future__ import annotations

from collections.abc import Mapping

from durascope.models.deployments import RestateDeployment


def components(deployment: RestateDeployment) -> Mapping[str, int]:
    """The replicas of the service, and the nodes of the server."""
    return {"app": deployment.service.replicas, "engine": deployment.server.nodes}
