"""Virtual objects and workflows: per key a lock, an inbox, K/V state and promises (restate.md §10).

The lock is held from *invoked* to *completed*, through sleeps, suspensions, back-offs and pauses; who finds it taken
waits in the inbox, first come first served.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from durascope.simulators.restate.journal import Failure

if TYPE_CHECKING:
    from durascope.simulators.restate.invocation import Invocation


@dataclass(slots=True)
class Promise:
    """A durable promise of a workflow's key: completed once, awaited by any number."""

    completed: bool = False
    value: Any = None
    failure: Failure | None = None
    listeners: list[tuple[Invocation, int]] = field(default_factory=list["tuple[Invocation, int]"])


@dataclass(slots=True, eq=False)
class VirtualObject:
    """What the partition keeps of one key of a service. Durable."""

    service: str
    key: str
    holder: Invocation | None = None
    inbox: deque[Invocation] = field(default_factory=deque["Invocation"])
    state: dict[str, Any] = field(default_factory=dict[str, Any])
    promises: dict[str, Promise] = field(default_factory=dict[str, Promise])

    def promise(self, name: str) -> Promise:
        return self.promises.setdefault(name, Promise())

    def clear(self) -> None:
        """A workflow whose retention is over leaves nothing."""
        self.state.clear()
        self.promises.clear()

    @property
    def unused(self) -> bool:
        """Whether nothing would be lost if it were forgotten."""
        return self.holder is None and not self.inbox and not self.state and not self.promises
