"""The updates of every run that a worker has yet to be told of, or to accept (§8).

admitted ─▶ sent with a workflow task ─▶ accepted or rejected: it is no request any more
   ▲                └─(the task has failed)─┐
   └────────────────────────────────────────┘

Only in memory: a crash of the server loses them, and the client asks again.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from durascope.simulators.temporal.mutable_state import MutableState


class RequestState(Enum):
    """See the sketch above."""

    ADMITTED = "admitted"
    SENT = "sent"


class UpdateRequest:
    """An update that nobody has accepted yet."""

    __slots__ = ("id", "name", "payload", "state")

    def __init__(self, update_id: str, name: str, payload: Any) -> None:
        self.id = update_id
        self.name = name
        self.payload = payload
        self.state = RequestState.ADMITTED


class UpdateRegistry:
    """What has been admitted, by run and update id."""

    __slots__ = ("requests",)

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.requests: dict[int, dict[str, UpdateRequest]] = {}
        """By run and update id; empty as long as no run has had one: then nobody needs to ask."""

    def add(self, state: MutableState, update_id: str, name: str, payload: Any) -> None:
        self.requests.setdefault(state.run_id, {})[update_id] = UpdateRequest(update_id, name, payload)

    def of(self, state: MutableState) -> dict[str, UpdateRequest]:
        return self.requests.get(state.run_id, {})

    def remove(self, state: MutableState, update_id: str) -> None:
        """A worker has accepted or rejected it."""
        self.of(state).pop(update_id, None)

    def close(self, state: MutableState) -> dict[str, UpdateRequest]:
        """The run is over; what nobody has taken."""
        return self.requests.pop(state.run_id, {})

    def waiting(self, state: MutableState) -> bool:
        """Whether an update waits for a workflow task to ride on."""
        return any(update.state is RequestState.ADMITTED for update in self.of(state).values())

    def to_send(self, state: MutableState) -> Sequence[UpdateRequest]:
        """What goes out with the workflow task that starts now."""
        admitted = [update for update in self.of(state).values() if update.state is RequestState.ADMITTED]
        for update in admitted:
            update.state = RequestState.SENT
        return admitted

    def send_again(self, state: MutableState) -> None:
        """The task they went with has failed: they go with the next one."""
        for update in self.of(state).values():
            update.state = RequestState.ADMITTED
