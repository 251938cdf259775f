"""The runs of a scenario on a real server: their histories, followed while they grow, and the names they go by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.json_format import MessageToDict
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryResponse
from temporalio.client import Client
from temporalio.service import RPCError

from durascope.importing.temporal.lines import Event, attributes, kind, payload, time_of
from durascope.simulators.temporal.closing import STATUS

NAMESPACE: Final = "default"
RESETTER: Final = "history-resetter"
"""Who has terminated a run that was reset while it was open."""
_PROVISIONAL: Final = (
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
)
"""The server shows transient and speculative workflow tasks at the end of a history that does not have them yet."""


@dataclass(eq=False)
class Execution:
    """One execution: a history of its own."""

    run_id: str
    history: list[Event] = field(default_factory=list[Event])
    reset_to: str | None = None
    """The execution that has taken its place, when it was still open."""

    @property
    def closed(self) -> bool:
        return bool(self.history) and kind(self.history[-1]) in STATUS

    @property
    def lasted(self) -> int:
        """From its first event to its last, in microseconds."""
        return time_of(self.history[-1]) - time_of(self.history[0])

    @property
    def status(self) -> str:
        return STATUS.get(kind(self.history[-1]), "running") if self.history else "running"


@dataclass(eq=False)
class Chain:
    """A run with the executions that follow each other under its workflow id."""

    name: str
    workflow_id: str
    executions: list[Execution]

    @property
    def number(self) -> int | None:
        """The number of the start that it goes back to."""
        return _number(self.name) or None

    @property
    def closed(self) -> bool:
        return self.executions[-1].closed and _next(self.executions[-1]) is None

    def named(self, name: str) -> Iterator[tuple[str, Execution]]:
        """The executions with the names that records use: `run 1`, or `run 1.1`, `run 1.2`, …"""
        for number, execution in enumerate(self.executions, 1):
            yield (name if len(self.executions) == 1 else f"{name}.{number}"), execution


def _number(name: str) -> int:
    """The number of the start that a run goes back to; 0: it has none."""
    number = name.removeprefix("run ").split("/")[0]
    return int(number) if number.isdigit() else 0


Seen = Callable[[Chain, Execution, Event], None]


class Runs:
    """Follows every run by long polls; children and next executions are found in the histories."""

    def __init__(self, client: Client, seen: Seen) -> None:
        self.client = client
        self.seen = seen
        self.chains: list[Chain] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: list[BaseException] = []

    def follow(self, name: str, workflow_id: str, run_id: str) -> None:
        """Follows a run from its first event on; one that is followed already is left alone.

        An entity's requests all name the execution that takes them, and their answers come in any order: it goes by
        the first of them.
        """
        for chain in self.chains:
            if any(run_id == each.run_id for each in chain.executions):
                chain.name = min(chain.name, name, key=_number)
                return
        chain = Chain(name, workflow_id, [Execution(run_id)])
        self.chains.append(chain)
        self._begin(chain)

    def _begin(self, chain: Chain) -> None:
        task = asyncio.create_task(self._follow(chain))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failed.append(error)

    def known(self, run_id: str) -> bool:
        """Whether that execution is followed."""
        return any(run_id == each.run_id for chain in self.chains for each in chain.executions)

    def reset(self, workflow_id: str, run_id: str) -> None:
        """Follows what the latest run of that id was reset to: its next execution, or a run of its own if it had ended.

        Who was terminated by a reset was open until then.
        """
        chain = next(each for each in reversed(self.chains) if each.workflow_id == workflow_id)
        base = chain.executions[-1]
        if base.closed and attributes(base.history[-1]).get("identity") != RESETTER:
            count = sum("/" not in each.name for each in self.chains)
            self.follow(f"run {count + 1}", workflow_id, run_id)
            return
        base.reset_to = run_id
        if base.closed and chain.executions[-1] is base:  # nobody follows the chain any more
            chain.executions.append(Execution(run_id))
            self._begin(chain)

    @property
    def closed(self) -> bool:
        """Whether every run has ended. Raises what has ended a follower too early."""
        if self._failed:
            raise self._failed[0]
        return all(chain.closed for chain in self.chains)

    async def _follow(self, chain: Chain) -> None:
        while True:
            execution = chain.executions[-1]
            async for event in self._events(chain.workflow_id, execution):
                self._children(chain, execution, event)
                self.seen(chain, execution, event)
            following = _next(execution)
            if following is None:
                return
            chain.executions.append(Execution(following))

    async def _events(self, workflow_id: str, execution: Execution) -> AsyncGenerator[Event]:
        """Its events as they are written, through all crashes of the server, up to the last.

        A poll may end without anything new; then what is held is held still.
        """
        token = b""
        held: list[HistoryEvent] = []
        while not execution.closed:
            try:
                page = await self._page(workflow_id, execution, token, wait=True)
            except RPCError:
                token, held = b"", []
                await asyncio.sleep(0.05)
                continue
            token = page.next_page_token
            new = page.history.events
            events = [*(each for each in held if not new or each.event_id < new[0].event_id), *new]
            settled = _settled(events)
            held = events[settled:]
            for message in events[:settled]:
                known = len(execution.history)
                if message.event_id > known + 1:  # events refer to each other by their places: none may be missing
                    token, held = b"", []
                    break
                if message.event_id > known:
                    event: Event = MessageToDict(message)
                    execution.history.append(event)
                    yield event

    async def settle(self) -> None:
        """Reads every history once more, as the server keeps it."""
        for chain in self.chains:
            for execution in chain.executions:
                events: list[Event] = []
                token = b""
                while True:
                    page = await self._page(chain.workflow_id, execution, token, wait=False)
                    events += map(MessageToDict, page.history.events)
                    token = page.next_page_token
                    if not token:
                        break
                execution.history = _without_transient(events)

    async def _page(
        self, workflow_id: str, execution: Execution, token: bytes, *, wait: bool
    ) -> GetWorkflowExecutionHistoryResponse:
        request = GetWorkflowExecutionHistoryRequest(
            namespace=NAMESPACE,
            execution=WorkflowExecution(workflow_id=workflow_id, run_id=execution.run_id),
            wait_new_event=wait,
            next_page_token=token,
        )
        return await self.client.workflow_service.get_workflow_execution_history(request, retry=not wait)

    def _children(self, chain: Chain, execution: Execution, event: Event) -> None:
        if kind(event) != "ChildWorkflowExecutionStarted":
            return
        a = attributes(event)
        given = payload(attributes(execution.history[int(a["initiatedEventId"]) - 1]).get("input"))
        name = str(given["run"]) if isinstance(given, dict) else f"{chain.name}/{a['workflowType']['name']}"
        number = chain.executions.index(execution)
        if number and chain.executions[number - 1].reset_to is not None:  # its code does not know that it is another
            name = f"{chain.name}.{number + 1}/{name.partition('/')[2]}"
        self.follow(name, a["workflowExecution"]["workflowId"], a["workflowExecution"]["runId"])


def _settled(events: Sequence[HistoryEvent]) -> int:
    """How many of the events are sure to stay: a workflow task at the end may be one that is never written."""
    count = len(events)
    while count and events[count - 1].event_type in _PROVISIONAL:
        count -= 1
    return count


def _without_transient(events: list[Event]) -> list[Event]:
    """The events without the workflow task at the end that is only tried again, and not written (W7)."""
    last = len(events) - 1
    if last >= 0 and kind(events[last]) == "WorkflowTaskStarted":
        last -= 1
    if last >= 0 and kind(events[last]) == "WorkflowTaskScheduled" and attributes(events[last]).get("attempt", 1) > 1:
        return events[:last]
    return events


def _next(execution: Execution) -> str | None:
    """The execution that follows this one, once it is closed."""
    if execution.reset_to is not None:
        return execution.reset_to
    return attributes(execution.history[-1]).get("newExecutionRunId") if execution.closed else None
