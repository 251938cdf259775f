"""Updates (§8): requests that change a running workflow.

    admitted ─▶ sent with a workflow task ─▶ accepted (event) ─▶ completed (event)
                                     └────▶ rejected (nothing is ever written)

What is admitted and sent is only in memory: a crash of the server loses it, and the client asks again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from durascope.models.trace import Kind
from durascope.simulators.temporal.calls import Call
from durascope.simulators.temporal.channel import Link
from durascope.simulators.temporal.commands import REQUEST, AcceptUpdate, Command, CompleteUpdate, RejectUpdate
from durascope.simulators.temporal.constants import limit
from durascope.simulators.temporal.events import WorkflowExecutionUpdateAccepted, WorkflowExecutionUpdateCompleted
from durascope.simulators.temporal.mutable_state import MutableState, Update
from durascope.simulators.temporal.shard import HISTORY, Shard
from durascope.simulators.temporal.workflow_tasks import WorkflowTasks

FAILING: Final = 3
"""From this attempt of a workflow task on no update is taken (failUpdateWorkflowTaskAttemptCount)."""


class Updates:
    """The updates of every run, and who waits for their answers."""

    __slots__ = ("_in_flight", "_tasks", "_total", "_waiters", "registry", "shard", "world")

    def __init__(self, shard: Shard, tasks: WorkflowTasks) -> None:
        self.shard = shard
        self.world = shard.world
        self._tasks = tasks
        self.registry = tasks.registry
        self._in_flight = limit("updates_in_flight").error
        self._total = limit("updates").error
        self.reset()

    def reset(self) -> None:
        self._waiters: dict[tuple[int, str], tuple[Link, Call, str]] = {}

    def admit(
        self, link: Link, call: Call, state: MutableState, update_id: str, name: str, payload: Any, started: str = ""
    ) -> None:
        """Takes an update in; it rides on the pending workflow task, or gets a speculative one (U1).

        `started`: what became of the start that it came with (U5); it is part of the answer then.
        """
        world = self.world
        world.emit(HISTORY, Kind.EVENT_RECEIVED, state.run, detail=name)
        if name == REQUEST and "run" in payload and payload["run"].name not in world.recorder.runs:
            world.run_started(HISTORY, payload["run"])
        if update_id in state.completed_updates:
            link.reply(call, _with_start(state.completed_updates[update_id], started))
            return
        self._waiters[state.run_id, update_id] = (link, call, started)
        admitted = self.registry.of(state)
        if update_id in state.updates or update_id in admitted:
            return
        full = len(admitted) + len(state.updates) >= self._in_flight or state.updates_total >= self._total
        if full or state.wft_attempt >= FAILING:  # a task that keeps failing would fail the update too
            del self._waiters[state.run_id, update_id]
            link.reply(call, _with_start("refused", started))
            return
        self.registry.add(state, update_id, name, payload)
        if state.wft is None:  # unlike a signal, it does not wait for a first task that is put off
            self._tasks.offer_speculative(state)

    def accepted(self, state: MutableState, command: AcceptUpdate, sequencing_id: int) -> None:
        self.registry.remove(state, command.id)
        event = WorkflowExecutionUpdateAccepted(command.id, command.name, command.payload, sequencing_id)
        state.history.append(event, self.world.now)
        state.updates[command.id] = Update(command.id, command.name, event)
        state.updates_total += 1

    def completed(self, state: MutableState, command: CompleteUpdate) -> None:
        update = state.updates.pop(command.id, None)
        accepted_id = 0 if update is None else update.accepted.id
        event = WorkflowExecutionUpdateCompleted(command.id, command.name, accepted_id, command.failure)
        state.history.append(event, self.world.now)
        answer = state.completed_updates[command.id] = "completed" if command.failure is None else "failed"
        if command.name == REQUEST:
            self.world.run_ended(HISTORY, command.payload["run"], answer)
        self._answer(state, command.id, answer)

    def answered(self, state: MutableState, commands: Sequence[Command]) -> None:
        """Rejections: told to who asked, and nothing else (U2)."""
        for command in commands:
            if isinstance(command, RejectUpdate):
                self.registry.remove(state, command.id)
                self._answer(state, command.id, "rejected")

    def _answer(self, state: MutableState, update_id: str, answer: str) -> None:
        waiter = self._waiters.pop((state.run_id, update_id), None)
        if waiter is not None:
            link, call, started = waiter
            self.shard.answer(link, call, _with_start(answer, started))

    def closed(self, state: MutableState) -> None:
        """The run is over: callers that still wait are told that there will be no result.

        A request to an entity is then sent again and starts a new one, even if the old one had accepted it.
        """
        for update_id in self.registry.close(state):
            self._answer(state, update_id, "not found")
        for update_id, update in state.updates.items():
            if update.name == REQUEST:
                state.completed_updates[update_id] = "aborted"
            self._answer(state, update_id, "aborted")


def _with_start(answer: str, started: str) -> str | tuple[str, str]:
    """What an update's caller is told: with what became of the start, if there was one."""
    return (started, answer) if started else answer
