"""Notes: what Inngest lacks for a scenario, and what one would do instead; each names the steps it is about."""

from __future__ import annotations

from collections.abc import Iterator

from durascope.models.cron import EPOCH
from durascope.models.deployments import nearest
from durascope.models.scenario import Scenario
from durascope.models.steps import (
    Clear,
    ForEach,
    Get,
    Patched,
    Race,
    Repeat,
    Run,
    Send,
    Set,
    Sleep,
    Step,
    WaitFor,
)
from durascope.models.units import SECOND, format_duration


def notes(scenario: Scenario) -> Iterator[str]:
    """All notes, in the order of the file."""
    yield from _deployment(scenario)
    yield from _workflows(scenario)
    yield from _workload(scenario)


def _deployment(scenario: Scenario) -> Iterator[str]:
    app = scenario.deployments.inngest.app
    if app.sdk not in ("python", "typescript"):
        yield f"The {app.sdk} SDK is not modelled: the app behaves as with the {nearest(app.sdk)} SDK."
    if app.sdk == "python" and app.checkpoints is not None:
        yield "The Python SDK has no checkpointing: every step is a request of its own."
    if app.transport == "connect" and nearest(app.sdk) == "python":
        yield (
            "A connect worker of the Python SDK that cannot reach the gateway five times, 5 s apart, gives up, and its "
            "process exits: let a supervisor start it again."
        )
    flow = scenario.deployments.inngest.flow
    if isinstance(flow.priority, str):
        yield (
            f"The priority `{flow.priority}` is a bare field of the event: a number from JSON is not an integer to the "
            "expression, so it has no effect. Write it as a choice (`when … is 120`)."
        )


def _workflows(scenario: Scenario) -> Iterator[str]:
    for name, workflow in scenario.workflows.items():
        if workflow.started_by is not None and workflow.started_by.cron is not None:
            yield (
                f"{name} starts when its schedule `{workflow.started_by.cron}` comes round, not when the workload "
                "says, and events may come too early for it. "
                f"A simulation begins on {EPOCH:%A, %d %B %Y}, at midnight UTC."
            )
        for update in workflow.updates:
            yield (
                f"Inngest has no updates: `{update}` of {name} is not answered. Instead, send an event, wait for it "
                "in the function, and write the answer where the caller can read it."
            )
        for query in workflow.queries:
            yield (
                f"Inngest has no queries: a run of {name} cannot answer `{query}`. Instead, store the state in a step "
                "and read it from there."
            )
        if workflow.one_at_a_time:
            yield (
                f"`one_at_a_time` of {name} is `concurrency: {{limit: 1}}` on Inngest: it limits requests, not runs. "
                "While one run sleeps, waits or backs off, another run of the same key proceeds."
            )
        if workflow.cancellable:
            yield (
                f"cancelOn cancels a run of {name} at once; the step in flight is not notified and its result is "
                "discarded. A function triggered by inngest/function.cancelled undoes what had begun."
            )
        if workflow.retry is not None:
            yield f"Inngest has no retry policy for a whole run: `retry` of {name} is ignored."
        if workflow.run_timeout is not None:
            yield f"`run_timeout` of {name} is ignored: on Inngest, write `flow: {{timeouts: {{finish: …}}}}`."
        for step in workflow.walk():
            if isinstance(step, WaitFor) and (step.match or workflow.key) is None:
                yield (
                    f"`{step.label}` does not say which `{step.wait_for}` is meant: on Inngest, one event resumes "
                    f"every run that waits for it. Write `match: FIELD` there, or `key: FIELD` in {name}, with a field "
                    "of the input."
                )
            yield from _step(step, scenario)


def _step(step: Step, scenario: Scenario) -> Iterator[str]:
    python = nearest(scenario.deployments.inngest.app.sdk) == "python"
    match step:
        case Run():
            yield from _run(step)
        case Race() if python:
            yield (
                "The Python SDK has no race: `race` awaits all its branches. In TypeScript a function continues with "
                "the first (`Promise.race`)."
            )
        case WaitFor(timeout=None):
            yield f"`{step.label}` has no timeout. Inngest requires one, so it waits for a year."
        case WaitFor(timeout=int() as timeout) if python and timeout % SECOND:
            yield f"`{step.label}`: the Python SDK takes whole seconds only as a timeout; the function fails there."
        case Sleep() if step.sleep % SECOND:
            yield f"`{step.label}`: Inngest sleeps whole seconds; {format_duration(step.sleep)} are rounded."
        case Get() | Set() | Clear():
            key = getattr(step, step.kind)
            yield (
                f"Inngest keeps no state per entity: `{step.kind}: {key}` is a variable of the run. Instead, keep the "
                "state in a database, and read and write it in steps."
            )
        case Patched():
            yield (
                f"Inngest has no versioning inside a function: `patched: {step.patched}` compares the run's event with "
                "the time of the deploy."
            )
        case Repeat(continue_as_new_every=int()):
            yield (
                f"Inngest has no continue-as-new: `{step.label}` continues in the same run, whose number of steps is "
                "limited. Instead, send an event that starts the next run."
            )
        case ForEach(at_once=int()) if python:
            yield (
                f"`{step.label}`: members of `group.parallel` advance together, so `at_once` runs them in "
                f"rounds of {step.at_once}."
            )
        case Send(after=int()):
            yield f"`{step.label}`: an event with a later time delays only the runs that it starts, not what it wakes."
        case _:
            return


def _run(step: Run) -> Iterator[str]:
    if step.retry is not None:
        yield f"`{step.label}`: Inngest has no retry policy per step; the function's retries are used."
    for option in ("timeout", "queue_timeout", "total_timeout", "heartbeat"):
        if getattr(step, option) is not None:
            yield (
                f"`{step.label}`: Inngest has no `{option}` per step: it runs as long as the host lets it (2 h at "
                "most). Instead, limit the call itself."
            )


def _workload(scenario: Scenario) -> Iterator[str]:
    workload = scenario.workload
    if workload.start_with is not None:
        what = workload.start_with.send or workload.start_with.update
        yield f"Inngest has no start with a signal or update: `{what}` is sent as an event right after the start."
    for event in workload.events:
        if event.kind == "operator" and event.name not in ("cancel", "kill", "reset"):
            yield f"Inngest has no `{event.name}` for a run: the command does nothing."
        elif event.kind in ("update", "query"):
            yield f"Inngest answers no {event.kind}: `{event.name}` is not sent."
