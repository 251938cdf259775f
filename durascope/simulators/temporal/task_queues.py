"""Task queues of a deployment: which pool polls which, and where runs and their activities are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from durascope.models.scenario import TemporalDeployment, TemporalWorker

DEFAULT_QUEUE: Final = "default"


def queue_of(pool: TemporalWorker) -> str:
    """The queue that the workers of a pool poll."""
    return pool.queue or DEFAULT_QUEUE


def queue_of_workflow(deployment: TemporalDeployment, workflow: str) -> str:
    """The queue that a workflow is started on: one named like it, else the first that runs workflows."""
    queues = [queue_of(pool) for pool in deployment.workers if pool.runs != "activities"]
    return workflow if workflow in queues else next(iter(queues), DEFAULT_QUEUE)


def queue_of_activities(deployment: TemporalDeployment) -> str:
    """Where workflow code sends its activities, unless a step says otherwise."""
    workflow_pool = next((pool for pool in deployment.workers if pool.runs != "activities"), None)
    activity_pool = next((pool for pool in deployment.workers if pool.runs != "workflows"), None)
    both = workflow_pool is not None and workflow_pool.runs == "both"
    pool = workflow_pool if both else activity_pool
    return DEFAULT_QUEUE if pool is None else queue_of(pool)


def sdks(deployment: TemporalDeployment) -> Mapping[str, str]:
    """The SDK of the workers that run workflows, by their queue."""
    pools = [pool for pool in deployment.workers if pool.runs != "activities"]
    return {queue_of(pool): pool.sdk for pool in reversed(pools)}


def rates(deployment: TemporalDeployment) -> Mapping[str, float]:
    """Activities per second, of queues that have a limit."""
    return {queue_of(pool): pool.queue_rate for pool in deployment.workers if pool.queue_rate}
