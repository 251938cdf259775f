"""Histories that are followed while they grow: every event once, in its place, whatever the pages are like."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import History, HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryResponse
from temporalio.service import RPCError, RPCStatusCode

from durascope.importing.temporal.lines import Event, kind
from durascope.live.temporal.runs import Chain, Execution, Runs

KINDS = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
)
LOST = None
"""A poll whose connection is lost."""


def page(first: int, last: int) -> list[HistoryEvent]:
    return [HistoryEvent(event_id=number, event_type=KINDS[number - 1]) for number in range(first, last + 1)]


def followed(pages: Sequence[Sequence[HistoryEvent] | None]) -> tuple[list[Event], list[str]]:
    """The history, and the kinds of the events that were seen as they came."""
    left = list(pages)

    class Service:
        async def get_workflow_execution_history(
            self, request: GetWorkflowExecutionHistoryRequest, *, retry: bool
        ) -> GetWorkflowExecutionHistoryResponse:
            events = left.pop(0) if left else page(1, len(KINDS))
            if events is LOST:
                raise RPCError("lost", RPCStatusCode.UNAVAILABLE, b"")
            return GetWorkflowExecutionHistoryResponse(history=History(events=events), next_page_token=b"next")

    class Client:
        workflow_service = Service()

    seen: list[str] = []
    client: Any = Client()

    async def follow() -> list[Event]:
        def saw(chain: Chain, execution: Execution, event: Event) -> None:
            assert execution.history[int(event["eventId"]) - 1] is event
            seen.append(kind(event))

        runs = Runs(client, saw)
        runs.follow("run 1", "order", "id")
        while not runs.closed:
            await asyncio.sleep(0.001)
        return runs.chains[0].executions[0].history

    return asyncio.run(asyncio.wait_for(follow(), 20)), seen


@pytest.mark.parametrize(
    "pages",
    [
        [page(1, 11)],
        [page(1, 2), page(3, 8), page(9, 11)],
        [page(1, 2), page(3, 8), [], page(9, 11)],
        [page(1, 2), [], page(3, 3), [], page(4, 11)],
        [page(1, 4), page(6, 7)],
        [page(1, 8), LOST, page(1, 9), [], LOST, page(1, 11)],
        [page(1, 8), LOST, page(1, 8), page(10, 11), page(1, 11)],
    ],
    ids=["at-once", "grows", "a-task-waits", "both-wait", "one-is-missing", "lost", "lost-and-missing"],
)
def test_every_event_comes_once_and_in_its_place(pages: Sequence[Sequence[HistoryEvent] | None]) -> None:
    history, seen = followed(pages)
    assert [int(event["eventId"]) for event in history] == list(range(1, 12))
    assert seen == [kind(event) for event in history]


def test_what_ends_a_follower_is_told() -> None:
    class Service:
        async def get_workflow_execution_history(self, *_: object, **__: object) -> GetWorkflowExecutionHistoryResponse:
            return GetWorkflowExecutionHistoryResponse(history=History(events=page(1, 11)))

    class Client:
        workflow_service = Service()

    client: Any = Client()

    async def follow() -> None:
        def saw(_chain: Chain, _execution: Execution, _event: Event) -> None:
            raise KeyError("activityType")

        runs = Runs(client, saw)
        runs.follow("run 1", "order", "id")
        while not runs.closed:
            await asyncio.sleep(0.001)

    with pytest.raises(KeyError, match="activityType"):
        asyncio.run(asyncio.wait_for(follow(), 20))
