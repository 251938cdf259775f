"""Which run it is that an event starts: a start of the workload, or the next run of its function."""

from __future__ import annotations

from dataclasses import replace

from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.functions import Function
from durascope.simulators.kernel.runs import RunInfo


class Identities:
    """Counts the runs that functions have got from elsewhere than the workload; no crash touches it."""

    def __init__(self, starts: int) -> None:
        """`starts`: how many the workload has."""
        self._runs_of: dict[str, int] = {}
        self._starts = starts

    def again(self, run: RunInfo) -> RunInfo:
        """The identity of a run that an operator has made of another."""
        self._starts += 1
        name = f"run {self._starts}"
        return replace(run, name=name, luck=name)

    def identify(self, function: Function, event: Event) -> RunInfo:
        """The identity of a run that is created."""
        start = event.start
        if start is not None and start.workflow == function.name:
            return start
        number = self._runs_of[function.name] = self._runs_of.get(function.name, 0) + 1
        name = f"{function.name} run {number}"
        parent = event.parent or start
        data = dict(event.data)
        if function.kind != "function" and event.parent is not None:
            data["run_id"] = event.parent.name
        key = None if function.key is None else str(data.get(function.key))
        number, luck = 0 if parent is None else parent.number, event.luck or name
        starter = None if event.parent is None else event.parent.name
        return RunInfo(name, function.name, number, key, data, luck, starter)
