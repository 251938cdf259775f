"""Faults after events: which event of the trace each follows, and where in the code around that event it may strike.

A fault strikes at its event, in the middle of the code that is running. Three kinds of code can't be cut just there:

- what sends a message: the message leaves before the sender dies;
- what has just received one: it dies before it acts on it;
- an engine's transaction: it is written as a whole or not at all. A fault waits for its end (`World.cut`), for the
  next moment of a step (engines pass them between what is written and what is sent), or for the end of the code.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from durascope.models.trace import Kind
from durascope.simulators.kernel.world import Killed

if TYPE_CHECKING:
    from durascope.simulators.kernel.component import Component
    from durascope.simulators.kernel.world import World

Victims = Callable[[], Collection["Component"]]
Strike = Callable[[], Any]


class Points:
    """What waits for events by their numbers, and what waits for its place in the code."""

    __slots__ = ("_armed", "_held", "due", "world")

    def __init__(self, world: World) -> None:
        self.world = world
        self._armed: dict[int, list[tuple[Victims, Strike]]] = {}
        self.due: list[Strike] = []
        """The event has happened; the code can't be cut yet."""
        self._held = 0

    def wait(self, event: int, victims: Victims, strike: Strike) -> None:
        """Has `strike()` done after the event of that number; `victims()` are the components that it concerns."""
        if event < self.world.recorder.count:  # it happened while the world was built
            self.world.interrupt(strike)
        else:
            self._armed.setdefault(event, []).append((victims, strike))

    def passed(self, kind: Kind) -> None:
        """One more event is in the trace: what waits for it strikes, or becomes due."""
        waiting = self._armed.pop(self.world.recorder.count - 1, None)
        if waiting is None:
            return
        running, due = self.world.running, self.due
        for victims, strike in waiting:
            due.append(strike)
            hit = running is None or running in victims()
            if not hit or not (running is None or running.transactional or kind is Kind.MESSAGE_SENT):
                self.strike()
        if due:
            self.world.interrupt(self.strike)

    @contextmanager
    def held(self) -> Generator[None]:
        """Within it nothing strikes: a fault, or its end, is done as a whole, whatever waits for its events."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    def next_comes(self) -> None:
        """Another event is about to happen: a message that was being sent is under way by now."""
        running = self.world.running
        if running is not None and not running.transactional:
            self.strike()

    def strike(self) -> None:
        """What is due happens here. Raises `Killed` if it kills the component whose code is running."""
        if self._held or not self.due:
            return
        running = self.world.running
        incarnation = None if running is None else running.incarnation
        while self.due:
            due, self.due = self.due, []
            for strike in due:
                strike()
        if running is not None and running.incarnation != incarnation:
            raise Killed
