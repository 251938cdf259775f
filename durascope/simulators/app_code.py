"""What a workflow's own code does wherever it runs: how long it computes, what it draws, where its bugs show.

It is counted outside of every process, so that a replay, on whatever engine, meets the same code.
"""

from __future__ import annotations

from durascope.models.steps import Bug, Compute, Fail
from durascope.simulators.kernel.luck import Luck
from durascope.simulators.kernel.runs import RunInfo


class AppCode:
    """The apps of one engine, as far as they are the same on every engine."""

    def __init__(self, outside: Luck) -> None:
        self._outside = outside
        self._bugs: dict[tuple[str, str], int] = {}
        self._draws: dict[tuple[str, str], int] = {}
        self.handled: dict[tuple[object, str], int] = {}
        """By execution and event: how many of its messages code has taken, as far as any replay of it came."""

    def compute_time(self, run: RunInfo, step: Compute, key: str) -> int:
        """How long the workflow's own code is busy there, in microseconds: the same on every replay."""
        return self._outside.sample(step.compute, "compute", run.luck, key)

    def handles(self, execution: object, event: str, count: int) -> None:
        """The code of that execution has now consumed N messages of that name; a replay reports it again."""
        self.handled[execution, event] = max(count, self.handled.get((execution, event), 0))

    def computed(self, run: RunInfo, key: str) -> int:
        """The value of a computation that gives another one each time: how many times the run's code has come to it."""
        count = self._draws[run.name, key] = self._draws.get((run.name, key), 0) + 1
        return count

    def code_fails(self, run: RunInfo, step: Fail | Bug, key: str) -> bool:
        """Whether the bug shows; one with `times: N` goes away after N executions."""
        times = step.times if isinstance(step, Fail) else None
        shown = self._bugs.get((run.name, key), 0)
        if times is not None and shown >= times:
            return False
        self._bugs[run.name, key] = shown + 1
        return True
