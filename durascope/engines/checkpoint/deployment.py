"""What a fault can name where runs live in the process that has taken the request."""

from __future__ import annotations

from collections.abc import Mapping

from durascope.models.deployments import CheckpointDeployment


def components(deployment: CheckpointDeployment) -> Mapping[str, int]:
    """The app's processes, and the database."""
    return {"app": deployment.processes, "engine": 1}
