"""The relay: sees what passes between engine and host and writes each run's record, line by line.

It stands for the recording proxy of the real recordings: outside the engine, so no crash touches it. The grammar is
that of `tests/conformance/inngest/README.md`: a request and its answer are one line, at the place of the request,
unless something that is neither has come between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from durascope.models.trace import Kind
from durascope.simulators.inngest.protocol import Answer, Op, Request, shown
from durascope.simulators.inngest.stores import Status
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World

_RECORDED: Final = Kind.RECORDED


class Exchange:
    """One request and what became of it."""

    __slots__ = ("answered", "index", "request", "run")

    def __init__(self, run: RunInfo, request: Request, index: int) -> None:
        self.run = run
        self.request = request
        self.index = index
        """Its line in the run's record."""
        self.answered = False


class Relay:
    """Writes the records, and the times and counts that cases compare."""

    def __init__(self, world: World, *, keeps_records: bool) -> None:
        self.world = world
        self.keeps_records = keeps_records
        self.silent = not keeps_records and not world.full
        """Nobody will read a line: what is relayed is only counted."""
        self.records: dict[str, list[str]] = {}
        self.in_flight = 0
        self.most_in_flight = 0
        self.order: list[str] = []
        """The run of each request."""
        self.sizes: dict[str, list[int]] = {}
        self.event_sizes: dict[str, int] = {}
        self.first_request: dict[str, int] = {}
        self.last_answer: dict[str, int] = {}
        self.ended: dict[str, int] = {}
        """When each run ended, in microseconds."""
        self._last_other: dict[str, int] = {}
        self._resumed: dict[str, dict[str, str]] = {}
        """Ended waits that no request has told of yet, by step."""

    # ---- lines ---------------------------------------------------------------------------------------------

    def other(self, run: RunInfo, line: str) -> None:
        """A line that is neither a request nor an answer."""
        self._append(run, line)
        if self.keeps_records:
            self._last_other[run.name] = len(self.records[run.name]) - 1

    def checkpoint(self, run: RunInfo, ops: Sequence[Op], answer: str = "") -> None:
        """A checkpoint POST of the host's."""
        if self.silent:
            self.world.recorder.count += 1
            return
        self.other(run, f"checkpoint {shown(ops, 0)}{answer}" if self.keeps_records else "")

    def created(self, run: RunInfo, event: str, count: int, event_size: int) -> None:
        """A run has been created by that many events, the first of that name."""
        if self.silent:
            self.world.recorder.count += 1
            return
        self.other(run, f"run created {event}{f' x{count}' if count > 1 else ''}")
        if self.keeps_records:
            self.event_sizes[run.name] = event_size

    def over(self, run: RunInfo, status: Status) -> None:
        """A run's state is gone; it has that status."""
        if self.silent:
            self.world.recorder.count += 1
        else:
            self.other(run, f"run {status.value}")

    def end(self, run: RunInfo) -> None:
        """The run has ended, now."""
        if self.keeps_records:
            self.ended[run.name] = self.world.now

    def resumed(self, run: RunInfo, step: str, line: str) -> None:
        """A pause has ended; written before the first request that carries its result."""
        self._resumed.setdefault(run.name, {})[step] = line

    def post(self, run: RunInfo, request: Request) -> Exchange:
        """A request is on its way to the host."""
        self.in_flight += 1
        if self.in_flight > self.most_in_flight:
            self.most_in_flight = self.in_flight
        resumed = self._resumed.get(run.name) if self._resumed else None
        if resumed:
            for step in [step for step in resumed if step in request.steps]:
                self._append(run, resumed.pop(step))
            if not resumed:
                del self._resumed[run.name]
        if self.silent:
            self.world.recorder.count += 1
            return Exchange(run, request, 0)
        if not self.keeps_records:
            self.world.emit("executor", _RECORDED, run)
            return Exchange(run, request, 0)
        self._append(run, request.line)
        self.order.append(run.name)
        self.sizes.setdefault(run.name, []).append(request.size)
        self.first_request.setdefault(run.name, self.world.now)
        return Exchange(run, request, len(self.records[run.name]) - 1)

    def answer(self, exchange: Exchange, answer: Answer, arrives: int) -> None:
        """The host has answered; `arrives`: when the server gets it."""
        self._close(exchange, answer.text(arrives) if self.keeps_records else "")

    def no_answer(self, exchange: Exchange, why: str) -> None:
        """lost · refused · unheard"""
        self._close(exchange, f"-> {why}")

    def _close(self, exchange: Exchange, text: str) -> None:
        if exchange.answered:
            return
        exchange.answered = True
        self.in_flight -= 1
        run = exchange.run
        if self.silent:
            self.world.recorder.count += 1
            return
        if not self.keeps_records:
            self.world.emit("executor", _RECORDED, run)
            return
        self.last_answer[run.name] = self.world.now
        lines = self.records[run.name]
        if self._last_other.get(run.name, -1) > exchange.index:
            lines.append(text)
        else:
            lines[exchange.index] += f" {text}"
        self.world.emit("executor", _RECORDED, run, detail=text)

    def _append(self, run: RunInfo, line: str) -> None:
        if self.keeps_records:
            self.records.setdefault(run.name, []).append(line)
        self.world.emit("executor", _RECORDED, run, detail=line)

    # ---- what cases compare --------------------------------------------------------------------------------

    def facts(self, starts: dict[str, int], ended: dict[str, int], statuses: dict[str, str]) -> dict[str, Any]:
        """`lasts`, `starts`, `order`, `in_flight`, `request_bytes` in the cases' form, in microseconds and bytes."""
        first = min(starts.values(), default=0)
        lasts: dict[str, int] = {}
        for run, status in statuses.items():
            if run not in ended:
                continue
            last = ended[run] if status == Status.CANCELLED else self.last_answer.get(run, ended[run])
            lasts[run] = last - starts.get(run, first)
        return {
            "lasts": lasts,
            "starts": {run: at - first for run, at in self.first_request.items()},
            "order": self.order,
            "in_flight": self.most_in_flight,
            "request_bytes": self.sizes,
        }
