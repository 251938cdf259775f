"""An event of the history as a line of the conformance cases' grammar (conformance/temporal/README.md)."""

from __future__ import annotations

from durascope.simulators.temporal import events as e
from durascope.simulators.temporal.commands import LocalEnd
from durascope.simulators.temporal.history import HistoryEvent


def line(event: HistoryEvent) -> str:
    """The event's own name, then only what a model can predict."""
    detail = _detail(event)
    return f"{event.kind} {detail}" if detail else event.kind


def milliseconds(us: int) -> str:
    """Whole seconds as `2s`, else milliseconds: `600ms`.

    >>> milliseconds(2_000_000), milliseconds(600_000)
    ('2s', '600ms')
    """
    return f"{us // 1_000_000}s" if us % 1_000_000 == 0 else f"{us // 1000}ms"


def _attempt(attempt: int) -> str:
    return f" attempt={attempt}" if attempt > 1 else ""


def _state(retry_state: str | None) -> str:
    return f" {retry_state}" if retry_state else ""


def _detail(event: HistoryEvent) -> str:
    match event:
        case e.WorkflowTaskScheduled():
            return f"{event.queue_kind}{_attempt(event.attempt)}"
        case e.ActivityTaskStarted():
            return f"{event.name}{_attempt(event.attempt)}"
        case e.ActivityTaskFailed():
            return f"{event.name}{_state(event.retry_state)}"
        case e.ActivityTaskTimedOut():
            return f"{event.name} {event.timeout_type}{_state(event.retry_state)}"
        case e.TimerStarted():
            return f"{event.timer_id} {milliseconds(event.start_to_fire_timeout)}"
        case e.TimerFired() | e.TimerCanceled():
            return str(event.timer_id)
        case e.MarkerRecorded(end=LocalEnd(failure=failure)):
            return f"local-activity {event.name}{'' if failure is None else ' failed'}"
        case e.MarkerRecorded():
            return f"patch {event.name}"
        case e.UpsertWorkflowSearchAttributes():
            return "TemporalChangeVersion"
        case e.WorkflowTaskTimedOut():
            return event.timeout_type
        case e.WorkflowTaskFailed():
            return event.cause
        case e.WorkflowExecutionStarted(initiator="workflow"):
            return "continued-as-new"
        case e.WorkflowExecutionStarted(initiator="retry"):
            return f"retry attempt={event.attempt}"
        case e.WorkflowExecutionFailed():
            return event.retry_state or ""
        case _:
            return getattr(event, "name", "")
