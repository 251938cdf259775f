"""A component: something that runs, can die, and comes back with nothing but what is in its stores.

    alive ── crash() ──▶ dead ── restart() ──▶ alive, a new incarnation
      ├───── stop() ───▶ stopping ── die() ──▶ dead
      └───── hang() ───▶ hung ── resume() ───▶ alive, the same incarnation, late

What a component must not lose is in *store* objects that are handed to it (they survive); everything else it sets up
in `reset`, which is called when it is made and again when it dies. Its callbacks belong to one incarnation: they are
gone with it. Nothing else anywhere handles a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from heapq import heappush
from typing import TYPE_CHECKING, Any, ClassVar

from simpy.events import NORMAL

from durascope.models.trace import Kind
from durascope.simulators.kernel.clock import Steps
from durascope.simulators.kernel.world import Callback, Killed, World

if TYPE_CHECKING:
    from durascope.simulators.kernel.network import Connection

Process = Generator[int, None, None]
"""A piece of a component's behaviour that takes time: it yields the microseconds to wait."""


class Component:
    """Base of everything that can be killed.

    >>> from durascope.simulators.kernel.world import World
    >>> class Cache(Component):
    ...     def reset(self):
    ...         self.entries = {}
    >>> cache = Cache(World(0, full=True), "cache")
    >>> cache.entries["key"] = "value"
    >>> cache.crash()
    >>> cache.restart()
    >>> cache.entries, cache.incarnation
    ({}, 2)
    """

    transactional: ClassVar[bool] = False
    """Its code writes transactions: it dies at a step's moment, where it says so (`World.cut`), or after its code."""

    __slots__ = (
        "alive", "asked_to_stop", "connections", "down_for", "hung", "incarnation", "killed_at", "name", "world",
    )  # fmt: skip

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        """Its lane in the trace; unique in its world."""
        self.alive = True
        self.incarnation = 1
        self.connections: dict[Connection, None] = {}
        self.hung: list[tuple[Callable[..., Any], tuple[Any, ...]]] | None = None
        """What it will do when it is let go on; None: it is not hung."""
        self.asked_to_stop: int | None = None
        """When it was; it has not stopped yet."""
        self.down_for: int | None = None
        """Asked to stop, and due to be back by now: how long it is to be down, should it be killed first."""
        self.killed_at = 0
        """When it was killed last: who stopped it starts it again so much later."""
        world.components[name] = self
        self.reset()

    # ---- for the engine's parts to fill in -------------------------------------------------------------------

    def reset(self) -> None:
        """Sets up everything volatile, as at the start of the process."""

    def started(self) -> None:
        """What the process does when it comes up again, beginning from its stores."""

    # ---- time ------------------------------------------------------------------------------------------------

    def after(self, delay: int, fn: Callable[..., Any], *args: Any, daemon: bool = False) -> Callback:
        """Calls `fn(*args)` in `delay` µs, unless this incarnation has died by then."""
        world = self.world
        if daemon:
            world.inert_entries += 1
        call, next_eid = Callback(daemon, self, self.incarnation), world.next_eid
        heappush(world.queue, (world.now + delay, NORMAL, next_eid(), call, fn, args, world.recorder.cause))
        return call

    def cancel(self, call: Callback | None) -> None:
        self.world.cancel(call)

    def process(self, steps: Process) -> None:
        """Runs a generator that yields the microseconds to wait; it dies with this incarnation."""
        self._advance(steps)

    def _advance(self, steps: Process) -> None:
        try:
            delay = next(steps)
        except StopIteration:
            return
        self.after(delay, self._advance, steps)

    def execute(self, fn: Callable[..., Any], *args: Any) -> None:
        """Runs code of this component now: the one place where a fault can unwind it."""
        if self.hung is not None:
            self.hung.append((fn, args))
            return
        world = self.world
        before = world.running
        world.running = self
        try:
            fn(*args)
        except Killed:
            if before is not None and not before.alive:
                raise
        finally:
            world.running = before

    # ---- faults ----------------------------------------------------------------------------------------------

    def crash(self) -> None:
        """SIGKILL: its callbacks, connections and everything volatile are gone; its stores are not."""
        if not self.alive:
            return
        down_for, self.killed_at = self.down_for, self.world.now
        self.die()
        if down_for is not None:
            self.world.process(self.restarts(down_for))

    def die(self) -> None:
        """The process is no more."""
        self.alive = False
        self.asked_to_stop = self.down_for = None
        self.incarnation += 1
        self.hung = None
        self.world.emit(self.name, Kind.CRASHED)
        for connection in tuple(self.connections):
            connection.broken_by(self)
        self.connections.clear()
        self.reset()

    def restart(self) -> None:
        """A new process with the same stores, as soon as the one that stops has ended."""
        if self.alive:
            if self.asked_to_stop is not None:
                self.down_for = self.world.now - self.asked_to_stop
            return
        self.alive = True
        self.world.emit(self.name, Kind.RESTARTED)
        self.execute(self.started)

    def restarts(self, delay: int) -> Steps:
        """A supervisor that starts it again after so many µs."""
        yield self.world.env.timeout(delay)
        self.restart()

    def stop(self) -> None:
        """SIGTERM: a graceful stop. A component that has something to hand over first overrides this.

        It notes when it was asked to, and calls `die` once it has stopped.
        """
        self.crash()

    def hang(self) -> None:
        """Stop the world: nothing of it runs, though its peers see it as connected."""
        if self.alive and self.hung is None:
            self.world.emit(self.name, Kind.HUNG)
            self.hung = []

    def resume(self) -> None:
        """Goes on as if nothing had happened, late."""
        held, self.hung = self.hung, None
        if held is None or not self.alive:
            return
        self.world.emit(self.name, Kind.RESUMED)
        incarnation = self.incarnation
        for fn, args in held:
            if self.incarnation == incarnation:
                self.execute(fn, *args)
