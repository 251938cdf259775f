"""Run traces as Inngest's API gives them: a tree of spans, one for each step, with its attempts below it.

The form is that of the dev server's GraphQL field `run.trace`: `stepOp`, `name`, `status`, `attempts`, times in
RFC 3339, `stepInfo` of sleeps and waits, `childrenSpans`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from durascope.models.scenario import Scenario
from durascope.models.spans import Span, spans
from durascope.models.steps import Sleep, WaitFor
from durascope.models.trace import RunSummary, Trace

EPOCH: Final = datetime(2026, 1, 1, tzinfo=timezone.utc)  # noqa: UP017
STATUS: Final = {"completed": "COMPLETED", "failed": "FAILED", "cancelled": "CANCELLED"}
Node = dict[str, Any]


def run_traces(trace: Trace, scenario: Scenario) -> dict[str, Node]:
    """The trace of each run, by the run's name."""
    found: dict[str, list[Span]] = {}
    for span in spans(trace, scenario):
        if span.run is not None and span.step is not None:
            found.setdefault(span.run, []).append(span)
    return {run.name: _run(run, found.get(run.name, ()), scenario) for run in trace.runs}


def lines(root: Mapping[str, Any]) -> list[str]:
    """What a run trace tells, a line a step in the order in which they began, and the run's end."""
    told: list[str] = []
    children = [each for each in root.get("childrenSpans") or () if each.get("stepOp")]
    for each in sorted(children, key=_together(children)):
        attempts = int(each.get("attempts") or 1)
        more = f" attempts={attempts}" if attempts > 1 else ""
        failed = " failed" if each.get("status") == "FAILED" else ""
        told.append(f"{each.get('stepOp')} {each.get('name')}{more}{failed}")
    ended = str(root.get("status"))
    return [*told, *([ended] if ended in STATUS.values() else ())]


def _together(children: Sequence[Mapping[str, Any]]) -> Callable[[Mapping[str, Any]], tuple[int, str]]:
    """In the order in which they began; what was under way together, by name."""
    group, ends, of = 0, "", dict[int, int]()
    for each in sorted(children, key=lambda child: str(child.get("startedAt"))):
        if str(each.get("startedAt")) >= ends:
            group += 1
        ends = max(ends, str(each.get("endedAt") or "~"))
        of[id(each)] = group
    return lambda child: (of[id(child)], str(child.get("name")))


def _run(run: RunSummary, found: Sequence[Span], scenario: Scenario) -> Node:
    end = run.ended_at
    steps = list(_steps(found, scenario))
    return {
        "runID": run.name,
        "functionID": run.workflow,
        "name": run.workflow,
        "isRoot": True,
        "status": STATUS.get(run.status, "RUNNING"),
        "queuedAt": _time(run.started_at),
        "startedAt": _time(run.started_at),
        "endedAt": None if end is None else _time(end),
        "childrenSpans": steps,
    }


def _steps(found: Sequence[Span], scenario: Scenario) -> Iterator[Node]:
    """One span for each use of a step, in the order in which they began."""
    labels = {step.label: step for workflow in scenario.workflows.values() for step in workflow.walk()}
    open_: dict[str, list[Span]] = {}
    done: list[list[Span]] = []
    for span in found:
        if span.kind not in ("running", "sleeping", "waiting"):
            continue
        name = str(span.step)
        attempts = open_.get(name)
        if attempts is None or attempts[-1].ended == "done":
            attempts = open_[name] = []
            done.append(attempts)
        attempts.append(span)
    for attempts in sorted(done, key=lambda each: each[0].start):
        yield _step(attempts, labels.get(str(attempts[0].step)))


def _step(attempts: Sequence[Span], step: object) -> Node:
    first, last = attempts[0], attempts[-1]
    kind = {"running": "RUN", "sleeping": "SLEEP", "waiting": "WAIT_FOR_EVENT"}[first.kind]
    told: Node = {
        "name": first.step,
        "stepOp": kind,
        "status": "COMPLETED" if last.ended == "done" else "FAILED" if last.ended == "failed" else "RUNNING",
        "attempts": len(attempts),
        "queuedAt": _time(first.start),
        "startedAt": _time(first.start),
        "endedAt": _time(last.end),
        "stepInfo": None,
        "childrenSpans": [
            {
                "name": f"Attempt {number}",
                "startedAt": _time(each.start),
                "endedAt": _time(each.end),
                "status": "COMPLETED" if each.ended == "done" else "FAILED",
            }
            for number, each in enumerate(attempts)
        ],
    }
    if isinstance(step, Sleep):
        told["stepInfo"] = {"sleepUntil": _time(first.start + step.sleep)}
    elif isinstance(step, WaitFor):
        limit = None if step.timeout is None else _time(first.start + step.timeout)
        timed_out = step.timeout is not None and last.end - first.start >= step.timeout
        told["stepInfo"] = {"eventName": step.wait_for, "timeout": limit, "timedOut": timed_out}
    return told


def _time(us: int) -> str:
    return (EPOCH + timedelta(microseconds=us)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
