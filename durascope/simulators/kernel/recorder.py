"""The recorder: numbers what happens, links it to its cause, and keeps as much of it as was asked for."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace

from durascope.models.many_runs import ManyRuns
from durascope.models.trace import Event, Kind, RunSummary, StopReason
from durascope.simulators.kernel.limits import MOST_EVENTS
from durascope.simulators.kernel.runs import RunInfo


class Recorder:
    """Full detail for a few runs, only what metrics need for a million.

    `cause` is the number of the event that the code now running was led to by; the world restores it whenever a
    callback fires, so every event is linked without anybody passing numbers around.
    """

    __slots__ = ("cause", "count", "events", "full", "identities", "runs")

    def __init__(self, *, full: bool, many: bool = False) -> None:
        self.full = full
        self.events: list[Event] = []
        self.count = 0
        self.cause: int | None = None
        self.runs: MutableMapping[str, RunSummary] = ManyRuns() if many else {}
        self.identities: dict[str, RunInfo] | None = None
        """Of every run that has begun, in order; kept only where events are addressed to what a run has started."""

    def emit(
        self,
        at: int,
        lane: str,
        kind: Kind,
        run: RunInfo | None = None,
        step: str | None = None,
        attempt: int | None = None,
        detail: object = None,
    ) -> int | None:
        """Appends an event; what the same code does next is caused by it.

        When too many are kept already, it is counted only.
        """
        number = self.count
        self.count = number + 1
        if not self.full or number >= MOST_EVENTS:
            return None
        workflow, name = (None, None) if run is None else (run.workflow, run.name)
        self.events.append(Event(at, lane, kind, workflow, name, step, attempt, self.cause, detail))
        self.cause = number
        return number

    def run_started(self, at: int, lane: str, run: RunInfo) -> None:
        self.emit(at, lane, Kind.RUN_STARTED, run)
        if self.identities is not None:
            self.identities[run.name] = run
        self.runs[run.name] = RunSummary(run.name, run.workflow, at, None, "running", run.key, run.parent)

    def run_ended(self, at: int, lane: str, run: RunInfo, status: str) -> None:
        self.emit(at, lane, Kind.RUN_ENDED, run, detail=status)
        begun = self.runs.get(run.name)
        started_at = at if begun is None else begun.started_at
        self.runs[run.name] = RunSummary(run.name, run.workflow, started_at, at, status, run.key, run.parent)

    def open_runs(self) -> list[RunSummary]:
        """The runs that have not ended."""
        if isinstance(self.runs, ManyRuns):
            return self.runs.open()
        return [run for run in self.runs.values() if run.ended_at is None]

    @property
    def overflows(self) -> bool:
        """Whether there were more events than are kept."""
        return self.full and self.count > len(self.events)

    def stopped(self, reason: StopReason) -> None:
        """The simulation is stopped: how the open runs would end is not known."""
        for run in self.open_runs():
            self.runs[run.name] = replace(run, stopped=reason)
