"""What a fault can name in the deployment of a message queue."""

from __future__ import annotations

from collections.abc import Mapping

from durascope.models.deployments import QueueDeployment


def components(deployment: QueueDeployment) -> Mapping[str, int]:
    """The consumers, and the broker."""
    return {"app": deployment.consumers, "engine": 1}
