"""Task queues of a deployment: which pool polls which, and where runs and their activities are sent."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache, lru_cache
from typing import Final, NamedTuple

from durascope.models.scenario import TemporalDeployment, TemporalWorker

DEFAULT_QUEUE: Final = "default"


class TaskQueueType(StrEnum):
    """What a queue's tasks are: `TaskQueueType` in the API."""

    WORKFLOW = "workflow"
    ACTIVITY = "activity"


class TaskQueueKind(StrEnum):
    """Whether a queue is for every worker or one worker's own (W2): `TaskQueueKind` in the API."""

    NORMAL = "normal"
    STICKY = "sticky"


class TaskType(StrEnum):
    """What matching hands to a worker; queries travel on the queues of workflow tasks."""

    WORKFLOW = "workflow"
    ACTIVITY = "activity"
    QUERY = "query"


class QueueId(NamedTuple):
    """How matching tells queues apart."""

    type: TaskQueueType
    kind: TaskQueueKind
    name: str


@cache
def workflow_queue(name: str) -> QueueId:
    """The normal queue of that name for workflow tasks."""
    return QueueId(TaskQueueType.WORKFLOW, TaskQueueKind.NORMAL, name)


@cache
def activity_queue(name: str) -> QueueId:
    """The queue of that name for activity tasks."""
    return QueueId(TaskQueueType.ACTIVITY, TaskQueueKind.NORMAL, name)


@lru_cache(1024)
def sticky_queue(name: str) -> QueueId:
    """A worker's own queue for workflow tasks of the runs in its cache."""
    return QueueId(TaskQueueType.WORKFLOW, TaskQueueKind.STICKY, name)


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
