"""Which Restate service a workflow is a handler of: one of its own, or the one that it names."""

from __future__ import annotations

from typing import Literal, NamedTuple

from durascope.models.scenario import Scenario

ServiceKind = Literal["service", "object", "workflow"]


class Serving(NamedTuple):
    """A service's name and kind."""

    service: str
    kind: ServiceKind


def serving(scenario: Scenario, name: str) -> Serving:
    """The service of the workflow of that name; what goes one at a time is an exclusive handler of an object."""
    workflow = scenario.workflows[name]
    service = workflow.service or name
    kind = workflow.kind or scenario.deployments.restate.service.kind
    if workflow.kind == "workflow":
        return Serving(service, "workflow")
    if workflow.one_at_a_time or (kind == "object" and workflow.key is not None):
        return Serving(service, "object")
    return Serving(service, "workflow" if kind == "workflow" else "service")
