"""What is told of runs that have not ended, and of signals that nobody has handled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from durascope.models.scenario import Workflow
from durascope.models.steps import WaitFor
from durascope.models.trace import Unconsumed, Unended
from durascope.simulators.temporal.events import WorkflowExecutionSignaled
from durascope.simulators.temporal.mutable_state import Activity, ActivityStatus, MutableState, RunStatus, WorkflowTask


def unended(state: MutableState, run: str) -> Unended:
    """What an open run waits for: the first of what is under way that has to come from somewhere."""
    waits_for, since, freed_by = _waits_for(state)
    return Unended(run, "running", waits_for, since, freed_by=freed_by)


def _waits_for(state: MutableState) -> tuple[str, int, str | None]:
    """(what, since when, what would let it go on)"""
    if state.wft is not None:
        return _workflow_task(state, state.wft)
    activity = next(iter(state.activities.values()), None)
    if activity is not None:
        return _activity(activity)
    for due, event in sorted(state.timers.values(), key=lambda timer: timer[0]):
        return f"the timer of {event.name}, which is due at {due // 1_000_000} s", event.at, None
    for child in state.children.values():
        return f"the called run {child.initiated.run.name}", child.initiated.at, None
    if state.last_wait is not None:
        event = state.last_wait[1]
        return f"event {event}", _last_at(state), f"send {event}"
    return "its first workflow task", _last_at(state), None


def _workflow_task(state: MutableState, task: WorkflowTask) -> tuple[str, int, str | None]:
    if state.task_failure:
        what = f"a workflow task that does not fail (attempt {task.attempt}): {state.task_failure}"
        return what, _last_at(state), "deploy code that can go on from the history, or reset the run"
    if task.started_at is None:
        return f"a worker that polls the task queue {task.queue_name}", task.scheduled_at, "start a worker"
    return f"the worker {task.worker}, which has its workflow task", task.started_at, None


def _activity(activity: Activity) -> tuple[str, int, str | None]:
    attempt = f"attempt {activity.attempt} of {activity.name}"
    if activity.status is ActivityStatus.SCHEDULED:
        freed_by = f"start a worker for activities of the task queue {activity.queue}"
        return f"a worker that takes {attempt}", activity.scheduled_at, freed_by
    return attempt, activity.scheduled_at, None


def _last_at(state: MutableState) -> int:
    return state.history.events[-1].at


def unconsumed(state: MutableState, run: str, code: Mapping[str, Workflow]) -> Iterator[Unconsumed]:
    """Signals that the run had accepted and that no code took: those at its end, or that its code has no name for."""
    left: Counter[str] = Counter(getattr(state.history.events[-1], "unhandled_signals", {}))
    signals = [event for event in state.history.events if isinstance(event, WorkflowExecutionSignaled)]
    if signals and (state.open or state.status in (RunStatus.TERMINATED, RunStatus.TIMED_OUT)):
        known = _names(code[state.run.workflow])
        left.update(name for name in (event.name for event in signals) if name not in known)
    taken: list[Unconsumed] = []
    for event in reversed(signals):
        if left[event.name]:
            left[event.name] -= 1
            taken.append(Unconsumed(event.at, run, event.name))
    yield from reversed(taken)


def _names(workflow: Workflow) -> set[str]:
    """The signals that a workflow's code has a handler or a wait for."""
    waited = {step.wait_for for step in workflow.walk() if isinstance(step, WaitFor)}
    return waited | set(workflow.signals)
