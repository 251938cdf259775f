"""Packs many traces: a table of what recurs, and all traces as copies of what came before.

An event is encoded without its number: by the time since its cause, and by its cause as the last event of that kind, or
the last but one, … A story that goes the same way a second later, or with something else in between, is therefore
encoded in the same way. docs/player.md, "What is in the file", describes the format.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, count
from operator import ne
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np

from durascope.models.trace import Kind, Trace, Unended
from durascope.models.unended import sentence
from durascope.models.visible import visible
from durascope.player.copying import Numbers, copies
from durascope.render.exports.jsonl import plain

_TOKEN: Final = ("lane", "kind", "workflow", "run", "step", "attempt", "detail", "effect")
_EVENT: Final = ("token", "cause", "between", "after_us")
_EFFECT: Final = ("service", "step", "run", "attempt", "key", "deduplicated", "price", "again")
_RUN: Final = ("workflow", "run", "status", "why", "started_us", "before_end_us")

Json = dict[str, Any]
Row = tuple[Any, ...]


_Row = TypeVar("_Row", bound=Hashable)


class _Numbered(dict[_Row, int]):
    """Distinct rows and their numbers; a row that is asked for the first time gets the next one."""

    def __missing__(self, row: _Row) -> int:
        number = self[row] = len(self)
        return number

    def of(self, rows: Iterable[_Row], count: int) -> Numbers:
        """The numbers of so many rows. Reports ask for millions: nothing but the table's own code runs for a row."""
        return np.fromiter(map(self.__getitem__, rows), np.int64, count)


class Table:
    """Distinct rows by their number, in the order in which they came."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._numbers = _Numbered[Row]()

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, row: Row) -> int:
        """The row's number; a row that is not there yet is added."""
        return self._numbers[row]

    def rows(self) -> list[Row]:
        """The rows in the order of their numbers."""
        return list(self._numbers)

    def as_json(self) -> Json:
        """One list for each column."""
        return {name: [_safe(plain(row[at])) for row in self._numbers] for at, name in enumerate(self._columns)}


class Columns(NamedTuple):
    """Events without their numbers, one array a column."""

    token: Numbers
    cause: Numbers
    """The token of the cause; -1: none."""
    between: Numbers
    """How many events of that token lie between."""
    after_us: Numbers
    """Microseconds since the cause; without a cause, since the event before."""


@dataclass(frozen=True, slots=True)
class Told:
    """One trace, encoded, or what differs from the trace before. It can be made in another process and sent."""

    first: int
    """How many events are shared with the trace before."""
    tokens: Sequence[Row]
    """Distinct events without time and cause, numbered on from those of the trace before; the last is the ledger's
    entry of an effect, or None."""
    events: Columns
    """The events that are not shared."""
    loose: Sequence[Row]
    """Entries of ledgers that are no event's."""
    runs: Sequence[Row]
    quiet_us: int
    """From the last event to the end of the simulation."""
    stopped: str | None


def told(trace: Trace) -> Told:
    """Encodes the trace."""
    return Telling(trace).told


class Telling:
    """Encodes a trace, from its start or from where it departs from an earlier one."""

    def __init__(self, trace: Trace, before: Telling | None = None) -> None:
        self._events = trace.events
        self._effects, loose = _ledger(trace)
        first = 0 if before is None else self._shared(before)
        self._tokens = _Numbered[Row]() if before is None else _Numbered(before._tokens)
        self._own = self._at = np.zeros(0, np.int64)
        """Of each event its token and its time."""
        if before is not None:
            self._own, self._at = before._own[:first], before._at[:first]
        known, events = len(self._tokens), self._encoded(first)
        last = self._events[-1].at if self._events else 0
        self.told = Told(
            first, list(self._tokens)[known:], events, loose, _ends(trace),
            trace.ended_at - last, None if trace.stopped is None else visible(trace.stopped.explanation),
        )  # fmt: skip

    def _shared(self, before: Telling) -> int:
        """How many events both have in common, and the effects of these."""
        alike = shared(self._events, before._events)
        effects = sorted(self._effects.keys() | before._effects.keys())
        return next((n for n in effects if n < alike and self._effects.get(n) != before._effects.get(n)), alike)

    def _encoded(self, first: int) -> Columns:
        """The events from that one on. Reports encode millions, so that all of a trace's are encoded at once."""
        events, timer_set = self._events[first:], Kind.TIMER_SET
        if not events:
            return Columns(*(np.zeros(0, np.int64) for _ in range(4)))
        ats, lanes, kinds, workflows, runs, steps, attempts, causes, details = zip(*events, strict=True)
        said = [
            (detail - at if kind is timer_set else detail) if type(detail) is int  # when it is due: as how long that is
            else tuple(detail) if type(detail) is list
            else detail
            for detail, kind, at in zip(details, kinds, ats, strict=True)
        ]  # fmt: skip
        effects = map(self._effects.get, range(first, len(self._events)))
        rows = zip(lanes, kinds, workflows, runs, steps, attempts, said, effects, strict=True)
        own, at = self._tokens.of(rows, len(events)), np.array(ats, np.int64)
        all_own = self._own = np.concatenate([self._own, own])
        all_at = self._at = np.concatenate([self._at, at])
        count, here = len(all_own), np.arange(first, len(all_own))
        cause = np.array([-1 if number is None else number for number in causes], np.int64)
        caused = cause >= 0
        since = np.where(caused, cause, here - 1)
        of = np.where(caused, all_own[since], -1)
        by_token = np.argsort(all_own, kind="stable")  # of each token in turn, its events
        rank = np.empty_like(by_token)
        rank[by_token] = np.arange(count)
        later = np.searchsorted(all_own[by_token] * count + by_token, of * count + here)
        before = np.where(since >= 0, all_at[since], 0)
        return Columns(own, of, np.where(caused, later - rank[since] - 1, 0), at - before)


def _ledger(trace: Trace) -> tuple[dict[int, Row], list[Row]]:
    """The ledgers' entries by the number of their `after-effect`, and those that have none."""
    after_effect = Kind.STEP_AFTER_EFFECT
    waiting = [number for number, event in enumerate(trace.events) if event.kind is after_effect]
    found: dict[int, Row] = {}
    loose: list[Row] = []
    for entry in trace.ledger:
        row = (
            entry.service, entry.step, entry.run, entry.attempt, entry.key, entry.deduplicated, entry.price, entry.again
        )  # fmt: skip
        of_it = (n for n in waiting if (trace.events[n].run, trace.events[n].step) == (entry.run, entry.step))
        event = next(of_it, None)
        if event is None:
            loose.append(row)
        else:
            waiting.remove(event)
            found[event] = row
    return found, loose


def _ends(trace: Trace) -> list[Row]:
    whys: Mapping[str, Unended] = {why.run: why for why in trace.unended}
    return [
        (
            run.workflow, run.name, trace.status_of(run),
            sentence(whys[run.name]) if run.name in whys else None,
            run.started_at, None if run.ended_at is None else trace.ended_at - run.ended_at,
        )
        for run in trace.runs
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Packed:
    """A trace, by the numbers of the pack's tables."""

    order: Numbers
    rest: tuple[Any, ...]


class Pack:
    """Traces, packed as they are added."""

    def __init__(self) -> None:
        self._tokens, self._effects, self._runs = Table(_TOKEN), Table(_EFFECT), Table(_RUN)
        self._events = _Numbered[bytes]()
        """Distinct events, each as the bytes of its four integers: there are very many, and bytes are found faster."""
        self._traces: list[_Packed] = []
        self._known: dict[tuple[Any, ...], int] = {}
        self._tokens_of: dict[int, Sequence[int]] = {}
        """Of each trace that was told whole, the numbers here of its tokens."""

    def add(self, trace: Told, before: int | None = None) -> int:
        """Adds a trace and returns its number in the pack; equal traces are stored once.

        `before`: the number of the trace that it departs from, if it was encoded so; that one was encoded whole.
        """
        past = () if before is None else self._tokens_of[before]
        tokens = np.array([*past, *map(self._token, trace.tokens), -1])  # the last one is the token of no cause
        own, cause, between, after_us = trace.events
        rows = np.stack((tokens[own], tokens[cause], between, after_us), axis=1)
        order = self._events.of(rows.view(f"V{rows.itemsize * len(_EVENT)}").ravel().tolist(), len(rows))
        if before is not None:
            order = np.concatenate([self._traces[before].order[: trace.first], order])
        packed = _Packed(order, self._rest(trace))
        number = self._known.setdefault((order.tobytes(), packed.rest), len(self._traces))
        if number == len(self._traces):
            self._traces.append(packed)
        if before is None:
            self._tokens_of[number] = tokens[:-1].tolist()
        return number

    def _rest(self, trace: Told) -> tuple[Any, ...]:
        effects, runs = self._effects.number, self._runs.number
        return tuple(map(effects, trace.loose)), tuple(map(runs, trace.runs)), trace.quiet_us, trace.stopped

    def as_json(self, chosen: Sequence[int] | None = None) -> Json:
        """The traces of these numbers (default: all) as plain data, numbered anew in this order."""
        traces = self._traces if chosen is None else [self._traces[number] for number in chosen]
        tokens, effects, runs = Table(_TOKEN), Table(_EFFECT), Table(_RUN)
        of_token, of_effect, of_run = self._tokens.rows(), self._effects.rows(), self._runs.rows()

        def token(number: int) -> int:
            *row, effect = of_token[number]
            return tokens.number((*row, None if effect is None else effects.number(of_effect[effect])))

        events, order = _first_come([each.order for each in traces])
        of_event = np.frombuffer(b"".join(self._events), np.int64).reshape(-1, len(_EVENT))
        rows = [
            (token(own), -1 if cause < 0 else token(cause), between, after)
            for own, cause, between, after in of_event[events].tolist()
        ]
        loose, ends, quiet, stopped = zip(*(each.rest for each in traces), strict=True) if traces else ((), (), (), ())
        return {
            "events": {name: [row[at] for row in rows] for at, name in enumerate(_EVENT)},
            "copies": copies(order)._asdict(),
            "traces": {
                "length": [len(each.order) for each in traces],
                "loose": [[effects.number(of_effect[entry]) for entry in each] for each in loose],
                "runs": [[runs.number(of_run[run]) for run in each] for each in ends],
                "quiet_us": list(quiet),
                "stopped": list(stopped),
            },
            "tokens": tokens.as_json(),
            "effects": effects.as_json(),
            "runs": runs.as_json(),
        }

    def _token(self, row: Row) -> int:
        *event, effect = row
        return self._tokens.number((*event, None if effect is None else self._effects.number(effect)))


def _first_come(orders: Sequence[Numbers]) -> tuple[list[int], Numbers]:
    """The numbers that occur, in the order in which they first do, and all in a row, by their place in that order."""
    whole = np.concatenate([np.zeros(0, dtype=np.int64), *orders])
    first = np.full(int(whole.max(initial=-1)) + 1, len(whole), dtype=np.int64)
    first[whole[::-1]] = np.arange(len(whole))[::-1]  # of several, the last that is written counts: the first place
    came = np.argsort(first, kind="stable")[: np.count_nonzero(first < len(whole))]
    place_of = np.zeros(len(first), dtype=np.int64)
    place_of[came] = np.arange(len(came))
    return came.tolist(), place_of[whole]


def shared(one: Sequence[Any], other: Sequence[Any]) -> int:
    """How many events two traces have in common at their beginnings."""
    return next(compress(count(), map(ne, one, other)), min(len(one), len(other)))


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    return [_safe(each) for each in value] if isinstance(value, list) else value
