"""The handlers of a run's signals and updates: tasks beside the workflow function (§4, §8).

An entity workflow takes its requests as updates; each is a program of its own on the entity's loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from durascope.models.steps import Compute, Step
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.program.endings import RunCancelled, WorkflowFailure
from durascope.simulators.program.loop import Block, Coroutine, Future
from durascope.simulators.temporal.commands import REQUEST
from durascope.simulators.temporal.context import TaskFailure
from durascope.simulators.temporal.update_machine import UpdateMachine
from durascope.simulators.temporal.workflow_sdk import ContinueAsNew, WorkflowSdk


class Handlers:
    """Of one run's code."""

    __slots__ = ("_locks", "_sdk")

    def __init__(self, sdk: WorkflowSdk) -> None:
        self._sdk = sdk
        self._locks: dict[str, deque[Future]] = {}
        """By update, while one of that name is worked off: those that wait for their turn."""

    def signalled(self, name: str, payload: object) -> None:
        """A signal's handler: keeps it for whoever waits, and acts on it if it is to cancel the run."""
        sdk = self._sdk
        sdk.events.setdefault(name, deque()).append({} if payload is None else payload)
        signal = sdk.workflow.signals.get(name)
        if signal is None or signal.then == "ignore" or sdk.cancelling is not None:
            return
        if signal.then == "cancel" or sdk.context.options.entity:
            sdk.cancelling = RunCancelled(name, returns=True)
        else:
            sdk.cancel_run(RunCancelled(name, returns=True))

    def start_update(self, update_id: str, name: str, payload: Any, validate: bool) -> None:
        """An update has come."""
        sdk = self._sdk
        sdk.loop.task(self._update(UpdateMachine(sdk.context, update_id, name, payload), validate=validate))

    def _update(self, machine: UpdateMachine, *, validate: bool) -> Coroutine:
        """An update's handler: validated, accepted, worked off, completed (U2)."""
        sdk, name, payload = self._sdk, machine.name, machine.payload
        if not self._valid(name, payload, validate=validate):
            machine.reject()
            return
        machine.accept()
        sdk.open_updates += 1
        if not sdk.begun:
            yield sdk.condition(lambda: sdk.begun)
        update = sdk.workflow.updates.get(name)
        one_at_a_time = update.one_at_a_time if update is not None else True
        if one_at_a_time:
            yield from self._acquire(name)
        failure: str | None = None
        try:
            yield from self._request(payload["run"]) if update is None else sdk.program.body(update.steps, payload)
        except WorkflowFailure as failed:
            failure = failed.message
        except RunCancelled:
            failure = "cancelled"
        except TaskFailure as bug:
            sdk.context.failure = bug
            return
        except ContinueAsNew:
            sdk.context.failure = TaskFailure("Cannot continue as new from an update handler")
            return
        finally:
            sdk.open_updates -= 1
            if one_at_a_time:
                self._release(name)
        if sdk.host.rules.answers_last:
            yield from sdk.turn()
        machine.complete(failure)
        sdk.events.setdefault(name, deque()).append(payload)

    def _valid(self, name: str, payload: Mapping[str, Any], *, validate: bool) -> bool:
        sdk = self._sdk
        update = sdk.workflow.updates.get(name)
        if update is None:
            return sdk.context.options.entity and name == REQUEST
        return not validate or update.rejects is None or not update.rejects.holds({**sdk.info.input, **payload})

    def _request(self, run: RunInfo) -> Coroutine:
        """An entity works off one of its requests."""
        request = RequestSdk(self._sdk, run)
        try:
            yield from request.program.main()
        finally:
            request.close()

    def _acquire(self, name: str) -> Coroutine:
        """asyncio.Lock: first come, first served."""
        waiting = self._locks.get(name)
        if waiting is None:
            self._locks[name] = deque()
            return
        turn = self._sdk.loop.future()
        waiting.append(turn)
        yield turn

    def _release(self, name: str) -> None:
        waiting = self._locks[name]
        if waiting:
            waiting.popleft().resolve()
        else:
            del self._locks[name]


class RequestSdk(WorkflowSdk):
    """The calls of a request that an entity works off: whatever cancels the entity ends it too."""

    def __init__(self, entity: WorkflowSdk, info: RunInfo) -> None:
        super().__init__(entity.context, info, entity.host)
        self._entity = entity
        self._by = info
        self.begun = True
        self.variables = entity.variables
        self.events = entity.events

    @property
    def values(self) -> dict[str, object]:
        return self._entity.values

    def before_step(self, step: Step) -> None:
        self._entity.before_step(step)

    def compute(self, step: Compute, name: str, us: int) -> Coroutine:
        yield Block(us, name, self.info)

    def interrupted(self) -> Exception:
        return self._entity.interrupted()
