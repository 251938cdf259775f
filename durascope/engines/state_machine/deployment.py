"""What a fault can name in the deployment of a hand-written state machine."""

from __future__ import annotations

from collections.abc import Mapping

from durascope.models.deployments import StateMachineDeployment


def components(deployment: StateMachineDeployment) -> Mapping[str, int]:
    """The app's processes, and the database."""
    return {"app": deployment.processes, "engine": 1}
