"""What follows a run that has closed: the next run of its chain, a run reset from it, or the logical run's end."""

from __future__ import annotations

from collections.abc import Callable

from durascope.simulators.temporal.executions import Executions
from durascope.simulators.temporal.mutable_state import MutableState, StartOptions
from durascope.simulators.temporal.resetting import Resets
from durascope.simulators.temporal.shard import HISTORY, Shard


class Chains:
    """Goes on once a run's last event is written."""

    __slots__ = ("_executions", "_on_run_closed", "_resets", "_timers", "world")

    def __init__(
        self, shard: Shard, executions: Executions, resets: Resets, on_run_closed: Callable[[MutableState], object]
    ) -> None:
        """`on_run_closed` is told of every run that has closed."""
        self.world = shard.world
        self._executions = executions
        self._resets = resets
        self._on_run_closed = on_run_closed
        self._timers = shard.timers
        shard.on_closed = self.go_on

    def go_on(self, state: MutableState, successor: StartOptions | None) -> None:
        if successor is not None and successor.reset[0]:
            self._resets.begin(successor)
        elif successor is not None:
            self._executions.create(successor)
        elif not state.options.entity:
            self.world.run_ended(HISTORY, state.run, state.status.value)
        self._timers.read()
        self._on_run_closed(state)
