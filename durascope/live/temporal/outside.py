"""The outside of a real Temporal: a client that starts runs, sends what the workload says, and keeps the answers."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections import Counter
from collections.abc import Awaitable, Coroutine, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import asdict, replace
from typing import Any, Final, TypeVar

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import GetSystemInfoRequest, ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowQueryFailedError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from durascope.importing.temporal.lines import completions_of
from durascope.live.processes import HOST, LiveProblem
from durascope.live.temporal.runs import NAMESPACE, Runs, Seen
from durascope.live.temporal.settings import workflow_queue
from durascope.live.temporal.starting import (
    REQUEST,
    StartOrder,
    external_id,
    hears,
    order,
    start,
    start_with_update,
    started_by,
    workflow_id,
)
from durascope.live.temporal.workflow import REJECTED, WARM_UP
from durascope.models.scenario import Scenario
from durascope.simulators.engine import OutsideEvent, StartRequest
from durascope.simulators.kernel.world import World
from durascope.simulators.workload import run_info

T = TypeVar("T")


class Outside:
    """A client on an event loop of its own, in a thread; what it is asked to do does not wait."""

    def __init__(self, scenario: Scenario, *, target: str, control: int, seed: int, seen: Seen) -> None:
        self.scenario = scenario
        self.target = target
        self.control = control
        self.seed = seed
        self.starts: Counter[str] = Counter()
        """What became of the start requests."""
        self.requests: dict[str, str] = {}
        """How the requests to entities ended, by run."""
        self._answers: dict[str, list[str]] = {}
        self._answered: dict[str, asyncio.Event] = {}
        """By workflow id: whether its start has been answered; a run is addressed only then."""
        self._pending: set[Future[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.client, self.version = self.wait(self._connect(), 60)
        self.runs = Runs(self.client, seen)

    # ---- its loop ------------------------------------------------------------------------------------------

    def submit(self, coroutine: Coroutine[Any, Any, None]) -> Future[None]:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        self._pending.add(future)
        return future

    def wait(self, coroutine: Coroutine[Any, Any, T], seconds: float) -> T:
        """Its result. Raises `LiveProblem` if there is none after that many seconds."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(seconds)
        except FutureTimeout:
            future.cancel()
            raise LiveProblem(f"the server or its workers have not answered for {seconds:.0f} s") from None

    def over(self) -> bool:
        """Whether every run has ended and every answer is here. Raises what went wrong meanwhile."""
        for future in [each for each in self._pending if each.done()]:
            self._pending.discard(future)
            try:
                future.result()
            except RPCError as error:
                raise LiveProblem(f"the server has refused a request ({error.status.name}): {error}") from None
        return not self._pending and self.runs.closed

    def close(self) -> None:
        async def cancel_all() -> None:
            tasks = [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.wait(cancel_all(), 10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _connect(self) -> tuple[Client, str]:
        while True:
            try:
                client = await Client.connect(self.target, identity="client")
                info = await client.workflow_service.get_system_info(GetSystemInfoRequest(), retry=False)
                await client.count_workflows()
                return client, info.server_version
            except (RPCError, RuntimeError):
                await asyncio.sleep(0.02)

    async def warm_up(self, count: int) -> None:
        """Warms up the server and the workers, as they were in the recordings.

        With one slot for workflow tasks every other sticky task times out (§10): then one run without a child is all.
        """
        queue = workflow_queue(self.scenario, self.scenario.started[0])
        one_slot = any(worker.slots == 1 for worker in self.scenario.deployments.temporal.workers)
        ids = [f"{WARM_UP}-{number}" for number in range(1 if one_slot else count)]
        argument = {WARM_UP: 0 if one_slot else 1}
        runs = [self.client.execute_workflow(WARM_UP, argument, id=each, task_queue=queue) for each in ids]
        await asyncio.gather(*runs)

    # ---- starts --------------------------------------------------------------------------------------------

    async def start(self, request: StartRequest, *, after_s: float = 0) -> None:
        asked = order(self.scenario, request)
        answered = self._answered.setdefault(asked.id, asyncio.Event())
        await asyncio.sleep(after_s)
        try:
            if asked.update is not None and asked.update[0] == REQUEST:
                await self._request(request.run.name, asked)
                return
            if asked.eager:
                run_id = await self._start_eagerly(asked)
            elif asked.update is not None:
                run_id = await self._start_with_update(asked)
            else:
                run_id = str((await start(self.client, asked)).result_run_id)
        except WorkflowAlreadyStartedError:
            self.starts["refused"] += 1
            return
        finally:
            answered.set()
        self.starts["attached" if self.runs.known(run_id) else "started"] += 1
        self.runs.follow(request.run.name, asked.id, run_id)

    async def _start_with_update(self, asked: StartOrder) -> str:
        assert asked.update is not None
        operation, update = start_with_update(self.client, asked)
        self.submit(self._update(asked.update[0], update))
        return str((await operation.workflow_handle()).result_run_id)

    async def _request(self, run: str, asked: StartOrder) -> None:
        """A request to an entity: asked again where the entity ended before it could take it."""
        while True:
            operation, update = start_with_update(self.client, asked)
            done = asyncio.ensure_future(update)
            try:
                handle = await operation.workflow_handle()
                self._answered[asked.id].set()
                self.runs.follow(run, asked.id, str(handle.result_run_id))
                await done
                self.requests[run] = "completed"
                return
            except WorkflowUpdateFailedError as failure:
                if _why(failure) != "aborted":
                    self.requests[run] = "failed"
                    return
            except RPCError as error:
                if error.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.ABORTED):
                    raise
            finally:
                done.cancel()
            await asyncio.sleep(0.001)

    async def _start_eagerly(self, asked: StartOrder) -> str:
        """Made by the worker's own process: an eager start has to come from there. If that is down, it is none."""
        try:
            reader, writer = await asyncio.open_connection(HOST, self.control)
        except ConnectionRefusedError:
            return str((await start(self.client, asked)).result_run_id)
        writer.write(json.dumps(asdict(asked)).encode() + b"\n")
        try:
            answer = await reader.readline()
        except ConnectionError:
            answer = b""
        writer.close()
        if not answer:  # the process has died since, and may have started the run
            return str((await start(self.client, replace(asked, conflict="use-existing"))).result_run_id)
        run_id = json.loads(answer)
        if run_id is None:
            raise WorkflowAlreadyStartedError(asked.id, asked.workflow)
        return str(run_id)

    # ---- events --------------------------------------------------------------------------------------------

    async def send(self, event: OutsideEvent) -> None:
        target = await self._addressee(event)
        if target is None:
            return
        if target in self._answered:
            await self._answered[target].wait()
        handle = self.client.get_workflow_handle(target)
        payload = dict(event.payload)
        try:
            match event.kind:
                case "send":
                    await handle.signal(event.name, payload)
                case "update":
                    await self._update(event.name, handle.execute_update(event.name, payload))
                case "query":
                    await self._query(event.name, handle.query(event.name))
                case _ if event.name == "reset":
                    await self._reset(target, str(event.step))
                case _:
                    await (handle.cancel() if event.name == "cancel" else handle.terminate())
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # the run is over: nobody takes it
                raise

    async def _reset(self, target: str, step: str) -> None:
        """The latest run of that id begins anew before the workflow task that has scheduled the step first."""
        history = await self.client.get_workflow_handle(target).fetch_history()
        finished = next(completions_of(history.to_json_dict()["events"], step), None)
        if finished is None:
            return
        request = ResetWorkflowExecutionRequest(
            namespace=NAMESPACE,
            workflow_execution=WorkflowExecution(workflow_id=target),
            reason="reset",
            workflow_task_finish_event_id=finished,
            request_id=str(uuid.uuid4()),
        )
        answer = await self.client.workflow_service.reset_workflow_execution(request, retry=True)
        self.runs.reset(target, answer.run_id)

    async def _addressee(self, event: OutsideEvent) -> str | None:
        """The workflow id that an event goes to; None if it starts workflows instead, or no workflow handles it."""
        if event.run is not None:
            return workflow_id(event.run)
        if event.key is not None:
            return external_id(self.scenario, event.key, event.name, self.seed)
        starts = started_by(self.scenario, event.name) if event.kind == "send" else []
        for workflow in starts:
            world, name = World(self.seed, full=False), f"{workflow} run {event.number}"
            await self.start(StartRequest(run_info(world, self.scenario, workflow, name, 0, given=event.payload)))
        for name, workflow in self.scenario.workflows.items():
            key = workflow.key
            if not starts and key is not None and key in event.payload and hears(workflow, event.name):
                return f"{name}/{event.payload[key]}"
        return None

    # ---- answers -------------------------------------------------------------------------------------------

    async def _update(self, name: str, update: Awaitable[object]) -> None:
        try:
            await update
            self._answers.setdefault(name, []).append("completed")
        except WorkflowUpdateFailedError as failure:
            self._answers.setdefault(name, []).append(_why(failure))
        except RPCError as error:
            answer = _REFUSALS.get(error.status)
            if answer is None:
                raise
            self._answers.setdefault(name, []).append(answer)

    async def _query(self, name: str, query: Awaitable[object]) -> None:
        try:
            await query
            self._answers.setdefault(name, []).append("answered")
        except WorkflowQueryFailedError:
            self._answers.setdefault(name, []).append("failed")
        except RPCError as error:
            answer = _UNANSWERED.get(error.status)
            if answer is None:
                raise
            self._answers.setdefault(name, []).append(answer)

    @property
    def answers(self) -> Mapping[str, str]:
        """What became of updates and queries: `completed`, or `3 completed`."""
        return {name: _summed(words) for name, words in self._answers.items()}


_REFUSALS: Final = {RPCStatusCode.FAILED_PRECONDITION: "refused", RPCStatusCode.NOT_FOUND: "not found"}
"""Reasons for which the server refuses an update: there are too many, or the run is over."""
_UNANSWERED: Final = {
    **dict.fromkeys((RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED), "timed out"),
    RPCStatusCode.FAILED_PRECONDITION: "refused",
    RPCStatusCode.NOT_FOUND: "not found",
}
"""Why a query has no answer: no worker gave one in time, the workflow task keeps failing, there is no such run."""


def _summed(words: list[str]) -> str:
    if len(words) == 1:
        return words[0]
    return ", ".join(f"{count} {word}" for word, count in Counter(words).items())


def _why(failure: WorkflowUpdateFailedError) -> str:
    """What became of the update: its workflow completed meanwhile, its validator refused it, or its handler failed."""
    type_ = failure.cause.type if isinstance(failure.cause, ApplicationError) else None
    return {"AcceptedUpdateCompletedWorkflow": "aborted", REJECTED: "rejected"}.get(type_ or "", "failed")
