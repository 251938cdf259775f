"""Recorded histories as lines: the whole ones that came with the cases, and events that these do not have."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from durascope.importing.temporal.lines import completions_of, lines, time_of
from durascope.models.cases import TemporalCase
from durascope.models.loading import load

CASES = Path(__file__).parent.parent / "conformance" / "temporal"


@pytest.mark.parametrize("file", sorted((CASES / "histories").glob("*.json")), ids=lambda file: file.stem)
def test_a_whole_history_has_the_lines_of_its_case(file: Path) -> None:
    name, _, child = file.stem.partition(".")
    case = load(CASES / f"{name}.yaml")
    assert isinstance(case, TemporalCase)
    recorded = case.records[0]["run 1" + (f"/{child}" if child else "")]
    assert tuple(lines(json.loads(file.read_text("utf-8"))["events"])) == recorded


def event(number: int, name: str, **attributes: Any) -> dict[str, Any]:
    """An event of proto JSON."""
    words = "".join(f"_{each}" if each.isupper() else each for each in name).lstrip("_")
    key = f"{name[0].lower()}{name[1:]}EventAttributes"
    return {"eventId": str(number), "eventType": f"EVENT_TYPE_{words.upper()}", key: attributes}


def encoded(value: object) -> dict[str, Any]:
    data = base64.b64encode(json.dumps(value).encode()).decode()
    return {"payloads": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": data}]}


SCHEDULED = event(1, "ActivityTaskScheduled", activityType={"name": "charge"}, input=encoded({"step": "charge-card"}))


@pytest.mark.parametrize(
    ("name", "attributes", "line"),
    [
        ("ActivityTaskStarted", {"scheduledEventId": "1", "attempt": 3}, "ActivityTaskStarted charge-card attempt=3"),
        (
            "ActivityTaskFailed",
            {"scheduledEventId": "1", "retryState": "RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED"},
            "ActivityTaskFailed charge-card maximum-attempts-reached",
        ),
        (
            "ActivityTaskTimedOut",
            {
                "scheduledEventId": "1",
                "retryState": "RETRY_STATE_TIMEOUT",
                "failure": {"timeoutFailureInfo": {"timeoutType": "TIMEOUT_TYPE_SCHEDULE_TO_CLOSE"}},
            },
            "ActivityTaskTimedOut charge-card schedule-to-close timeout",
        ),
        (
            "WorkflowTaskScheduled",
            {"taskQueue": {"name": "q", "kind": "TASK_QUEUE_KIND_NORMAL"}, "attempt": 3},
            "WorkflowTaskScheduled normal attempt=3",
        ),
        (
            "WorkflowTaskTimedOut",
            {"timeoutType": "TIMEOUT_TYPE_SCHEDULE_TO_START"},
            "WorkflowTaskTimedOut schedule-to-start",
        ),
        (
            "WorkflowTaskFailed",
            {"cause": "WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR"},
            "WorkflowTaskFailed non-deterministic-error",
        ),
        ("TimerStarted", {"timerId": "2", "startToFireTimeout": "0.600s"}, "TimerStarted 2 600ms"),
        ("TimerStarted", {"timerId": "2", "startToFireTimeout": "1.200s"}, "TimerStarted 2 1200ms"),
        ("TimerStarted", {"timerId": "2", "startToFireTimeout": "172800s"}, "TimerStarted 2 172800s"),
        (
            "MarkerRecorded",
            {
                "markerName": "core_local_activity",
                "details": {"data": encoded({"activity_type": "price"})},
                "failure": {},
            },
            "MarkerRecorded local-activity price failed",
        ),
        (
            "MarkerRecorded",
            {"markerName": "core_patch", "details": {"patch-data": encoded({"id": "fix-1"})}},
            "MarkerRecorded patch fix-1",
        ),
        (
            "WorkflowExecutionStarted",
            {"initiator": "CONTINUE_AS_NEW_INITIATOR_RETRY", "attempt": 2},
            "WorkflowExecutionStarted retry attempt=2",
        ),
        (
            "WorkflowExecutionStarted",
            {"initiator": "CONTINUE_AS_NEW_INITIATOR_WORKFLOW", "attempt": 1},
            "WorkflowExecutionStarted continued-as-new",
        ),
        (
            "WorkflowExecutionFailed",
            {"retryState": "RETRY_STATE_IN_PROGRESS"},
            "WorkflowExecutionFailed in-progress",
        ),
        (
            "WorkflowExecutionFailed",
            {"retryState": "RETRY_STATE_RETRY_POLICY_NOT_SET"},
            "WorkflowExecutionFailed",
        ),
        (
            "UpsertWorkflowSearchAttributes",
            {"searchAttributes": {"indexedFields": {"TemporalChangeVersion": {}}}},
            "UpsertWorkflowSearchAttributes TemporalChangeVersion",
        ),
    ],
)
def test_an_event_is_its_name_and_what_a_model_can_predict(name: str, attributes: dict[str, Any], line: str) -> None:
    assert lines([SCHEDULED, event(2, name, **attributes)])[1] == line


def test_an_updates_end_and_a_signals_arrival_are_named_by_the_events_before_them() -> None:
    history = [
        event(1, "WorkflowExecutionUpdateAccepted", acceptedRequest={"input": {"name": "set-address"}}),
        event(2, "SignalExternalWorkflowExecutionInitiated", signalName="go"),
        event(3, "WorkflowExecutionUpdateCompleted", acceptedEventId="1"),
        event(4, "ExternalWorkflowExecutionSignaled", initiatedEventId="2"),
    ]
    assert lines(history)[2:] == [
        "WorkflowExecutionUpdateCompleted set-address",
        "ExternalWorkflowExecutionSignaled go",
    ]


@pytest.mark.parametrize(
    ("written", "us"),
    [("1970-01-01T00:00:01Z", 1_000_000), ("1970-01-01T00:00:01.5Z", 1_500_000), ("1970-01-01T00:00:00.000001999Z", 1)],
)
def test_times_are_microseconds(written: str, us: int) -> None:
    assert time_of({"eventTime": written}) == us


def test_a_reset_goes_back_to_the_task_that_has_scheduled_the_step_or_started_that_child_first() -> None:
    history = [
        event(5, "ActivityTaskScheduled", activityType={"name": "charge"}, workflowTaskCompletedEventId="4"),
        event(11, "StartChildWorkflowExecutionInitiated", workflowId="run 1/pay", workflowTaskCompletedEventId="10"),
        event(17, "ActivityTaskScheduled", activityType={"name": "charge"}, workflowTaskCompletedEventId="16"),
    ]
    assert list(completions_of(history, "charge")) == [4, 16]
    assert list(completions_of(history, "pay")) == [10]
    assert not list(completions_of(history, "ship"))


def test_an_update_that_a_reset_has_admitted_again_keeps_its_name() -> None:
    request = {"meta": {"updateId": "u1"}, "input": {"name": "note"}}
    history = [
        event(9, "WorkflowExecutionUpdateAdmitted", request=request),
        event(13, "WorkflowExecutionUpdateAccepted", protocolInstanceId="u1"),
        event(14, "WorkflowExecutionUpdateCompleted", acceptedEventId="13"),
    ]
    assert lines(history) == [
        "WorkflowExecutionUpdateAdmitted note",
        "WorkflowExecutionUpdateAccepted note",
        "WorkflowExecutionUpdateCompleted note",
    ]
