"""What an app has to say to Inngest, whatever its language: functions and their options, events and their fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from durascope.models.conditions import Condition
from durascope.models.deployments import Sdk
from durascope.models.flow import Concurrency, Flow, PriorityArm
from durascope.models.scenario import Scenario, Workflow
from durascope.models.steps import Run, Send, Start, Step, WaitFor
from durascope.models.units import SECOND
from durascope.render.code import conditions, program
from durascope.render.code.conditions import Term, Words
from durascope.render.code.names import words
from durascope.render.code.program import Book, Kind, Operation, Told, all_steps, kind_of, within

YEAR: Final = 365 * 86_400 * SECOND
"""The timeout of a wait that has none: Inngest demands one."""


def written_for(scenario: Scenario, sdk: Sdk) -> Scenario:
    """The scenario with its app on that SDK, whose defaults then hold."""
    inngest = scenario.deployments.inngest
    inngest = inngest.model_copy(update={"app": inngest.app.model_copy(update={"sdk": sdk})})
    return scenario.model_copy(update={"deployments": scenario.deployments.model_copy(update={"inngest": inngest})})


def told_of(scenario: Scenario) -> Book:
    """The scenario, told; the input of a workflow has what Inngest's expressions ask of its event, too."""
    book = program.told(scenario)
    return replace(book, workflows={name: _with_asked(scenario, each) for name, each in book.workflows.items()})


def _with_asked(scenario: Scenario, told: Told) -> Told:
    asked = set(_asked(flow_of(scenario, told.name)))
    asked |= {field for _, field in cancel_on(told.workflow) if field is not None}
    asked |= {matched(told.workflow, step) or "" for step in all_steps(told.workflow) if isinstance(step, WaitFor)}
    fields = dict(told.input)
    for name in sorted(asked - {"", *fields}):
        given = [each[name] for each in scenario.workload.inputs or () if name in each]
        fields[name] = kind_of(given[0]) if given else "text"
    return replace(told, input=fields)


def _asked(flow: Flow) -> Iterator[str]:
    """The fields that flow control asks for."""
    for each in (flow.concurrency, flow.throttle, flow.rate_limit, flow.debounce, flow.batch, flow.singleton):
        if each is not None and each.key is not None:
            yield each.key
    if flow.idempotency is not None:
        yield flow.idempotency
    if isinstance(flow.priority, str):
        yield flow.priority
    for arm in flow.priority or () if not isinstance(flow.priority, str) else ():
        yield from () if arm.when is None else arm.when.names


def app_id(scenario: Scenario) -> str:
    """The id of the app: functions are known as `APP-FUNCTION`."""
    return "-".join(words(scenario.scenario)) or "app"


def trigger(name: str, workflow: Workflow) -> str:
    """The event that starts the workflow; one that names none gets `NAME/requested`."""
    by = workflow.started_by
    return f"{name}/requested" if by is None or by.event is None else by.event


def cron(workflow: Workflow) -> str | None:
    """The schedule that starts the workflow in place of an event."""
    return None if workflow.started_by is None else workflow.started_by.cron


def retries(scenario: Scenario, workflow: Workflow) -> int:
    """Attempts after the first one, of each step."""
    return scenario.deployments.inngest.retries if workflow.retries is None else workflow.retries


def flow_of(scenario: Scenario, name: str) -> Flow:
    """The flow control of a function: one run at a time is a concurrency of 1 per key."""
    workflow = scenario.workflows[name]
    flow = workflow.flow or (scenario.deployments.inngest.flow if name in scenario.started else Flow())
    if workflow.one_at_a_time and flow.concurrency is None:
        return flow.model_copy(update={"concurrency": Concurrency(limit=1, key=workflow.key)})
    return flow


def cancel_on(workflow: Workflow) -> Iterator[tuple[str, str | None]]:
    """The events that cancel a run, each with the field that must be equal in it and in the run's own event."""
    for event, signal in workflow.signals.items():
        if signal.then != "ignore":
            yield event, signal.match or workflow.key


def matched(workflow: Workflow, step: WaitFor) -> str | None:
    """The field that must be equal in the event that a step waits for and in the run's own."""
    return step.match or workflow.key


def undoes_cancelled(told: Told) -> bool:
    """Whether a function of its own has to undo what a cancelled run had begun."""
    steps = within(told.workflow.steps)
    return told.workflow.cancellable and any(isinstance(each, Run) and each.undo is not None for each in steps)


# ---- events ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an event."""

    kind: Kind
    always: bool
    """Whether every such event has it."""


def events(book: Book) -> dict[str, dict[str, Field]]:
    """The fields of every event that the app sends or receives, by its name."""
    found: dict[str, dict[str, Field]] = {}
    for told in book.workflows.values():
        if cron(told.workflow) is None:
            _add(found, trigger(told.name, told.workflow), told.input, always=True)
    for told in book.workflows.values():
        for event, field in cancel_on(told.workflow):
            _add(found, event, _known(told, field), always=False)
        for step in all_steps(told.workflow):
            if isinstance(step, WaitFor):
                _add(found, step.wait_for, _known(told, matched(told.workflow, step)), always=False)
            elif isinstance(step, Send):
                _add(found, step.send, {}, always=False)
    workload = book.scenario.workload
    sent = [event.name for event in workload.events if event.kind == "send"]
    if workload.start_with is not None and workload.start_with.send is not None:
        sent.append(workload.start_with.send)
    for event in (*found, *sent):
        _add(found, event, book.events[event].fields if event in book.events else {}, always=False)
    return found


def _known(told: Told, field: str | None) -> Mapping[str, Kind]:
    return {} if field is None else {field: told.input.get(field, "text")}


def _add(found: dict[str, dict[str, Field]], event: str, fields: Mapping[str, Kind], *, always: bool) -> None:
    known = found.setdefault(event, {})
    for name, kind in fields.items():
        before = known.get(name, Field(kind, always))
        known[name] = Field(kind if before.kind == kind else "any", always or before.always)


def keys(book: Book) -> set[str]:
    """The fields that are a workflow's key: an event that is for one entity has it."""
    return {told.workflow.key for told in book.workflows.values() if told.workflow.key is not None}


# ---- expressions -----------------------------------------------------------------------------------------------

CEL: Final = Words("true", "false", "&&", "||", "!", "==", "!=", "!= null", repr)


def text_in_cel(text: str) -> str:
    """A text as a literal of an expression."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def priority(chosen: str | tuple[PriorityArm, ...], told: Told, name_of: Mapping[str, str]) -> str:
    """The expression that a run's priority comes of: `event.data.vip ? 120 : 0`."""
    if isinstance(chosen, str):
        return f"event.data.{name_of.get(chosen, chosen)}"
    text = "0"
    for arm in reversed(chosen):
        text = str(arm.otherwise) if arm.when is None else f"{_cel(arm.when, told, name_of)} ? {arm.is_} : {text}"
    return text


def _cel(condition: Condition, told: Told, name_of: Mapping[str, str]) -> str:
    def resolve(name: str) -> Term | None:
        kind = told.input.get(name)
        return None if kind is None else Term(f"event.data.{name_of[name]}", kind)

    return conditions.expression(condition, resolve, CEL)


# ---- the workload ----------------------------------------------------------------------------------------------


def about_when(book: Book, workflow: str, label: str) -> int:
    """About how long after its start a run has come to that step, in microseconds: the usual times before it."""
    total = 0
    for step in book.workflows[workflow].workflow.steps:
        if step.label == label or any(label == each.label for block in step.blocks() for each in within(block)):
            break
        total += _usual(book, workflow, step)
    return total


def _usual(book: Book, workflow: str, step: Step) -> int:
    match step:
        case Run():
            operation = book.operation(workflow, step)
            return (operation.takes[0] if operation.takes else operation.service.latency).typical
        case _:
            return int(getattr(step, "sleep", 0) or 0)


def starts(step: Step) -> str | None:
    """The workflow that a step starts or calls."""
    return step.start if isinstance(step, Start) else getattr(step, "call", None)


def whole_seconds(us: int) -> int:
    """Seconds, at least one: what periods of flow control are given in."""
    return max(1, round(us / SECOND))


def undo_steps(book: Book, told: Told) -> list[Operation]:
    """The steps that undo those of a workflow, in the order of its code."""
    steps = (step for step in within(told.workflow.steps) if isinstance(step, Run))
    return [book.operation(told.name, step.undo) for step in steps if step.undo is not None]
