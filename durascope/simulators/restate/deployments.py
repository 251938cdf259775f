"""Deployments: an immutable URL with the code behind it; the newest serves new invocations (restate.md §12).

An invocation is pinned to the deployment of its first attempt: retries and resumes go there, whatever is newer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from durascope.models.scenario import Workflow
from durascope.simulators.restate.endpoint import ServiceEndpoint


@dataclass(slots=True, eq=False)
class Deployment:
    """One registered URL: the processes that listen there, and the workflows that they serve."""

    number: int
    """From 1."""
    endpoints: Sequence[ServiceEndpoint]
    next_endpoint: int = 0

    def pick(self) -> ServiceEndpoint:
        """The process that the next request goes to: one after the other, passing over those known to be down."""
        count = len(self.endpoints)
        for offset in range(count):
            endpoint = self.endpoints[(self.next_endpoint + offset) % count]
            if endpoint.alive:
                self.next_endpoint += offset + 1
                return endpoint
        return self.endpoints[self.next_endpoint % count]

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

    def number(self, wanted: int | None) -> Deployment | None:
        """The deployment with that number, from 1; None: there is none, or none was asked for."""
        if wanted is None or not 1 <= wanted <= len(self.deployments):
            return None
        return self.deployments[wanted - 1]
