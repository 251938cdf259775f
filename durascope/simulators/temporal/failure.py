"""Why something failed: an attempt, a child, a run. The words are those of the trace, for names of Temporal's API."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FailureKind(StrEnum):
    """What a failure is about: which `failure_info` it has in the API."""

    APPLICATION = "application"
    TIMEOUT = "timeout"
    CANCELED = "canceled"
    CHILD = "child"
    SERVER = "server"


class TimeoutType(StrEnum):
    """Which time has run out: `TimeoutType` in the API."""

    SCHEDULE_TO_START = "schedule-to-start"
    SCHEDULE_TO_CLOSE = "schedule-to-close"
    START_TO_CLOSE = "start-to-close"
    HEARTBEAT = "heartbeat"


class RetryState(StrEnum):
    """Why no attempt follows, or that one does: `RetryState` in the API."""

    IN_PROGRESS = "in-progress"
    NON_RETRYABLE_FAILURE = "non-retryable-failure"
    TIMEOUT = "timeout"
    MAXIMUM_ATTEMPTS_REACHED = "maximum-attempts-reached"
    CANCEL_REQUESTED = "cancel-requested"


class TaskFailedCause(StrEnum):
    """Why a workflow task has failed: `WorkflowTaskFailedCause` in the API."""

    UNHANDLED_COMMAND = "unhandled-command"
    NON_DETERMINISTIC_ERROR = "non-deterministic-error"
    WORKER_UNHANDLED_FAILURE = "workflow-worker-unhandled-failure"
    FORCE_CLOSE_COMMAND = "force-close-command"
    RESET_WORKFLOW = "reset-workflow"
    TOO_MANY_ACTIVITIES = "pending-activities-limit-exceeded"
    TOO_MANY_CHILDREN = "pending-child-workflows-limit-exceeded"
    TOO_MANY_SIGNALS = "pending-signals-limit-exceeded"
    TOO_MANY_CANCEL_REQUESTS = "pending-request-cancel-limit-exceeded"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something failed."""

    message: str
    kind: FailureKind = FailureKind.APPLICATION
    retryable: bool = True
    retry_after: int | None = None
    """The error's own next-retry delay in microseconds."""
    timeout_type: TimeoutType | None = None
