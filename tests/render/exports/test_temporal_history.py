"""Exported histories are given to the real SDK's Replayer, with the real workflow that interprets the scenario.

Of every scenario that ships and of every recorded case, each execution's history is accepted as it is, and rejected
when two of its commands have traded places. No server is needed.
"""

from __future__ import annotations

import asyncio
import copy
import json
import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from temporalio.client import WorkflowHistory
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from durascope.importing.temporal.lines import lines
from durascope.live.temporal.workflow import ScenarioWorkflow, serve
from durascope.models.cases import Case
from durascope.models.changes import changed
from durascope.models.loading import builtin_names, load, load_scenario
from durascope.models.scenario import Deploy, Scenario
from durascope.models.trace import Kind, Trace
from durascope.render.exports import export, export_files
from durascope.render.exports.temporal_history import histories
from durascope.simulators.simulate import simulate

CASES = Path(__file__).parents[2] / "conformance" / "temporal"
EXAMPLES = CASES / "histories"
FIELDS = json.loads((Path(__file__).parent / "temporal_event_fields.json").read_text())
"""Of each event type, the fields of its attributes that a dev server 1.32.0 has written always, and sometimes.

Gathered from 52 recordings of `durascope verify` and from the whole histories beside the cases; what is in a payload
or a failure is left out, and so is what this export leaves out: summaries of timers and marks of event groups.
"""

Json = dict[str, Any]


class Told(NamedTuple):
    """One execution's history, and the code to replay it with."""

    name: str
    history: Json
    code: Scenario


# ---- what is exported ----------------------------------------------------------------------------------------


@cache
def scenarios() -> Mapping[str, Scenario]:
    found = {name: on_python(load_scenario(name)) for name in builtin_names()}
    for path in sorted(CASES.glob("*.yaml")):
        case = load(path)
        assert isinstance(case, Case)
        found[path.stem] = case.scenario
    return found


def on_python(scenario: Scenario) -> Scenario:
    """The scenario on the SDK whose replayer judges here: another one's order of commands is not accepted by it."""
    temporal = scenario.deployments.temporal
    workers = tuple(worker.model_copy(update={"sdk": "python"}) for worker in temporal.workers)
    deployments = {"temporal": temporal.model_copy(update={"workers": workers})}
    return scenario.model_copy(update={"deployments": scenario.deployments.model_copy(update=deployments)})


@cache
def cases_of_another_engine() -> Mapping[str, Scenario]:
    """What was recorded of Restate is a scenario for this engine, too."""
    found: dict[str, Scenario] = {}
    for path in sorted(CASES.parent.glob("restate/*.yaml")):
        case = load(path)
        assert isinstance(case, Case)
        found[path.stem] = case.scenario
    return found


@cache
def trace_of(name: str) -> Trace:
    return simulate(scenarios()[name], "temporal", records=True)


@cache
def exported() -> Sequence[Told]:
    """Every history, with the code that its last completed workflow task was run with."""
    return [
        Told(f"{name}: {run}", history, code_at(scenarios()[name], trace_of(name), last_task(trace_of(name), run)))
        for name in scenarios()
        for run, history in histories(trace_of(name)).items()
    ]


def last_task(trace: Trace, run: str) -> int:
    """When the last workflow task was completed; 0: none was."""
    found: Any = trace.facts["histories"]
    events = next(each["events"] for each in found if each["name"] == run)
    return max((each["at"] for each in events if each["kind"] == "WorkflowTaskCompleted"), default=0)


def code_at(scenario: Scenario, trace: Trace, at: int | None = None) -> Scenario:
    """The scenario with the code that was deployed by then; None: at the end."""
    deployed = [event.at for event in trace.events if event.kind is Kind.DEPLOYED]
    deploys = [fault for fault in scenario.faults if isinstance(fault, Deploy)]
    assert len(deployed) == len(deploys)
    code = dict(scenario.workflows)
    for when, deploy in zip(deployed, sorted(deploys, key=lambda deploy: deploy.at or 0), strict=True):
        if at is None or when <= at:
            code[deploy.deploy] = changed(code[deploy.deploy], deploy.change)
    return scenario.model_copy(update={"workflows": code})


# ---- the real SDK --------------------------------------------------------------------------------------------


def replayed(told: Sequence[Told]) -> dict[str, Exception | None]:
    """Why each history is rejected; None: it is accepted. All are replayed by one worker, one after the other."""

    async def served() -> AsyncGenerator[WorkflowHistory]:
        for each in told:
            serve(each.code)
            first = each.history["events"][0]["workflowExecutionStartedEventAttributes"]
            yield WorkflowHistory.from_json(first["workflowId"], json.dumps(each.history))

    async def replay() -> list[Exception | None]:
        with ThreadPoolExecutor(1) as executor:
            replayer = Replayer(
                workflows=[ScenarioWorkflow],
                workflow_runner=UnsandboxedWorkflowRunner(),
                workflow_task_executor=executor,
                build_id="replay",
                runtime=Runtime(telemetry=TelemetryConfig(logging=None)),
            )
            async with replayer.workflow_replay_iterator(served()) as results:
                return [result.replay_failure async for result in results]

    logging.disable(logging.CRITICAL)
    try:
        failures = asyncio.run(replay())
    finally:
        logging.disable(logging.NOTSET)
    return {each.name: failure for each, failure in zip(told, failures, strict=True)}


def test_the_real_sdk_accepts_every_history() -> None:
    told = exported()
    assert len(told) == 80
    failures = replayed(told)
    assert not {name: failure for name, failure in failures.items() if failure is not None}
    assert len(failures) == len(told)


def test_the_real_sdk_rejects_a_history_whose_commands_have_traded_places() -> None:
    swapped = [
        Told(f"{each.name}, {what}", history, each.code) for each in exported() for what, history in swaps(each.history)
    ]
    told = {name.partition(",")[0].partition(":")[0] for name, _, _ in swapped}
    assert len(swapped) > 150
    assert len(told) > 50  # the other cases have no two commands that differ
    failures = replayed(swapped)
    assert len(failures) == len(swapped)
    assert not [name for name, failure in failures.items() if not isinstance(failure, NondeterminismError)]


def test_the_real_sdk_accepts_the_histories_of_another_engines_cases() -> None:
    told: list[Told] = []
    for name, scenario in cases_of_another_engine().items():
        trace = simulate(scenario, "temporal", records=True)
        for run, history in histories(trace).items():
            told.append(Told(f"{name}: {run}", history, code_at(scenario, trace, last_task(trace, run))))
    assert len(told) > 70
    assert not {name: failure for name, failure in replayed(told).items() if failure is not None}


def test_new_code_that_the_model_finds_nondeterministic_is_so_for_the_real_sdk() -> None:
    stuck = [
        Told(name, history, code_at(scenarios()[name], trace_of(name)))
        for name in scenarios()
        for history in histories(trace_of(name)).values()
        if is_stuck(history["events"])
    ]
    assert [each.name for each in stuck] == ["order-fulfillment-deploy"]
    assert all(isinstance(failure, NondeterminismError) for failure in replayed(stuck).values())


def is_stuck(events: Sequence[Json]) -> bool:
    """Whether the last workflow task that has ended has failed because the code had changed."""
    ends = ("EVENT_TYPE_WORKFLOW_TASK_COMPLETED", "EVENT_TYPE_WORKFLOW_TASK_FAILED")
    last = [event for event in events if event["eventType"] in ends][-1:]
    return any(attributes(event).get("cause", "").endswith("NON_DETERMINISTIC_ERROR") for event in last)


# ---- commands that trade places ------------------------------------------------------------------------------

COMMANDS: Mapping[str, Callable[[Json], str]] = {
    "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED": lambda a: a["activityType"]["name"],
    "EVENT_TYPE_TIMER_STARTED": lambda _: "timer",
    "EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED": lambda a: a["workflowId"],
}
"""Command events, and what tells two of a kind apart for the SDK."""
REFERENCES = ("scheduledEventId", "startedEventId", "initiatedEventId")


def swaps(history: Json) -> Iterator[tuple[str, Json]]:
    """The history with two neighbouring commands swapped that differ in what they ask for.

    Neighbours of one workflow task trade places whole, and what refers to them follows them: the history is sound in
    itself, only the program's order is another. Activities of different steps in tasks that follow each other trade
    what they are (step, activity id), not where they are: the history of a program with these steps swapped.
    """
    commands = [event for event in history["events"] if event["eventType"] in COMMANDS]
    for one, other in pairwise(commands):
        if asks(one) == asks(other):
            continue
        first, second = int(one["eventId"]), int(other["eventId"])
        if second == first + 1:
            yield (
                f"{first} {asks(one)} and {second} {asks(other)} swapped in one task",
                with_places_traded(history, first),
            )
        elif one["eventType"] == other["eventType"] == "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED":
            yield f"{first} {asks(one)} and {second} {asks(other)} swapped", with_steps_traded(history, first, second)


def asks(command: Json) -> str:
    """`reserve-stock`, `timer`, …"""
    return COMMANDS[command["eventType"]](attributes(command))


def attributes(event: Json) -> Json:
    return next(value for key, value in event.items() if key.endswith("EventAttributes"))


def with_places_traded(history: Json, first: int) -> Json:
    changed = copy.deepcopy(history)
    events = changed["events"]
    one, other = events[first - 1], events[first]
    for name in ("eventId", "eventTime", "taskId"):
        one[name], other[name] = other[name], one[name]
    events[first - 1], events[first] = other, one
    traded = {str(first): str(first + 1), str(first + 1): str(first)}
    for event in events:
        told = attributes(event)
        told.update({name: traded.get(told[name], told[name]) for name in REFERENCES if name in told})
    return changed


def with_steps_traded(history: Json, first: int, second: int) -> Json:
    changed = copy.deepcopy(history)
    one, other = (attributes(changed["events"][number - 1]) for number in (first, second))
    for name in ("activityId", "activityType", "input"):
        one[name], other[name] = other[name], one[name]
    return changed


# ---- the form ------------------------------------------------------------------------------------------------

ASIDE = {
    "eventTime", "taskId", "requestId", "historySizeBytes", "workflowId", "runId", "originalExecutionRunId",
    "firstExecutionRunId", "namespaceId", "parentWorkflowNamespaceId", "buildId", "sdkName", "sdkVersion",
    "coreUsedFlags", "identity", "payloads", "message", "type",
}  # fmt: skip
"""Ids, times, versions, payloads, and the words of errors: whatever two runs may differ in."""
NAMED = {"taskQueue", "activityType", "workflowType"}
"""What the recordings' own programs call by other names."""


def form(value: object, *, named: bool = False) -> object:
    """The value without what may differ."""
    if isinstance(value, Mapping):
        return {
            key: None if key in ASIDE or (named and key in ("name", "normalName")) else form(each, named=key in NAMED)
            for key, each in value.items()
        }
    return [form(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_the_form_is_that_of_recorded_histories(path: Path) -> None:
    case, _, child = path.stem.partition(".")
    run = f"run 1/{child}" if child else "run 1"
    recorded, written = json.loads(path.read_text()), histories(trace_of(case))[run]
    assert form(written) == form(recorded)


def fields(value: object, path: str = "") -> Iterator[str]:
    """The fields of an event's attributes; lists, payloads and failures are not looked into."""
    leaves = ("failure", "continuedFailure", "lastFailure", "indexedFields")
    if isinstance(value, Mapping) and value and path.rpartition(".")[2] not in leaves:
        for key, each in value.items():
            yield from fields(each, f"{path}.{key}" if path else key)
    elif path:
        yield path


def test_every_event_has_the_fields_that_the_server_writes() -> None:
    wrong: set[str] = set()
    for told in exported():
        for event in told.history["events"]:
            kind, found = event["eventType"].removeprefix("EVENT_TYPE_"), set(fields(attributes(event)))
            known = FIELDS[kind]
            wrong |= {f"{kind} lacks {field}" for field in set(known["always"]) - found}
            wrong |= {f"{kind} never has {field}" for field in found - {*known["always"], *known["sometimes"]}}
    assert not wrong


def test_histories_tell_what_the_records_tell() -> None:
    for name in scenarios():
        trace = trace_of(name)
        told = {run: lines(history["events"]) for run, history in histories(trace).items()}
        assert told == {run: list(record) for run, record in trace.records.items()}, name


def test_references_lead_to_events_before() -> None:
    for told in exported():
        for event in told.history["events"]:
            links = {key: value for key, value in attributes(event).items() if key.endswith("EventId")}
            links.pop("parentInitiatedEventId", None)
            links.pop("externalInitiatedEventId", None)
            assert all(0 < int(number) < int(event["eventId"]) for number in links.values()), (told.name, event)


def test_ids_are_those_of_the_seed() -> None:
    scenario = scenarios()["child-workflow"]
    one, same, other = (simulate(scenario, "temporal", seed=seed) for seed in (1, 1, 2))
    assert export(one, scenario, "history") == export(same, scenario, "history")
    ids = [
        {WorkflowHistory.from_json("", json.dumps(each)).run_id for each in histories(t).values()} for t in (one, other)
    ]
    assert len(ids[0] | ids[1]) == 4


def test_each_execution_is_a_file() -> None:
    written = export_files(trace_of("continue-as-new"), scenarios()["continue-as-new"], "history")
    assert list(written) == [f"continue-as-new.temporal.run-1.{number}.history.json" for number in (1, 2, 3)]
    written = export_files(trace_of("child-workflow"), scenarios()["child-workflow"], "history")
    assert list(written)[1] == "child-workflow.temporal.run-1.shipment.history.json"
    assert all(json.loads(each)["events"] for each in written.values())
