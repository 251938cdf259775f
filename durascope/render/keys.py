"""Runs of one key that go one after the other: who waits for whom, and whose the work of a shared execution is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from durascope.models.spans import Span
from durascope.models.trace import RunSummary, Trace

_IDLE: Final = 0.05
"""A key may have been free for this share of the wait, while it went from hand to hand."""


@dataclass(frozen=True, slots=True)
class Held:
    """A run's wait for its key; times are microseconds."""

    start: int
    end: int
    key: str
    by: tuple[str, ...]
    """The runs that had the key meanwhile, in order."""

    @property
    def words(self) -> str:
        """`key u1 held by run 1, run 2`"""
        return f"key {self.key} held by {', '.join(self.by)}"


def served(trace: Trace, found: Sequence[Span]) -> list[Span]:
    """The same spans; what an execution does after the run that it is named after has ended, it does for the run of
    that key whose turn it is (Temporal's entity workflow takes the runs of a key as updates)."""
    alike = _alike(trace)
    ended = {run.name: run.ended_at for run in trace.runs if run.ended_at is not None}
    turns = {name: begun for name, begun in _begun(found).items() if name in ended}
    kept: list[Span] = []
    for span in found:
        over = ended.get(str(span.run))
        if over is not None and span.start >= over:
            mine = (r.name for r in alike.get(str(span.run), ()) if r.name in turns)
            turn = next((name for name in mine if turns[name] <= span.start < ended[name]), span.run)
            kept.append(replace(span, run=turn))
        else:
            kept.append(span)
    return kept


def held(trace: Trace, found: Sequence[Span]) -> dict[str, Held]:
    """By run, its wait for its key: in the queue of that key, or until another run of it had ended."""
    alike, begun = _alike(trace), _begun(found)
    queues = {str(span.run): span for span in found if span.kind == "queued" and span.run is not None}
    waits: dict[str, Held] = {}
    for run in trace.runs:
        if run.key is None or run.name not in begun:
            continue
        queue = queues.get(run.name)
        if queue is not None and queue.detail.endswith(f" {run.key}"):
            start, end = queue.start, queue.end
        else:
            start, end = run.started_at, begun[run.name]
        before = sorted((r.ended_at, r.name) for r in alike[run.name] if r.ended_at is not None and r.name in begun)
        by = [(begun[name], at, name) for at, name in before if start < at <= end]
        if by and _free(start, end, by) <= _IDLE * (end - start):
            waits[run.name] = Held(start, end, run.key, tuple(name for _, _, name in by))
    return waits


def _free(start: int, end: int, by: Iterable[tuple[int, int, str]]) -> int:
    """For how long nobody had the key; `by`: from when to when who had it, in order of their end."""
    free, at = 0, start
    for since, until, _ in by:
        free += max(0, since - at)
        at = max(at, until)
    return free + max(0, end - at)


def _alike(trace: Trace) -> dict[str, list[RunSummary]]:
    """For each run with a key the others of it."""
    groups: dict[tuple[str | None, str], list[RunSummary]] = {}
    for run in trace.runs:
        if run.key is not None:
            groups.setdefault((run.workflow, run.key), []).append(run)
    return {run.name: [each for each in group if each is not run] for group in groups.values() for run in group}


def _begun(found: Iterable[Span]) -> dict[str, int]:
    """When each run's work began."""
    begun: dict[str, int] = {}
    for span in found:
        if span.kind in ("working", "running") and span.run is not None:
            begun[span.run] = min(span.start, begun.get(span.run, span.start))
    return begun
