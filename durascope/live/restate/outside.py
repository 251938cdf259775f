"""What the world outside of Restate knows: who was started, which awakeable a run waits for, how attempts ended.

Apps tell of it through the ledger; it outlives every crash.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.restate.outside import waits_of

__all__ = ["AttemptRow", "Attempts", "Awakeables", "Started", "waits_of"]


@dataclass(frozen=True, slots=True)
class Started:
    """An invocation that was accepted from outside."""

    run: RunInfo
    invocation: str
    kind: str = "run"


@dataclass(slots=True)
class _Known:
    ids: list[str] = field(default_factory=list[str])
    used: int = 0
    held: list[Callable[[str], Any]] = field(default_factory=list["Callable[[str], Any]"])


class Awakeables:
    """The ids that runs have published, by run and event; events that come before are kept until there is one."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], _Known] = {}
        self._lock = threading.Lock()

    def learn(self, run: str, event: str, awakeable: str) -> None:
        """An id has been published; every attempt publishes it again."""
        with self._lock:
            known = self._known.setdefault((run, event), _Known())
            if awakeable in known.ids:
                return
            known.ids.append(awakeable)
            deliver = known.held.pop(0) if known.held else None
            known.used += deliver is not None
        if deliver is not None:
            deliver(awakeable)

    def resolve(self, run: str, event: str, waits: int, deliver: Callable[[str], Any]) -> None:
        """Has `deliver(id)` called for the awakeable that the event resolves: now, or when its id is known."""
        with self._lock:
            known = self._known.setdefault((run, event), _Known())
            if known.used < len(known.ids):
                known.used += 1
                awakeable = known.ids[known.used - 1]
            elif known.ids and known.used >= waits:
                awakeable = known.ids[-1]
            else:
                known.held.append(deliver)
                return
        deliver(awakeable)

    def next(self, run: str, event: str) -> str | None:
        """The awakeable that is resolved next, as far as its id is known."""
        with self._lock:
            known = self._known.get((run, event))
            if known is None or not known.ids:
                return None
            known.used += 1
            return known.ids[min(known.used, len(known.ids)) - 1]


@dataclass(slots=True)
class AttemptRow:
    """One attempt that reached an app."""

    entries: int
    retries: int
    process: str
    number: int
    """Of its process, from 1 in each life."""
    at: float
    ends: str | None = None
    ended_at: float | None = None


class Attempts:
    """What the apps have reported of attempts, by invocation."""

    def __init__(self) -> None:
        self.rows: dict[str, list[AttemptRow]] = {}

    def started(self, message: Mapping[str, Any]) -> None:
        which = message["process"], message["attempt"]
        row = AttemptRow(message["entries"], message["retries"], *which, time.monotonic())
        self.rows.setdefault(message["invocation"], []).append(row)

    def ended(self, message: Mapping[str, Any]) -> None:
        """An app need not wait for its report to be taken: the next attempt's start may come before it."""
        which = message["process"], message["attempt"]
        for row in reversed(self.rows.get(message["invocation"], [])):
            if row.ends is None and (row.process, row.number) == which:
                row.ends, row.ended_at = message["how"], time.monotonic()
                return

    def facts(self, invocation: str, engine_ended: list[float]) -> list[dict[str, object]] | None:
        """In the form of the cases; None: one of them is still under way."""
        facts: list[dict[str, object]] = []
        rows = self.rows.get(invocation, [])
        for number, row in enumerate(rows, 1):
            ends = row.ends or ("connection-lost" if number < len(rows) else None)
            if ends == "disconnected":
                lost = any(abs((row.ended_at or 0) - ended) < 1.0 for ended in engine_ended)
                ends = "connection-lost" if lost else "aborted"
            if ends is None:
                return None
            retries = {"retries": row.retries} if row.retries else {}
            facts.append({"entries": row.entries, **retries, "ends": ends})
        return facts

    def lost(self, process: str) -> None:
        """A process has been killed: its attempts have lost their connection."""
        for rows in self.rows.values():
            for row in rows:
                if row.process == process and row.ends is None:
                    row.ends = "connection-lost"
