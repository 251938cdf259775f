"""Many traces in little space: tables of what recurs, and each trace as the difference to the one that it forks from.

An event is a row of a table without its time and cause, the microseconds since the event before it, and how many
events ago its cause was: so a story that goes the same way a second later is the same but for one number. What the
page reads is written down in docs/player.md, "What is in the file".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from durascope.models.trace import Event, Kind, Trace, Unended
from durascope.models.unended import sentence
from durascope.models.visible import visible
from durascope.render.exports.jsonl import plain

_EVENT: Final = ("lane", "kind", "workflow", "run", "step", "attempt", "detail")
_EFFECT: Final = ("service", "step", "run", "attempt", "key", "deduplicated", "price", "again")
_RUN: Final = ("workflow", "run", "status", "why")

Json = dict[str, Any]


class Table:
    """Distinct rows by their number, in the order in which they came."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._numbers: dict[tuple[object, ...], int] = {}

    def number(self, row: tuple[object, ...]) -> int:
        """The row's number; it is added where it is not there yet."""
        return self._numbers.setdefault(row, len(self._numbers))

    def as_json(self) -> Json:
        """A list for each column; texts show what would act in them."""
        return {name: [_safe(plain(row[at])) for row in self._numbers] for at, name in enumerate(self._columns)}


class Stretch(NamedTuple):
    """Events in a row."""

    token: tuple[int, ...]
    """Each one's row in the table of events."""
    after_us: tuple[int, ...]
    """The time since the event before it."""
    cause: tuple[int, ...]
    """How many events ago its cause was; 0: it came from outside."""


class Pack:
    """Traces, packed as they are added."""

    def __init__(self) -> None:
        self._tokens, self._effects, self._runs = Table(_EVENT), Table(_EFFECT), Table(_RUN)
        self._parts: dict[Stretch, int] = {}
        self._traces: list[Json] = []
        self._bases: dict[int, Sequence[Event]] = {}

    def add(self, trace: Trace, base: int | None = None, *, leaf: bool = False) -> int:
        """The number of the trace in the pack.

        `base`: the number of a trace that may begin in the same way; it was no leaf. `leaf`: none will begin as this.
        """
        keep = 0 if base is None else shared(self._bases[base], trace.events)
        number = len(self._traces)
        self._traces.append(
            {
                "base": base,
                "keep": keep,
                "part": self._parts.setdefault(self._stretch(trace.events, keep), len(self._parts)),
                "ledger": self._ledger(trace),
                "runs": self._ends(trace),
                "ended_us": trace.ended_at,
                "stopped": None if trace.stopped is None else visible(trace.stopped.explanation),
            }
        )
        if not leaf:
            self._bases[number] = trace.events
        return number

    def as_json(self, chosen: Sequence[int] | None = None) -> Json:
        """The traces of these numbers (default: all) as plain data, numbered anew in this order.

        The first ones must be those that others begin as.
        """
        traces = self._traces if chosen is None else [self._traces[number] for number in chosen]
        every = list(self._parts)
        used = list(dict.fromkeys(trace["part"] for trace in traces))
        parts = {part: number for number, part in enumerate(used)}
        return {
            "tokens": self._tokens.as_json(),
            "parts": {name: [every[part][at] for part in used] for at, name in enumerate(Stretch._fields)},
            "effects": self._effects.as_json(),
            "runs": self._runs.as_json(),
            "traces": [{**trace, "part": parts[trace["part"]]} for trace in traces],
        }

    def _stretch(self, events: Sequence[Event], keep: int) -> Stretch:
        tokens: list[int] = []
        after: list[int] = []
        causes: list[int] = []
        now = events[keep - 1].at if keep else 0
        for number in range(keep, len(events)):
            event = events[number]
            at, lane, kind, workflow, run, step, attempt, cause, detail = event
            if kind is Kind.TIMER_SET and isinstance(detail, int):
                detail -= at
            elif isinstance(detail, list):
                detail = tuple(detail)
            tokens.append(self._tokens.number((lane, kind, workflow, run, step, attempt, detail)))
            after.append(at - now)
            causes.append(0 if cause is None else number - cause)
            now = at
        return Stretch(tuple(tokens), tuple(after), tuple(causes))

    def _ledger(self, trace: Trace) -> list[list[int]]:
        """(the number of the `after-effect`, the row in the table of effects) for each entry."""
        waiting = [number for number, _ in trace.of_kind(Kind.STEP_AFTER_EFFECT)]
        found: list[list[int]] = []
        for entry in trace.ledger:
            row = (
                entry.service, entry.step, entry.run, entry.attempt, entry.key, entry.deduplicated, entry.price,
                entry.again,
            )  # fmt: skip
            of_it = (n for n in waiting if (trace.events[n].run, trace.events[n].step) == (entry.run, entry.step))
            event = next(of_it, None)
            if event is not None:
                waiting.remove(event)
            found.append([-1 if event is None else event, self._effects.number(row)])
        return found

    def _ends(self, trace: Trace) -> list[list[int | None]]:
        whys: Mapping[str, Unended] = {why.run: why for why in trace.unended}
        return [
            [
                self._runs.number(
                    (run.workflow, run.name, trace.status.get(run.name, run.status),
                     sentence(whys[run.name]) if run.name in whys else None)
                ),
                run.started_at,
                run.ended_at,
            ]
            for run in trace.runs
        ]  # fmt: skip


def shared(one: Sequence[Event], other: Sequence[Event]) -> int:
    """How many events two traces have in common at their beginnings."""
    return next(
        (number for number, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    return [_safe(each) for each in value] if isinstance(value, list) else value
