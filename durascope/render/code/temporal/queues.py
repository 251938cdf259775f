"""The task queues of a deployment."""

from __future__ import annotations

from dataclasses import dataclass

from durascope.models.deployments import TemporalDeployment
from durascope.models.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Pool:
    """What polls one task queue."""

    queue: str
    workflows: bool
    activities: bool
    cache: int
    slots: int
    replicas: int


def pools(deployment: TemporalDeployment) -> list[Pool]:
    """The pools of workers, by queue."""
    found: dict[str, Pool] = {}
    for each in deployment.workers:
        queue = each.queue or "default"
        known = found.get(queue)
        found[queue] = Pool(
            queue,
            each.runs != "activities" or (known is not None and known.workflows),
            each.runs != "workflows" or (known is not None and known.activities),
            max(each.cache, known.cache if known else 0),
            max(each.slots, known.slots if known else 0),
            each.replicas + (known.replicas if known else 0),
        )
    return list(found.values())


def workflow_queue(deployment: TemporalDeployment, workflow: str) -> str:
    """The queue of a workflow: one named like it, else the first that runs workflows."""
    queues = [each.queue for each in pools(deployment) if each.workflows]
    return workflow if workflow in queues else queues[0]


def activity_queue(deployment: TemporalDeployment) -> str:
    """The queue that workflows send their activities to unless a step names another."""
    workflows = next(each for each in deployment.workers if each.runs != "activities")
    activities = next(each for each in deployment.workers if each.runs != "workflows")
    return (workflows if workflows.runs == "both" else activities).queue or "default"


def runs_local_activities(scenario: Scenario) -> bool:
    """Whether a worker of workflows has to know activities, too: local ones run where their workflow does."""
    return any(step.local for _, step in scenario.runs())
