"""The rows of a timeline: a run and its steps' attempts, the components and queues; and which of them are folded.

A row is a label and what is drawn beside it. A picture has room for some forty. Where a trace has more, rows that are
alike are drawn on one line, from the finest to the coarsest: attempts of a step, then steps that differ only in a
number (`subtask-1`, `subtask-2`, …), then runs that went the same way. What was folded is told in `Folded.notes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final

from durascope.models.effects import EffectMark
from durascope.models.scenario import Scenario
from durascope.models.spans import Span
from durascope.models.trace import Kind, RunSummary, Trace
from durascope.models.unended import standstill
from durascope.render.bands import from_to
from durascope.render.keys import held
from durascope.render.program_order import in_program_order
from durascope.render.queue_reasons import QueueReasons, Reason, reason_of_key
from durascope.render.unhandled import unhandled

MAX_ROWS: Final = 44
MAX_RUNS: Final = 6
MAX_COMPONENTS: Final = 10
MANY_ATTEMPTS: Final = 4
UNHANDLED: Final = "no code handles it"
NEW_CODE: Final = "new code"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a timeline."""

    label: str
    spans: tuple[Span, ...] = ()
    effects: tuple[EffectMark, ...] = ()
    hint: str = ""
    """Beside the label, muted: the attempt, or how many are folded into it."""
    kind: str = "step"
    """outside · run · step · verdict · component · queue"""
    bounds: tuple[int, int] | None = None
    """run: from when to when; verdict: since when it stands still."""
    moments: tuple[int, ...] = ()
    """outside: when the event came in, or the new code went live."""
    bad: bool = False
    """outside: no code handles it."""
    new_code: bool = False
    """outside: new code goes live."""
    held: Reason | None = None
    """run: its wait for its key, or for something that is full."""


@dataclass(frozen=True, slots=True)
class Folded:
    """Rows, and what is not a row of its own."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = field(default=())


_LONG: Final = 100
"""A wait of less than this part of the time is not explained."""


def timeline_rows(
    trace: Trace,
    spans: Sequence[Span],
    effects: Sequence[EffectMark],
    scenario: Scenario,
    *,
    limit: int = MAX_ROWS,
) -> Folded:
    """All rows: runs with their steps, then the components, then the queues."""
    shown, notes = _chosen_runs(trace, spans)
    parts = _components(spans)
    queues = _queues(spans)
    component_notes = [] if len(parts) <= MAX_COMPONENTS else [
        f"{len(parts) - MAX_COMPONENTS} components on which little happened have no row."
    ]  # fmt: skip
    parts = _busiest(parts)
    room = max(8, limit - len(parts) - len(queues) - len(shown)) // max(1, len(shown))
    rows: list[Row] = []
    for run in shown:
        folded = run_rows(run, spans, effects, trace.ended_at, scenario, limit=room)
        rows += folded.rows
        rows += verdicts(trace, run.name)
        notes += folded.notes
    undo = {step.undo_step.label for _, step in scenario.runs() if step.undo_step is not None}
    told = [replace(row, hint=f"undo {row.hint}".strip()) if row.label in undo else row for row in rows]
    told = with_waits(told, trace, scenario, spans)
    return Folded((*outside_rows(trace), *told, *parts, *queues), (*notes, *component_notes))


def with_waits(rows: Iterable[Row], trace: Trace, scenario: Scenario, spans: Sequence[Span]) -> list[Row]:
    """The rows; that of a run which waits for its key, or for something that is full, says so in place of the queue
    that it waits in."""
    waits = {name: reason_of_key(each) for name, each in held(trace, spans).items()}
    reasons = QueueReasons(trace, scenario, spans)
    for span in spans:
        if span.kind == "queued" and span.run is not None and _LONG * span.lasts > trace.ended_at:
            reason = reasons.of(span, unless_full=False)
            if reason is not None:
                waits.setdefault(span.run, reason)
    return [_waiting(row, waits[row.label]) if row.kind == "run" and row.label in waits else row for row in rows]


def _waiting(row: Row, wait: Reason) -> Row:
    others = tuple(
        span for span in row.spans if span.kind != "queued" or span.end > wait.end or span.start < wait.start
    )
    return replace(row, spans=others, held=wait)


def verdicts(trace: Trace, run: str) -> list[Row]:
    """Why the run stands still for good, and since when."""
    return [
        Row(standstill(why), kind="verdict", bounds=(min(why.since, trace.ended_at), trace.ended_at))
        for why in trace.unended
        if why.run == run
    ]


def until_lost(trace: Trace, spans: Iterable[Span]) -> list[Span]:
    """A run that its engine has forgotten sleeps and waits for nothing any more."""
    lost = {why.run: why.since for why in trace.unended if why.status == "lost"}
    return [
        replace(span, end=lost[span.run]) if span.run in lost and span.start <= lost[span.run] < span.end else span
        for span in spans
    ]


def outside_rows(trace: Trace, *, limit: int = 4) -> list[Row]:
    """What came from outside while runs were in flight: events, and new code."""
    started = {run.name: run.started_at for run in trace.runs}
    found: dict[tuple[str, str], list[int]] = {}
    left = unhandled(trace)
    for number, event in trace.of_kind(Kind.EVENT_RECEIVED, Kind.DEPLOYED):
        if event.kind is Kind.DEPLOYED:
            found.setdefault((str(event.detail or event.lane), NEW_CODE), []).append(event.at)
        elif number in left:
            found.setdefault((str(event.detail), UNHANDLED), []).append(event.at)
        elif event.run is None or event.at > started.get(event.run, -1):
            found.setdefault((str(event.detail), "event"), []).append(event.at)
    return [
        Row(
            name,
            hint=hint if len(times) == 1 else f"{hint} × {len(times)}",
            kind="outside",
            moments=tuple(times),
            bad=hint == UNHANDLED,
            new_code=hint == NEW_CODE,
        )
        for (name, hint), times in sorted(found.items(), key=lambda each: each[0][1] != UNHANDLED)[:limit]
    ]


# ---- a run ---------------------------------------------------------------------------------------------------


def run_rows(
    run: RunSummary,
    spans: Sequence[Span],
    effects: Sequence[EffectMark],
    trace_end: int,
    scenario: Scenario,
    *,
    limit: int = MAX_ROWS,
) -> Folded:
    """The run's own row (workflow code, replays, waiting for it), then a row for each attempt of each step."""
    mine = [span for span in spans if span.run == run.name]
    marks = [effect for effect in effects if effect.run == run.name]
    own = tuple(span for span in mine if span.step is None)
    end = run.ended_at if run.ended_at is not None else trace_end
    others = any(span.run not in (run.name, None) for span in spans)
    key = run.key if others else None  # it tells who waits for whom: a run by itself waits for nobody
    head = Row(
        run.name,
        own,
        hint=" · ".join(filter(None, (None if run.name.startswith(run.workflow) else run.workflow, key, run.status))),
        kind="run",
        bounds=(run.started_at, end),
    )
    steps: dict[str, list[Span]] = {}
    for span in mine:
        if span.step is not None:
            steps.setdefault(span.step, []).append(span)
    notes: list[str] = []
    by_step = [_attempt_rows(step, steps[step], marks) for step in in_program_order(list(steps), scenario, str)]
    if sum(map(len, by_step)) > limit or any(len(rows) > 12 for rows in by_step):
        many = [rows for rows in by_step if len(rows) > MANY_ATTEMPTS]
        if many:
            notes.append(_attempts_note(run, many))
        by_step = [_few_attempts(rows) for rows in by_step]
    if sum(map(len, by_step)) > limit:
        by_step = [[_one_row(rows)] for rows in by_step]
    rows = [row for rows in by_step for row in rows]
    if len(rows) > limit:
        rows, note = alike(run, rows, limit)
        notes += note
    if len(rows) > limit:
        rows, note = in_stretches(rows, limit)
        notes += [f"{run.name}: steps one after the other to which nothing happened share a row.", *note]
    return Folded((head, *rows), tuple(notes))


def _attempt_rows(step: str, spans: Sequence[Span], marks: Sequence[EffectMark]) -> list[Row]:
    """What waits goes to the attempt that it waits for."""
    running = [span for span in spans if span.kind == "running"]
    rows: list[list[Span]] = [[span] for span in running] or [[]]
    for span in spans:
        if span.kind != "running":
            at = next((n for n, each in enumerate(running) if each.start >= span.end), None)
            if span.kind in ("working", "replaying"):  # of code that the attempt runs in: its own, not the next one's
                at = next((n for n, each in enumerate(running) if span.start <= each.start <= span.end), at)
            if at is None:
                at = next((n for n, each in enumerate(running) if each.start >= span.start), len(rows) - 1)
            rows[at].append(span)
    theirs = {effect.event: effect for effect in marks if effect.step == step}
    hints = _hints(running)
    made: list[Row] = []
    for at, members in enumerate(rows):
        had = tuple(theirs[event] for event in members[0].events if event in theirs) if running else ()
        made.append(Row(step, tuple(members), had, hints[at] if running else ""))
    return made


def _hints(running: Sequence[Span]) -> list[str]:
    """The number of each attempt; `again` where one was cut short, the round where a loop does the step once more."""
    found: list[str] = []
    numbers = [span.attempt for span in running]
    loops = any(span.ended == "done" and span.attempt in numbers[at + 1 :] for at, span in enumerate(running))
    for at, span in enumerate(running):
        done = sum(before.ended == "done" for before in running[:at])
        since = next((n + 1 for n in range(at - 1, -1, -1) if running[n].ended == "done"), 0)
        again = " again" if span.attempt in numbers[since:at] else ""
        words = [f"round {done + 1}"] if loops else []
        if not loops or again or (span.attempt or 1) > 1:
            words.append(f"#{span.attempt}{again}")
        found.append(" ".join(words) if span.attempt is not None and len(running) > 1 else "")
    return found


def _few_attempts(rows: list[Row]) -> list[Row]:
    """The first two attempts, the last one, and the others together."""
    if len(rows) <= MANY_ATTEMPTS:
        return rows
    middle = rows[2:-1]
    first, last = (row.hint.removesuffix(" again") for row in (middle[0], middle[-1]))
    hint = f"{first} … {last.removeprefix('round ')}" if first else f"{len(middle)} more"
    return [*rows[:2], replace(_one_row(middle), hint=hint), rows[-1]]


def _one_row(rows: Sequence[Row]) -> Row:
    spans = tuple(sorted((span for row in rows for span in row.spans), key=lambda span: span.start))
    hint = f"{len(rows)} attempts" if len(rows) > 1 else rows[0].hint
    return Row(rows[0].label, spans, tuple(effect for row in rows for effect in row.effects), hint)


def _attempts_note(run: RunSummary, many: Sequence[Sequence[Row]]) -> str:
    words = ", ".join(f"{rows[0].label} ({len(rows)})" for rows in many[:4])
    more = f" and {len(many) - 4} more steps" if len(many) > 4 else ""
    return f"{run.name}: of steps with many attempts the first two and the last have a row of their own: {words}{more}."


def pattern(name: str) -> str:
    """The name with its numbers left out: what steps of a loop have in common.

    >>> pattern("pay-12")
    'pay-…'
    """
    return re.sub(r"\d+", "…", name)


def alike(run: RunSummary, rows: Sequence[Row], limit: int) -> tuple[list[Row], list[str]]:
    """Rows whose names differ in a number share one, but a step that was interrupted or happened twice has its own,
    where there is room for that."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(pattern(row.label), []).append(row)
    parts = [[members] for members in groups.values()]
    for alone in (_struck, _repeated):
        apart = [
            [list(part) for _, part in groupby(members, lambda row: row.label if alone(row) else "")]  # noqa: B023
            for members in groups.values()
        ]
        if sum(map(len, apart)) <= limit:
            parts = apart
            break
    together = [members for each in parts for members in each]
    count = sum(len(members) for members in together if len(members) > 1)
    notes = [f"{run.name}: {count} steps whose names differ in a number share a row."] if count else []
    return [members[0] if len(members) == 1 else _steps_row(members) for members in together], notes


def in_stretches(rows: Sequence[Row], limit: int) -> tuple[list[Row], list[str]]:
    """At most so many rows: steps to which nothing happened share one with those that they follow, but for the
    neighbours of those to which something did; where even these are too many, the last have none."""
    struck = [_struck(row) for row in rows]
    near = [any(struck[max(0, at - 1) : at + 2]) for at in range(len(rows))]
    parts: list[list[Row]] = []
    for alone in (near, struck, [_repeated(row) for row in rows]):
        parts = [
            members
            for quiet, part in groupby(enumerate(rows), lambda each: not alone[each[0]])  # noqa: B023
            for listed in [[row for _, row in part]]
            for members in ([listed] if quiet else [[row] for row in listed])
        ]
        if len(parts) <= limit:
            break
    told = [f"{len(parts) - limit} more rows of steps are not drawn."] if len(parts) > limit else []
    return [part[0] if len(part) == 1 else _steps_row(part) for part in parts[:limit]], told


def _struck(row: Row) -> bool:
    return any(span.ended == "crashed" for span in row.spans) or _repeated(row)


def _repeated(row: Row) -> bool:
    return any(effect.duplicate for effect in row.effects)


def _steps_row(rows: Sequence[Row]) -> Row:
    return replace(_one_row(rows), label=from_to(rows[0].label, rows[-1].label), hint=f"{len(rows)} steps")


# ---- which runs ----------------------------------------------------------------------------------------------


def _chosen_runs(trace: Trace, spans: Sequence[Span]) -> tuple[list[RunSummary], list[str]]:
    """All of them, or one for each way in which runs went."""
    runs = sorted(trace.runs, key=lambda run: in_order(run.name))
    if len(runs) <= MAX_RUNS:
        return runs, []
    ways: dict[tuple[object, ...], list[RunSummary]] = {}
    for run in runs:
        ways.setdefault(_way(run, spans_of(spans, run.name)), []).append(run)
    eventful = sorted(ways.values(), key=lambda members: (len(members), members[0].started_at))
    chosen = {members[0].name for members in eventful[: MAX_RUNS - 1]} | {max(ways.values(), key=len)[0].name}
    notes = [
        f"{members[0].name} represents {len(members)} runs with the same course."
        for members in ways.values()
        if members[0].name in chosen and len(members) > 1
    ]
    left = sum(len(members) for members in ways.values() if members[0].name not in chosen)
    if left:
        notes.append(f"{left} more runs, which went in {len(ways) - len(chosen)} other ways, are not drawn.")
    return [run for run in runs if run.name in chosen], notes


def in_order(name: str) -> tuple[bool, tuple[tuple[int, str], ...]]:
    """What to sort names by so that `run 10` comes after `run 9`, and runs that runs have started after them."""
    return not name.startswith("run "), tuple(
        (int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)
    )


def spans_of(spans: Iterable[Span], run: str) -> list[Span]:
    return [span for span in spans if span.run == run]


def _way(run: RunSummary, spans: Iterable[Span]) -> tuple[object, ...]:
    """How a run went, without when: its end, and how the attempts of its steps ended."""
    attempts = sorted((pattern(span.step or ""), span.ended) for span in spans if span.kind == "running")
    return (run.workflow, run.status, tuple(dict.fromkeys(attempts)))


# ---- components and queues -----------------------------------------------------------------------------------


def _components(spans: Sequence[Span]) -> list[Row]:
    lanes: dict[str, list[Span]] = {}
    for span in spans:
        if span.kind in ("running", "working", "replaying", "down"):
            lanes.setdefault(span.lane, []).append(span)
    return [Row(lane, tuple(theirs), kind="component") for lane, theirs in lanes.items()]


def _busiest(rows: list[Row]) -> list[Row]:
    if len(rows) <= MAX_COMPONENTS:
        return rows
    ranked = sorted(rows, key=lambda row: (not any(span.kind == "down" for span in row.spans), -len(row.spans)))
    kept = {row.label for row in ranked[:MAX_COMPONENTS]}
    return [row for row in rows if row.label in kept]


def _queues(spans: Sequence[Span]) -> list[Row]:
    queues: dict[str, list[Span]] = {}
    for span in spans:
        if span.kind == "queued":
            queues.setdefault(span.detail or span.lane, []).append(span)
    rows = [Row(name, tuple(theirs), kind="queue") for name, theirs in queues.items()]
    return rows[:MAX_COMPONENTS]
