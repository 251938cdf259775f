"""Deployments: an immutable URL with the code behind it; the newest serves new invocations (restate.md §12).

An invocation is pinned to the deployment of its first attempt: retries and resumes go there, whatever is newer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from durascope.models.scenario import Workflow
from durascope.simulators.kernel.luck import Luck
from durascope.simulators.restate.endpoint import ServiceEndpoint


@dataclass(slots=True, eq=False)
class Deployment:
    """One registered URL: the processes that listen there, and the workflows that they serve."""

    number: int
    """From 1."""
    endpoints: Sequence[ServiceEndpoint]
    connections: int = 0
    """How many have been opened to this address."""

    def pick(self, luck: Luck, connection: tuple[int, int]) -> ServiceEndpoint:
        """The process that a new connection meets: any that listens (the balancer, or the system, knows no order)."""
        self.connections += 1
        listening = [each for each in self.endpoints if each.alive] or self.endpoints
        if len(listening) == 1:
            return listening[0]
        return listening[int(luck("replica", connection, self.connections) * len(listening))]

    def replace(self, code: Mapping[str, Workflow]) -> None:
        """The code at this address is another from now on, without anybody being told."""
        for endpoint in self.endpoints:
            endpoint.code = dict(code)


class Registry:
    """The schema that the metadata server keeps: every deployment, in order of registration. Durable."""

    def __init__(self, first: Deployment) -> None:
        self.deployments = [first]

    @property
    def latest(self) -> Deployment:
        return self.deployments[-1]

    def register(self, deployment: Deployment) -> None:
        self.deployments.append(deployment)

    def numbered(self, wanted: int | None) -> Deployment | None:
        """The deployment with that number, from 1; None: there is none, or none was asked for."""
        if wanted is None or not 1 <= wanted <= len(self.deployments):
            return None
        return self.deployments[wanted - 1]
