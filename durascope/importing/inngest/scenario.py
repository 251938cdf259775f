"""Run traces as a scenario: one function a run, its steps in the order in which they began, or side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Final

from durascope.engines.inngest.run_trace import lines
from durascope.engines.inngest.run_trace import run_traces as traced
from durascope.importing.imported import Imported
from durascope.importing.inngest.reading import RunTrace, Step, moment
from durascope.importing.places import places
from durascope.importing.story import Span, Spent, Story
from durascope.importing.writing import scenario_of, without_comments, written
from durascope.models.durations import format_duration
from durascope.models.scenario import Scenario
from durascope.models.trace import Trace

ENDED: Final = ("COMPLETED", "FAILED", "CANCELLED")
START: Final = 180_000
"""Microseconds from the event that starts a run to its start: a scenario counts from that one."""
AT_ONCE: Final = 20_000
"""Microseconds between two steps in which no request ends and another begins."""
_SPENT: Final = {
    "RUN": Spent.EXECUTION, "SLEEP": Spent.TIMER, "WAIT_FOR_EVENT": Spent.WAITING, "INVOKE": Spent.CHILD,
}  # fmt: skip


def imported(runs: Sequence[RunTrace], name: str) -> Imported:
    """The scenario that these runs are the recording of; `name` is its id."""
    began = min(each.begin for each in runs)
    workflows: dict[str, Any] = {}
    started: list[str] = []
    events: list[tuple[int, dict[str, Any]]] = []
    notes: dict[str, None] = {}
    for number, run in enumerate(runs, 1):
        body = _body(run, workflows, notes)
        kind, count = run.function, 1
        while kind in workflows and without_comments(workflows[kind]) != body:
            count += 1
            kind = f"{run.function}-{count}"
        workflows.setdefault(kind, body)
        started.append(kind)
        events += _events(number, run, began)
    told: dict[str, Any] = {"runs": len(runs)}
    if len(workflows) > 1:
        told["of"] = started[0] if len(set(started)) == 1 else started
    if len(runs) > 1:
        told["arrivals"] = {"at": [format_duration((each.begin - began) // 1000 * 1000) for each in runs]}
    if events:
        told["events"] = [event for _, event in sorted(events, key=lambda pair: pair[0])]
    document: dict[str, Any] = {"scenario": name, "title": f"Imported: {runs[0].function}", "workflows": workflows}
    if any(map(_checkpointed, runs)):
        document["deployments"] = {"inngest": {"app": {"sdk": "typescript"}}}
    document["workload"] = told
    records = {f"run {number}": lines(run.root) for number, run in enumerate(runs, 1)}
    return Imported(
        "inngest",
        scenario_of(document, name),
        written(document),
        records,
        frozenset(f"run {number}" for number, run in enumerate(runs, 1) if run.status not in ENDED),
        [_story(f"run {number}", run) for number, run in enumerate(runs, 1)],
        list(notes),
        _predicted,
        needs_events=True,
    )


def _checkpointed(run: RunTrace) -> bool:
    """Whether steps followed each other in one request: with no time for another one between them."""
    pairs = zip(run.steps, run.steps[1:], strict=False)
    return any(one.end is not None and 0 <= other.begin - one.end < AT_ONCE for one, other in pairs)


def _predicted(trace: Trace, scenario: Scenario) -> Mapping[str, Sequence[str]]:
    """What a run trace of the prediction would tell."""
    return {name: lines(root) for name, root in traced(trace, scenario).items()}


def _body(run: RunTrace, workflows: dict[str, Any], notes: dict[str, None]) -> dict[str, Any]:
    """The function: steps that were under way together are side by side; what followed a failure undoes."""
    steps: list[Any] = []
    done: list[tuple[str, dict[str, Any]]] = []
    failed = next((step for step in run.steps if step.failed), None)
    after = [step for step in run.steps if failed is not None and step.begin >= (failed.end or failed.begin)]
    for group in groups([step for step in run.steps if step not in after]):
        told = [_step(each, run, workflows, notes) for each in group]
        done += [(each.name, step) for each, step in zip(group, told, strict=True) if each.op == "RUN"]
        steps.append(told[0] if len(told) == 1 else {"parallel": told})
    body: dict[str, Any] = {"steps": steps}
    undoing = [step for step in after if step.op == "RUN"]
    found = places([name for name, _ in done], [step.name for step in undoing])
    if found is None or len(undoing) < len(after):
        body["on_failure"] = [_step(each, run, workflows, notes) for each in after]
    else:
        for place, step in zip(found, undoing, strict=True):
            done[place][1]["undo"] = _step(step, run, workflows, notes)
        if undoing and run.status == "COMPLETED":
            body["after_undo"] = "complete"
    if failed is not None and failed.attempts > 1:
        body["retries"] = min(failed.attempts - 1, 20)
    if run.status == "FAILED" and failed is None:
        steps.append({"fail": "the function failed"})
    return body


def groups(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Steps that were under way together."""
    group: list[Step] = []
    for step in steps:
        if group and all(each.end is not None and each.end <= step.begin for each in group):
            yield group
            group = []
        group.append(step)
    if group:
        yield group


def _step(step: Step, run: RunTrace, workflows: dict[str, Any], notes: dict[str, None]) -> dict[str, Any]:
    took = (step.end or run.end or step.begin) - step.begin
    match step.op:
        case "SLEEP":
            until = moment(step.info.get("sleepUntil"))
            asked = took if until is None else until - step.begin
            return {"sleep": _rounded(asked), "name": step.name}
        case "WAIT_FOR_EVENT":
            limit = moment(step.info.get("timeout"))
            more = {} if limit is None else {"timeout": _rounded(limit - step.begin)}
            return {"wait_for": str(step.info.get("eventName") or step.name), "name": step.name, **more}
        case "INVOKE":
            called = str(step.info.get("functionID") or f"{step.name} invoked")
            notes[f"The run of {called} is not among the traces: one step stands for all that it did."] = None
            workflows.setdefault(called, {"steps": [{"run": f"all of {called}", "takes": _rounded(took)}]})
            return {"call": called, "name": step.name}
        case _:
            return _run_step(step, took)


def _run_step(step: Step, took: int) -> dict[str, Any]:
    """A step.run: its last attempt's time is that of its span, if it has one."""
    last = step.spans[-1] if step.spans else None
    if last is not None and last[1] is not None:
        took = last[1] - last[0]
    told: dict[str, Any] = {"run": step.name, "takes": _rounded(took)}
    if step.failed:
        told["fails"] = {"always": True, **({"retryable": False} if step.attempts == 1 else {})}
    elif step.attempts > 1:
        told["fails"] = step.attempts - 1
    return told


def _events(number: int, run: RunTrace, began: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """The events that waits were ended by, and what cancelled the run."""
    for step in run.steps:
        if step.op == "WAIT_FOR_EVENT" and step.end is not None and not step.info.get("timedOut"):
            at = max(0, step.end - began + START - 60_000)
            name = str(step.info.get("eventName") or step.name)
            yield at, {"send": name, "to": number, "at": format_duration(at // 1000 * 1000)}
    if run.status == "CANCELLED" and run.end is not None:
        at = max(0, run.end - began + START)
        yield at, {"operator": "cancel", "to": number, "at": format_duration(at // 1000 * 1000)}


def _rounded(us: int) -> str:
    if us > 10_000_000:
        nearest = round(us / 1_000_000) * 1_000_000
        if abs(nearest - us) <= 20_000:
            us = nearest
    return format_duration(max(1_000, round(us / 1000) * 1000))


def _story(name: str, run: RunTrace) -> Story:
    ends = [run.begin, *(step.end for step in run.steps if step.end is not None)]
    end = run.end or max(ends)
    spans = [
        Span(_SPENT[step.op], step.name, step.begin - run.begin, (step.end or end) - run.begin) for step in run.steps
    ]
    failed = next((step for step in run.steps if step.failed), None)
    cause = {
        "FAILED": f"The run failed because {failed.name} failed for good." if failed else "The function failed.",
        "CANCELLED": "The run was cancelled.",
    }.get(run.status, "")
    return Story(
        run=name,
        workflow=run.function,
        id=run.id,
        status=run.status.lower(),
        began=datetime.fromtimestamp(run.begin / 1e6, timezone.utc).isoformat(" ", "milliseconds"),  # noqa: UP017
        lasted=max(0, end - run.begin),
        spans=spans,
        repeated=[f"{step.name} had {step.attempts} attempts." for step in run.steps if step.attempts > 1],
        cause=cause,
    )
