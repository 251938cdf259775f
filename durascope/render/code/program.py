"""The parts of a scenario's workflows, in no language: operations, values and where each comes from, events."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from durascope.models.names import blocks
from durascope.models.scenario import OWN_STEP, InputPool, InputShare, InputUniform, Scenario, Service, Workflow
from durascope.models.steps import (
    Awakeable,
    Call,
    Choose,
    Compute,
    Get,
    Run,
    Send,
    Set,
    Start,
    Step,
    Steps,
    WaitFor,
)
from durascope.models.units import Spread

Kind = Literal["text", "number", "flag", "any"]
"""What a value is."""


@dataclass(frozen=True, slots=True)
class Value:
    """A named value that conditions and references use."""

    name: str
    kind: Kind
    source: Literal["input", "carried"]
    """input: a field of the run's input, nothing else writes it; carried: results, events and state write it."""
    from_input: bool = False
    """carried: whether it begins as the field of the input of that name; else it is unknown until it is written."""


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """The code of a `run` step: one for all steps that have the same name and do the same."""

    workflow: str
    step: Run
    name: str
    """As the engine knows it: the step's label without its loop variables."""
    variables: tuple[str, ...]
    """The loop variables in its label."""
    service: Service
    results: tuple[str, ...]
    """The named outcomes that it returns."""
    referred: bool
    """Whether its calls bear a reference by which a later one that asks first finds their effect."""

    @property
    def takes(self) -> tuple[Spread, ...]:
        """How long its attempts take; empty: as long as its service's calls."""
        takes = self.step.takes
        return () if takes is None else takes if isinstance(takes, tuple) else (takes,)

    @property
    def asks(self) -> bool:
        """Whether it asks its service for its effect before it calls it."""
        return self.step.check_first is not None


@dataclass(frozen=True, slots=True)
class Event:
    """An event or signal, with the fields that it is known to have."""

    name: str
    fields: Mapping[str, Kind]


@dataclass(frozen=True, slots=True)
class Told:
    """A workflow, with what one has to know to write it as code."""

    name: str
    workflow: Workflow
    input: Mapping[str, Kind]
    """The fields of its input, the key included."""
    values: Mapping[str, Value]
    """What conditions and references use, beside loop variables."""
    waits: tuple[str, ...]
    """The events that it waits for."""
    uses_undo: bool
    called: bool
    """Whether another workflow calls or starts it."""

    @property
    def cancels(self) -> bool:
        """Whether a signal cancels it."""
        return self.workflow.cancellable


@dataclass(frozen=True, slots=True)
class Book:
    """All of a scenario, told."""

    scenario: Scenario
    workflows: Mapping[str, Told]
    operations: tuple[Operation, ...]
    events: Mapping[str, Event]
    _by_step: Mapping[tuple[str, int], Operation] = field(repr=False)

    def operation(self, workflow: str, step: Run) -> Operation:
        """The operation of a `run` step."""
        return self._by_step[workflow, id(step)]

    def services(self) -> Mapping[str, Service]:
        """The services that operations call, in the order of the file."""
        used = {each.step.on for each in self.operations}
        return {name: each for name, each in self.scenario.services.items() if name in used}

    def started_by(self, event: str) -> tuple[str, ...]:
        """The workflows that an event starts."""
        workflows = self.scenario.workflows.items()
        return tuple(n for n, each in workflows if each.started_by is not None and each.started_by.event == event)

    def hearers(self, event: str) -> tuple[str, ...]:
        """The workflows with a key that do something with that event."""
        keyed = [told for told in self.workflows.values() if told.workflow.key is not None]
        listening = [told for told in keyed if event in told.waits or event in told.workflow.signals]
        return tuple(told.name for told in listening or keyed)


def told(scenario: Scenario) -> Book:
    """The scenario as its code has to know it.

    >>> from durascope.models.loading import load_scenario
    >>> book = told(load_scenario("order-fulfillment"))
    >>> [operation.name for operation in book.operations][:3]
    ['check-inventory', 'reserve-stock', 'release-stock']
    """
    operations, by_step = _operations(scenario)
    events = {name: Event(name, _fields(scenario, name)) for name in _event_names(scenario)}
    workflows = {name: _told(scenario, name, each, events) for name, each in scenario.workflows.items()}
    return Book(scenario, workflows, operations, events, by_step)


# ---- steps -----------------------------------------------------------------------------------------------------


def all_steps(workflow: Workflow) -> Iterator[Step]:
    """Every step that code is written for, undo steps included, in the order of the file."""
    yield from within(workflow.steps)
    for update in workflow.updates.values():
        yield from within(update.steps)
    yield from within(workflow.on_failure)


def within(steps: Steps) -> Iterator[Step]:
    """The steps and all that is inside of them."""
    for step in steps:
        yield step
        for _, inner in blocks(step):
            yield from within(inner)


_PLACE: Final = re.compile(r"\{(\w+)\}")


def variables_of(label: str) -> tuple[str, ...]:
    """The loop variables that a label is made with: of `round-{n}`, n.

    >>> variables_of("round-{n}")
    ('n',)
    """
    return tuple(dict.fromkeys(_PLACE.findall(label)))


def plain_label(label: str) -> str:
    """A label without its variables: `round`.

    >>> plain_label("round-{n}")
    'round'
    """
    return re.sub(r"[-_ .:/]*\{\w+\}", "", label).strip("-_ .:/") or "step"


def _operations(scenario: Scenario) -> tuple[tuple[Operation, ...], Mapping[tuple[str, int], Operation]]:
    found: dict[object, Operation] = {}
    by_step: dict[tuple[str, int], Operation] = {}
    names: set[str] = set()
    for name, workflow in scenario.workflows.items():
        attempts = "attempts" in _asked(workflow)
        looked_for = _looked_for(workflow)
        for step in all_steps(workflow):
            for each in (step, step.undo if isinstance(step, Run | Call) else None):
                if not isinstance(each, Run) or (name, id(each)) in by_step:
                    continue
                run = each
                if isinstance(step, Run) and each is step.undo and each.on is None and step.on is not None:
                    run = each.model_copy(update={"on": step.on})
                body = run.model_copy(
                    update={"retry": None, "timeout": None, "undo": None, "queue": None, "queue_timeout": None,
                            "total_timeout": None, "local": False, "cancellation": "try"}
                )  # fmt: skip
                key = (name, body.model_dump_json())
                if key not in found:
                    engine_name = _free(plain_label(run.run), name, names)
                    service = scenario.services.get(run.on or "", OWN_STEP)
                    results = (*(run.result or {}), *(("attempts",) if attempts else ()))
                    referred = run.idempotency_key is None and (run.check_first is not None or run.effect in looked_for)
                    found[key] = Operation(name, run, engine_name, variables_of(run.run), service, results, referred)
                by_step[name, id(each)] = found[key]
    return tuple(found.values()), by_step


def _looked_for(workflow: Workflow) -> set[str]:
    """The effects with a name that some step asks its service for."""
    runs = (
        each
        for step in all_steps(workflow)
        for each in (step, step.undo_step if isinstance(step, Run | Call) else None)
        if isinstance(each, Run)
    )
    return {run.effect for run in runs if run.check_first is not None and run.effect is not None}


def _free(label: str, workflow: str, names: set[str]) -> str:
    """A name for the engine that no other operation has."""
    name = label if label not in names else f"{workflow}-{label}"
    wanted, number = name, 2
    while name in names:
        name, number = f"{wanted}-{number}", number + 1
    names.add(name)
    return name


# ---- values ----------------------------------------------------------------------------------------------------


def kind_of(value: object) -> Kind:
    """What a plain value is."""
    match value:
        case bool():
            return "flag"
        case int() | float():
            return "number"
        case str():
            return "text"
        case _:
            return "any"


def _kind_of_input(spec: object) -> Kind:
    match spec:
        case InputPool():
            return "text"
        case InputUniform():
            return "number"
        case InputShare():
            return "flag"
        case _:
            return kind_of(spec)


def input_of(scenario: Scenario, workflow: Workflow) -> dict[str, Kind]:
    """The fields of a workflow's input; those that the workload gives its starts, too."""
    fields: dict[str, Kind] = {name: _kind_of_input(spec) for name, spec in workflow.input.items()}
    if workflow.key is not None:
        fields[workflow.key] = "text"
    asked = _asked(workflow) | {each.idempotency_key for each in all_steps(workflow) if isinstance(each, Run)}
    for given in scenario.workload.inputs or ():
        for name, value in given.items():
            if name in asked or name in fields:
                known = fields.setdefault(name, kind_of(value))
                if known != kind_of(value) and name != workflow.key:
                    fields[name] = "any"
    for each in all_steps(workflow):
        if isinstance(each, Run) and each.idempotency_key is not None:
            fields.setdefault(each.idempotency_key, "text")
    return fields


def _asked(workflow: Workflow) -> set[str]:
    """The names that the workflow's conditions and references ask for."""
    return asked_by(all_steps(workflow))


def asked_by(steps: Iterable[Step]) -> set[str]:
    """The names that conditions and references of those steps ask for."""
    names: set[str] = set()
    for step in steps:
        match step:
            case Choose():
                for choice in step.choose:
                    names |= set(choice.when.names if choice.when is not None else ())
            case Call(key=str() as name) | Start(key=str() as name) | Send(to=str() as name):
                names.add(name)
            case _:
                pass
    return names


def _told(scenario: Scenario, name: str, workflow: Workflow, events: Mapping[str, Event]) -> Told:
    fields, asked = input_of(scenario, workflow), _asked(workflow)
    steps = list(all_steps(workflow))
    written: dict[str, Kind] = {}
    for step in steps:
        match step:
            case Run(result=result):
                written |= dict.fromkeys(result or (), "flag")
                written["attempts"] = "number"
            case WaitFor(wait_for=event):
                written |= dict(events[event].fields)
            case Set(set=key, value=value):
                written[key] = kind_of(value) if written.get(key, kind_of(value)) == kind_of(value) else "any"
            case Get(get=key):
                written.setdefault(key, "any")
            case Compute(nondeterministic=True):
                written[step.label] = "number"
            case _:
                pass
    values = {
        each: Value(each, fields[each] if each in fields else written[each], "carried", from_input=each in fields)
        if each in written
        else Value(each, fields[each], "input")
        for each in sorted(asked)
        if each in written or each in fields
    }
    waits = tuple(dict.fromkeys(each.wait_for for each in steps if isinstance(each, WaitFor)))
    undo = any(isinstance(each, Run | Call) and each.undo is not None for each in within(workflow.steps))
    called = any(
        isinstance(each, Call | Start) and name in (getattr(each, "call", None), getattr(each, "start", None))
        for other in scenario.workflows.values()
        for each in all_steps(other)
    )
    return Told(name, workflow, fields, values, waits, undo, called)


# ---- events ----------------------------------------------------------------------------------------------------


def _event_names(scenario: Scenario) -> Iterator[str]:
    for workflow in scenario.workflows.values():
        yield from workflow.signals
        yield from workflow.updates
        for step in all_steps(workflow):
            if isinstance(step, WaitFor):
                yield step.wait_for
            elif isinstance(step, Send):
                yield step.send
            elif isinstance(step, Awakeable):
                yield step.awakeable
    workload = scenario.workload
    yield from (event.name for event in workload.events if event.kind in ("send", "update"))
    if workload.start_with is not None:
        yield str(workload.start_with.send or workload.start_with.update)


def _fields(scenario: Scenario, event: str) -> dict[str, Kind]:
    found: dict[str, Kind] = {}
    workload = scenario.workload
    given = [each.with_ for each in workload.events if each.kind in ("send", "update") and each.name == event]
    start = workload.start_with
    if start is not None and event in (start.send, start.update):
        given.append(start.with_)
    for values in given:
        for name, value in values.items():
            known = found.setdefault(name, kind_of(value))
            if known != kind_of(value):
                found[name] = "any"
    for workflow in scenario.workflows.values():
        update, signal = workflow.updates.get(event), workflow.signals.get(event)
        if update is not None and update.rejects is not None:
            for name in update.rejects.names - set(input_of(scenario, workflow)):
                found.setdefault(name, _compared(update.rejects.text, name))
        matched = [signal.match] if signal is not None else []
        matched += [each.match for each in all_steps(workflow) if isinstance(each, WaitFor) and each.wait_for == event]
        for name in matched:
            if name is not None:
                found.setdefault(name, input_of(scenario, workflow).get(name, "text"))
    return found


def _compared(text: str, name: str) -> Kind:
    """What a name of a condition is compared with; alone it is a flag."""
    for node in ast.walk(ast.parse(text.strip(), mode="eval")):
        if isinstance(node, ast.Compare):
            terms = [node.left, *node.comparators]
            if any(isinstance(term, ast.Name) and term.id == name for term in terms):
                kinds: list[Kind] = [kind_of(term.value) for term in terms if isinstance(term, ast.Constant)]
                return kinds[0] if kinds else "number"
    return "flag"
