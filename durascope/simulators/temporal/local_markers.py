"""The local activities of one run in one worker, and the markers that tell of their ends (§7).

An end that the replay has seen coming is told by the core, and its marker is confirmed; the marker of one that the
worker has run goes out with the task, and the code goes on.
"""

from __future__ import annotations

from durascope.simulators.temporal.commands import (
    LocalEnd,
    RecordMarker,
    RequestCancelLocalActivity,
    ScheduleLocalActivity,
)
from durascope.simulators.temporal.context import WorkflowContext
from durascope.simulators.temporal.core import CANCELLED, Core, Job
from durascope.simulators.temporal.host import Host
from durascope.simulators.temporal.local_activity import LocalActivity, LocalState


class LocalMarkers:
    """Which local activities run, or wait for their markers."""

    __slots__ = ("_context", "_core", "_host", "_markers", "_run_id", "news", "open")

    def __init__(self, context: WorkflowContext, core: Core, host: Host, run_id: int) -> None:
        self._context = context
        self._core = core
        self._host = host
        self._run_id = run_id
        self._markers: dict[int, LocalEnd] = {}
        """Those that the replay has seen coming."""
        self.open: dict[int, LocalActivity] = {}
        """Those that run, or wait for a marker."""
        self.news: list[Job] = []
        """Ends of which the code has not heard."""

    def take(self, command: ScheduleLocalActivity | RequestCancelLocalActivity) -> None:
        """The code asks for one, or for the cancellation of one."""
        if isinstance(command, ScheduleLocalActivity):
            self._schedule(command.handle)
        else:
            self._cancel(command.handle)

    def _schedule(self, local: LocalActivity) -> None:
        end = self._markers.pop(local.seq, None)
        self.open[local.seq] = local
        if end is not None:
            self._resolve(local, end)
        elif self._context.replaying:
            local.move("replay")
        else:
            self._run(local)

    def _run(self, local: LocalActivity) -> None:
        local.move("start")
        self._host.run_local_activity(local, self._context.options, self._done)

    def run_waiting(self) -> None:
        """The replay has ended without their markers: they have to run (again)."""
        for local in [each for each in self.open.values() if each.state is LocalState.AWAITING]:
            self._run(local)  # it may end at once

    def seen(self, seq: int, end: LocalEnd) -> None:
        """The replay sees a marker coming."""
        waiting = self.open.get(seq)
        if waiting is None:
            self._markers[seq] = end
        else:
            self._resolve(waiting, end)

    def _resolve(self, local: LocalActivity, end: LocalEnd) -> None:
        local.move("marker")
        del self.open[local.seq]
        self._record(local, end)
        self._core.jobs.append((local.settle, (end.values, end.failure, end.backoff)))

    def _done(self, local: LocalActivity, end: LocalEnd) -> None:
        """The worker has run it: its marker goes out with the task, the code goes on."""
        if self.open.pop(local.seq, None) is None:
            return
        local.move("end")
        self.news.append((self._tell, (local, end)))
        self._host.local_news(self._run_id)

    def _cancel(self, local: LocalActivity) -> None:
        if self.open.pop(local.seq, None) is not None:
            local.move("cancellation")
            self._host.cancel_local_activity(local)
            self._record(local, LocalEnd(failure=CANCELLED))  # where the code has asked for it (core, NoWaitCancel)
            self._core.jobs.append((local.settle, (None, CANCELLED)))

    def _tell(self, local: LocalActivity, end: LocalEnd) -> None:
        """Its marker goes out, and the code hears of its end."""
        self._record(local, end)
        local.settle(end.values, end.failure, end.backoff)

    def _record(self, local: LocalActivity, end: LocalEnd) -> None:
        marker = RecordMarker(local.seq, local.name, local.key, end)
        marker.handle = local
        self._core.send(marker)
