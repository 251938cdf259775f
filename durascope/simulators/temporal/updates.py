"""Updates (§8): requests that change a running workflow.

    admitted ─▶ sent with a workflow task ─▶ accepted (event) ─▶ completed (event)
                                     └────▶ rejected (nothing is ever written)

What is admitted and sent is only in memory: a crash of the server loses it, and the client asks again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from durascope.models.trace import Kind
from durascope.simulators.temporal.commands import Command
from durascope.simulators.temporal.constants import limit
from durascope.simulators.temporal.mutable_state import MutableState, Update
from durascope.simulators.temporal.workflow_sdk import REQUEST

if TYPE_CHECKING:
    from durascope.simulators.temporal.channel import Call
    from durascope.simulators.temporal.server import Link, Server


FAILING: Final = 3
"""From this attempt of a workflow task on no update is taken (failUpdateWorkflowTaskAttemptCount)."""


class UpdateRequest:
    """An update that nobody has accepted yet."""

    __slots__ = ("id", "name", "payload", "sent")

    def __init__(self, update_id: str, name: str, payload: Any) -> None:
        self.id = update_id
        self.name = name
        self.payload = payload
        self.sent = False


class Updates:
    """The update registry of every run."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._in_flight = limit("updates_in_flight").error
        self._total = limit("updates").error

    def reset(self) -> None:
        self.registry: dict[int, dict[str, UpdateRequest]] = {}
        self._waiters: dict[tuple[int, str], tuple[Link, Call, str]] = {}

    # ---- updates -------------------------------------------------------------------------------------------

    def admit(
        self, link: Link, call: Call, state: MutableState, update_id: str, name: str, payload: Any, started: str = ""
    ) -> None:
        """Takes an update in; it rides on the pending workflow task, or gets a speculative one (U1).

        `started`: what became of the start that it came with (U5); it is part of the answer then.
        """
        world = self.server.world
        world.emit("history", Kind.EVENT_RECEIVED, state.run, detail=name)
        if name == REQUEST and "run" in payload and payload["run"].name not in world.recorder.runs:
            world.run_started("history", payload["run"])
        if update_id in state.completed_updates:
            link.reply(call, _with_start(state.completed_updates[update_id], started))
            return
        self._waiters[state.run_id, update_id] = (link, call, started)
        registry = self.registry.setdefault(state.run_id, {})
        if update_id in state.updates or update_id in registry:
            return
        full = len(registry) + len(state.updates) >= self._in_flight or state.updates_total >= self._total
        if full or state.wft_attempt >= FAILING:  # a task that keeps failing would fail the update too
            del self._waiters[state.run_id, update_id]
            link.reply(call, _with_start("refused", started))
            return
        registry[update_id] = UpdateRequest(update_id, name, payload)
        if state.wft is None and (state.first_task_timer is None or not state.first_task_timer.live):
            task = self.server.workflow_tasks.speculative(state)
            self.server.transfer.speculative_task(state, task)
            self.server.workflow_tasks.not_started_soon(state, task)

    def readmit(self, state: MutableState, update_id: str, name: str, payload: Any) -> None:
        """An update that the run had accepted after the point to which it is reset: it goes with the next task."""
        self.registry.setdefault(state.run_id, {})[update_id] = UpdateRequest(update_id, name, payload)

    def waiting(self, state: MutableState) -> bool:
        """Whether an update waits for a workflow task to ride on."""
        registry = self.registry.get(state.run_id)
        return bool(registry) and any(not update.sent for update in registry.values())

    def to_send(self, state: MutableState) -> Sequence[UpdateRequest]:
        """What goes out with the workflow task that starts now."""
        registry = self.registry.get(state.run_id)
        if not registry:
            return ()
        unsent = [update for update in registry.values() if not update.sent]
        for update in unsent:
            update.sent = True
        return unsent

    def send_again(self, state: MutableState) -> None:
        """The task they went with has failed: they go with the next one."""
        for update in self.registry.get(state.run_id, {}).values():
            update.sent = False

    def accepted(self, state: MutableState, command: Command, sequencing_id: int) -> None:
        update_id: str = command.attributes["id"]
        self.registry.get(state.run_id, {}).pop(update_id, None)
        event = state.history.append(
            "WorkflowExecutionUpdateAccepted",
            self.server.world.now,
            {
                "id": update_id,
                "name": command.name,
                "payload": command.attributes.get("payload"),
                "accepted_request_sequencing_event_id": sequencing_id,
            },
        )
        state.updates[update_id] = Update(update_id, command.name, event)
        state.updates_total += 1

    def completed(self, state: MutableState, command: Command) -> None:
        update_id: str = command.attributes["id"]
        update = state.updates.pop(update_id, None)
        state.history.append(
            "WorkflowExecutionUpdateCompleted",
            self.server.world.now,
            {
                "id": update_id,
                "name": command.name,
                "accepted_event_id": 0 if update is None else update.accepted.id,
                "failure": command.attributes.get("failure"),
            },
        )
        answer = state.completed_updates[update_id] = (
            "failed" if command.attributes.get("failure") is not None else "completed"
        )
        if command.name == REQUEST:
            self.server.world.run_ended("history", command.attributes["payload"]["run"], answer)
        self._answer(state, update_id, answer)

    def answered(self, state: MutableState, commands: Sequence[Command]) -> None:
        """Rejections: told to who asked, and nothing else (U2)."""
        for command in commands:
            if command.kind == "RejectUpdate":
                update_id: str = command.attributes["id"]
                self.registry.get(state.run_id, {}).pop(update_id, None)
                self._answer(state, update_id, "rejected")

    def _answer(self, state: MutableState, update_id: str, answer: str) -> None:
        waiter = self._waiters.pop((state.run_id, update_id), None)
        if waiter is not None:
            link, call, started = waiter
            self.server.outbox.append((link, call, _with_start(answer, started)))

    def closed(self, state: MutableState) -> None:
        """The run is over: whoever still waits will not get an answer.

        Who has asked an entity for something asks again, and so begins another one: also where it had been accepted.
        """
        for update_id in self.registry.pop(state.run_id, {}):
            self._answer(state, update_id, "not found")
        for update_id, update in state.updates.items():
            if update.name == REQUEST:
                state.completed_updates[update_id] = "aborted"
            self._answer(state, update_id, "aborted")


def _with_start(answer: str, started: str) -> str | tuple[str, str]:
    """What an update's caller is told: with what became of the start, if there was one."""
    return (started, answer) if started else answer
