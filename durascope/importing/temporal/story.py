"""What an event history tells of where a run's time went, and what was done again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import Final

from durascope.importing.story import Span, Spent, Story
from durascope.importing.temporal.activities import attempts_of, backoff
from durascope.importing.temporal.chains import Chain
from durascope.importing.temporal.lines import word
from durascope.importing.temporal.observing import CAUSE, Command, Observed, What, failure_of, span
from durascope.importing.temporal.program import program
from durascope.models.phrases import spell
from durascope.simulators.temporal.closing import STATUS

TIMEOUTS: Final = {"start-to-close": "startToCloseTimeout", "heartbeat": "heartbeatTimeout"}


def story(chain: Chain, deaths: Sequence[str]) -> Story:
    """The story of a run; `deaths`: what was inferred of dead workers."""
    spans: list[Span] = []
    repeated: list[str] = []
    for execution in chain.executions:
        offset = execution.history.begun - chain.begun
        spans += [Span(each.spent, each.what, each.begin + offset, each.end + offset) for each in _spans(execution)]
        repeated += _repeated(execution)
    last = chain.last.history
    return Story(
        run=chain.name,
        workflow=chain.first.workflow,
        id=chain.workflow_id,
        status=STATUS.get(last.last.kind, "running"),
        began=datetime.fromtimestamp(chain.begun / 1e6, timezone.utc).isoformat(" ", "milliseconds"),  # noqa: UP017
        lasted=last.begun + last.last.at - chain.begun,
        spans=spans,
        repeated=repeated,
        cause=_cause(chain, deaths),
    )


def _spans(execution: Observed) -> Iterator[Span]:
    yield from _tasks(execution)
    for command in execution.commands:
        end = execution.history.last.at if command.ended is None else command.ended.at
        if command.what is What.ACTIVITY:
            yield from _attempts(command, end)
        elif command.what is What.TIMER:
            yield Span(Spent.TIMER, command.name, command.asked.at, end)
        elif command.what is What.CHILD and not command.detached:
            yield Span(Spent.CHILD, command.name, command.asked.at, end)


def _tasks(execution: Observed) -> Iterator[Span]:
    history = execution.history
    for event in history.events:
        if not event.kind.startswith("WorkflowTask") or event.kind == "WorkflowTaskScheduled":
            continue
        scheduled = history.at(int(event.a["scheduledEventId"]))
        name = f"workflow task {scheduled.id}"
        if event.kind == "WorkflowTaskStarted":
            yield Span(Spent.QUEUE, name, scheduled.at, event.at)
        elif event.kind == "WorkflowTaskTimedOut":
            yield Span(Spent.GONE, name, scheduled.at, event.at)
        else:
            yield Span(Spent.CODE, name, history.at(int(event.a["startedEventId"])).at, event.at)


def _attempts(command: Command, end: int) -> Iterator[Span]:
    """The attempts of an activity: the last one as it was told, those before it between its begin and that."""
    started, asked, name = command.started, command.asked, command.name
    if started is None:
        yield Span(Spent.QUEUE, name, asked.at, end)
        return
    attempts = attempts_of(command)
    if attempts > 1:
        yield from _earlier(command, attempts)
    else:
        yield Span(Spent.QUEUE, name, asked.at, started.at)
    kind = "" if command.ended is None else command.ended.kind
    how = {"ActivityTaskFailed": Spent.FAILED, "ActivityTaskTimedOut": Spent.LOST}.get(kind, Spent.EXECUTION)
    yield Span(how, name, started.at, end)


def _earlier(command: Command, attempts: int) -> Iterator[Span]:
    started, a = command.started, command.asked.a
    assert started is not None
    error, timeout = failure_of(started.a)
    pauses = [backoff(a.get("retryPolicy"), number) for number in range(1, attempts)]
    whole = started.at - command.asked.at
    each = max(0, (whole - sum(pauses)) // (attempts - 1))
    if error == "timeout" and timeout in TIMEOUTS and attempts == 2:
        each = min(span(a, TIMEOUTS[timeout]) or each, whole)
    at = command.asked.at
    for number, pause in enumerate(pauses, 1):
        name = f"{command.name}, attempt {number}"
        yield Span(Spent.LOST if error == "timeout" else Spent.FAILED, name, at, at + each)
        yield Span(Spent.BACKOFF, name, at + each, min(at + each + pause, started.at))
        at = min(at + each + pause, started.at)
    if at < started.at:
        yield Span(Spent.QUEUE, command.name, at, started.at)


def _repeated(execution: Observed) -> Iterator[str]:
    for command in execution.commands:
        attempts = command.tries if command.what is What.LOCAL else attempts_of(command)
        if command.what not in (What.ACTIVITY, What.LOCAL) or attempts < 2:
            continue
        error, message = failure_of(command.started.a if command.started is not None else command.attempts[0].a)
        times = "once more" if attempts == 2 else f"{attempts - 1} times more"
        if error == "timeout":
            why = f"the attempt before was never reported ({message} timeout), so its effect may have happened twice"
            yield f"{command.name} ran {times}: {why}."
        else:
            said = f": {message}" if message and message != error else ""
            yield f"{command.name} ran {times}: the attempt before failed ({error}{said})."
    replays = sum(
        each.kind == "WorkflowTaskStarted" and _anew(execution, int(each.a["scheduledEventId"]))
        for each in execution.history.events
    )
    if replays:
        times = "once" if replays == 1 else f"{replays} times"
        yield f"The workflow's code was replayed from its beginning {times}: by a worker without the run in its cache."


def _anew(execution: Observed, scheduled: int) -> bool:
    """Whether a task came from the queue of all workers after others had been done."""
    event = execution.history.at(scheduled)
    first = next((each.id for each in execution.history.events if each.kind == "WorkflowTaskCompleted"), None)
    return first is not None and scheduled > first and "normalName" not in event.a.get("taskQueue", {})


def _cause(chain: Chain, deaths: Sequence[str]) -> str:
    last = chain.last
    failed = program(last).cause
    kind = last.history.last.kind
    tasks = next((each for each in last.history.events if each.kind == "WorkflowTaskFailed"), None)
    told: list[str] = []
    if kind == "WorkflowExecutionFailed":
        error, message = failure_of(last.history.last.a)
        why = f"{failed.name} failed for good" if failed is not None else "the workflow's code failed it"
        told.append(f"The run failed because {why}: {message or error}.")
    elif kind == "WorkflowExecutionTimedOut":
        told.append(f"The run met its own timeout, {spell(span(chain.first.history.first, 'workflowRunTimeout'))}.")
    elif kind in ("WorkflowExecutionTerminated", "WorkflowExecutionCanceled"):
        told.append(f"Somebody {'terminated' if kind.endswith('Terminated') else 'cancelled'} the run.")
    if tasks is not None:
        cause = word(tasks.a.get("cause"), CAUSE)
        told.append(f"Workflow task {tasks.a['scheduledEventId']} failed ({cause}): {failure_of(tasks.a)[1][:300]}")
    return " ".join([*told, *deaths])
