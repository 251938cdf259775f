"""SimPy's environment on the world's time: SimPy processes live beside the engines' parts, in one queue.

Whatever comes from outside the engines and takes time is a SimPy process: arrivals, events, faults and their ends. The
engines' own parts put functions into the same queue (`World.after`, `World.post`), which is the hot path.
"""

from __future__ import annotations

from collections.abc import Generator
from heapq import heappush
from typing import TYPE_CHECKING, Any

import simpy
from simpy.events import NORMAL, EventPriority

if TYPE_CHECKING:
    from durascope.simulators.kernel.world import World

Steps = Generator[simpy.Event, Any, Any]
"""The code of a SimPy process: it yields the events that it waits for."""


class Clock(simpy.Environment):
    """The environment.

    An entry of its queue is (µs, priority, number, event, function, arguments, cause): the event is None for a callback
    that nobody can take back, (receiver, sender, what, run) for a message, and SimPy's own events have no function.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        super().__init__()
        self.queue: list[Any] = self._queue
        self.next_eid = self._eid.__next__

    @property
    def _now(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.world.now

    @_now.setter
    def _now(self, _: float) -> None: ...

    def schedule(self, event: simpy.Event, priority: EventPriority = NORMAL, delay: float = 0) -> None:
        world = self.world
        if type(event) is IdleTimeout:
            world.inert_entries += 1
        heappush(self.queue, (world.now + delay, priority, self.next_eid(), event, None, (), world.recorder.cause))

    def idle_timeout(self, delay: float) -> IdleTimeout:
        """A timeout that does not keep the simulation running: for what would happen forever."""
        return IdleTimeout(self, delay)

    @staticmethod
    def happens(event: simpy.Event) -> None:
        """One of SimPy's own events, as its `step` has it. Raises a failure that nobody has defused."""
        callbacks, event.callbacks = event.callbacks, None  # pyright: ignore[reportAttributeAccessIssue]
        for callback in callbacks:
            callback(event)
        if not event._ok and not getattr(event, "_defused", False):
            raise event._value


class IdleTimeout(simpy.Timeout):
    """A timeout that does not keep the simulation running."""


class Outside(simpy.Process):
    """A process whose code has begun before SimPy knows it: SimPy's own would begin with an event, after other code.

    So a fault strikes in the middle of the code that it interrupts.
    """

    def __init__(self, env: Clock, steps: Steps, first: simpy.Event) -> None:
        simpy.Event.__init__(self, env)
        self._generator = steps
        self._target = first
        first.callbacks.append(self._resume)
