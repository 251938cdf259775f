"""Why work took so long to resume after a fault: its waits, each with its reason, and a sentence about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from durascope.models.effects import Recovery
from durascope.models.engine import shown
from durascope.models.phrases import spell
from durascope.models.spans import BACKOFF
from durascope.models.trace import NETWORK, Event, Kind, Trace

WaitKind = Literal["down", "unnoticed", "left", "backoff", "queue"]


MANY: Final = 6
"""So many backoffs are listed one by one."""
_ALIKE: Final = 0.9
"""What is back after this share of the longest recovery, or later, is back at the same time."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A stretch in which the interrupted work waited for one thing; times are microseconds."""

    start: int
    end: int
    kind: WaitKind
    """down: who works on it is away · unnoticed: nobody knows yet, a timeout will tell · left: the engine is back, and
    what it had in hand is not yet · backoff: a retry waits for its time · queue: a task waits to be taken."""
    reason: str
    """`10 s start-to-close`, `backoff 1 s`"""


def waits(trace: Trace, recovery: Recovery) -> list[Wait]:
    """What the interrupted run waited for, in order: together from the fault until work went on.

    In an outage attempts go on, and fail: only what is between them is waited for, until the one that is answered.
    """
    first, last = recovery.events
    end = len(trace.events) if last is None else last
    found: list[Wait] = []
    since, pending = recovery.at, None
    last_one = _last_one(trace, recovery)
    for event in trace.events[first + 1 : end]:
        if event.run != recovery.run or (last_one is not None and event.step not in (None, BACKOFF, last_one)):
            continue
        if event.kind is Kind.STEP_RETRIED and isinstance(event.detail, str):
            limit = event.at - _begun(trace, event)
            found.append(Wait(since, event.at, "unnoticed", f"{spell(limit)} {event.detail}"))
            since, pending = event.at, "backoff"
        elif event.kind is Kind.STEP_RETRIED and event.detail is None and event.step in recovery.steps:
            since, pending = event.at, "backoff"  # until it is scheduled again
        elif event.kind is Kind.STEP_SCHEDULED and pending is not None:
            found.append(Wait(since, event.at, "backoff", f"backoff {spell(event.at - since)}"))
            since, pending = event.at, None
        elif (due := _put_off_until(event, recovery)) is not None:
            until = due if recovery.until is None else min(due, recovery.until)
            if until > since:
                between = recovery.fault == "outage" or (recovery.outage is not None and found)
                since = event.at if between else since
                found.append(Wait(since, until, "backoff", f"backoff {spell(due - event.at)}"))
                since = until
    if not found:
        back = _back(trace, recovery)
        if back is not None:
            away = _AWAY.get(_word(recovery.fault), "down")
            found.append(Wait(since, back, "down", f"{struck(trace, recovery)} {away} {spell(back - since)}"))
            since = back
            found += _left(trace, recovery, back)
            since = found[-1].end
    taken = _taken(trace, recovery)
    if taken is not None and taken - since > (taken - recovery.at) // 50:
        found.append(Wait(since, taken, "queue", "waits to be taken"))
    return found


def _last_one(trace: Trace, recovery: Recovery) -> str | None:
    """Of the interrupted steps the one that was back last: what it waited for is told; None: no step is known."""
    number = recovery.events[1]
    step = None if number is None else trace.events[number].step
    return step if step in recovery.steps else None


def _left(trace: Trace, recovery: Recovery, back: int) -> list[Wait]:
    """What the engine, back again, still has to do before it goes on with what it had in hand: it finds the run's task
    again, or it is told again what a step has given."""
    first, last = recovery.events
    if last is None:
        return []
    for event in trace.events[first + 1 : last]:
        cause = None if event.cause is None else trace.events[event.cause]
        found_again = event.kind is Kind.TASK_QUEUED and cause is not None and cause.kind is Kind.RESTARTED
        if event.run == recovery.run and found_again and event.at > back:
            reason = shown(trace.engine).finds_again or "finding its work again"
            return [Wait(back, event.at, "left", f"{reason} {spell(event.at - back)}")]
    end = trace.events[last]
    if end.kind is Kind.STEP_RECORDED and _reported_before(trace, end, back):
        return [Wait(back, end.at, "left", f"result sent again {spell(end.at - back)}")]
    return []


def _reported_before(trace: Trace, recorded: Event, back: int) -> bool:
    """Whether a step had given its result before that moment: what is recorded has been sent again."""
    step = (recorded.run, recorded.step)
    given = (event.at for _, event in trace.of_kind(Kind.STEP_REPORTED) if (event.run, event.step) == step)
    return any(at < back for at in given) and recorded.at > back


def struck(trace: Trace, recovery: Recovery) -> str:
    """What the fault struck: its component, or the engine where several of its parts died at once."""
    kind = trace.events[recovery.events[0]].kind
    together = {event.lane for _, event in trace.of_kind(kind) if event.at == recovery.at}
    apps = {event.lane for _, event in trace.of_kind(Kind.STEP_STARTED, Kind.WORK_STARTED)}
    if recovery.lane == NETWORK:
        return "the connection"
    return shown(trace.engine).title if len(together - apps) > 1 and recovery.lane not in apps else recovery.lane


def _put_off_until(event: Event, recovery: Recovery) -> int | None:
    """When the engine goes on with the interrupted work, where the event says so: its own timer, or a retry's delay."""
    if not isinstance(event.detail, int):
        return None
    if event.kind is Kind.TIMER_SET and _of_the_run(event, recovery):
        return event.detail
    return event.at + event.detail if event.kind is Kind.STEP_RETRIED and event.step in recovery.steps else None


def _taken(trace: Trace, recovery: Recovery) -> int | None:
    """When somebody took the work up again; after an outage that is before its recovery, the answer."""
    first, last = recovery.events
    if recovery.outage is None or last is None:
        return recovery.until
    attempts = (
        event.at
        for event in reversed(trace.events[first + 1 : last])
        if event.kind is Kind.STEP_STARTED and event.run == recovery.run and event.step in recovery.steps
    )
    return next(attempts, recovery.until)


def _back(trace: Trace, recovery: Recovery) -> int | None:
    """When what had failed was there again, if that was before work went on."""
    over = (Kind.RESTARTED, Kind.RESUMED, Kind.OUTAGE_ENDED, Kind.HEALED)
    until = trace.ended_at if recovery.until is None else recovery.until
    times = (event.at for _, event in trace.of_kind(*over) if event.lane == recovery.lane)
    return next((at for at in times if recovery.at < at <= until), None)


def _of_the_run(event: Event, recovery: Recovery) -> bool:
    """A timer with which the engine puts the run, or the interrupted step, off."""
    return event.step is None or event.step == BACKOFF or event.step in recovery.steps


def _begun(trace: Trace, retried: Event) -> int:
    """When the attempt that is given up had begun."""
    starts = (
        event.at
        for event in reversed(trace.events)
        if event.kind is Kind.STEP_STARTED
        and (event.run, event.step, event.attempt) == (retried.run, retried.step, retried.attempt)
    )
    return next(starts, retried.at)


def _died_silently(trace: Trace, recovery: Recovery, unnoticed: Wait) -> str | None:
    """Who ran the attempt that is given up there, if it has died meanwhile: an outage that began later is another
    fault, and no timeout tells of it."""
    retried = next(
        (event for _, event in trace.of_kind(Kind.STEP_RETRIED)
         if event.at == unnoticed.end and event.run == recovery.run), None,
    )  # fmt: skip
    if retried is None:
        return None
    attempt = (retried.run, retried.step, retried.attempt)
    lanes = [e.lane for _, e in trace.of_kind(Kind.STEP_STARTED) if (e.run, e.step, e.attempt) == attempt]
    since = _begun(trace, retried)
    died = (e.lane for _, e in trace.of_kind(Kind.CRASHED) if e.lane in lanes and since <= e.at <= retried.at)
    return next(died, None)


def longest(found: Iterable[Recovery]) -> Recovery | None:
    """The interruption that lasted longest (one without end before all, the earliest of equal ones)."""
    return max(found, key=lambda each: (each.lasts is None, each.lasts or 0, -each.at), default=None)


_DOWN: Final = {
    "crash": "died", "stop": "was stopped", "deploy": "was stopped for new code", "hang": "hangs", "outage": "is down",
    "cut": "is cut",
}  # fmt: skip
_AWAY: Final = {"hang": "hangs", "cut": "is cut"}
"""Of a fault in which nothing is down: what is so for a while."""


def why(trace: Trace, recovery: Recovery, title: str) -> str:
    """One clause: who noticed the fault, and what was waited for; `title` is the engine's name."""
    told = _noticed(trace, recovery, title)
    if recovery.outage is None or recovery.fault == "outage":
        return told
    ends = (
        next(
            (event.at for _, event in trace.of_kind(kind) if event.lane == recovery.outage and event.at > recovery.at),
            None,
        )
        for kind in (Kind.OUTAGE_STARTED, Kind.OUTAGE_ENDED)
    )
    since, until = ends
    away = "" if since is None or until is None else f" for {spell(until - since)}"
    return f"{told}; meanwhile {recovery.outage} is down{away}"


def _noticed(trace: Trace, recovery: Recovery, title: str) -> str:
    found = waits(trace, recovery)
    unnoticed = next((wait for wait in found if wait.kind == "unnoticed"), None)
    backoffs = [wait for wait in found if wait.kind == "backoff"]
    down = _DOWN[_word(recovery.fault)]
    if unnoticed is not None:
        later = f", then {backoffs[-1].reason}" if backoffs else ""
        dead = _died_silently(trace, recovery, unnoticed) if recovery.fault == "outage" else None
        whom = f"{_called(recovery.lane)} {down}" if dead is None else f"{dead} died"
        return f"only the {unnoticed.reason} timeout tells {title} that {whom}{later}"
    if not backoffs:
        away = next((wait for wait in found if wait.kind == "down"), None)
        if away is None:
            return f"{title} notices at once that {_called(recovery.lane)} {down}"
        who = struck(trace, recovery)
        where = "" if who == shown(trace.engine).title else f"on {title}, "
        left = next((wait for wait in found if wait.kind == "left"), None)
        later = "" if recovery.until is None else f", work goes on {spell(recovery.until - away.end)} after it is back"
        reason = "" if left is None else f": {left.reason.removesuffix(spell(left.end - left.start)).strip()}"
        verb = _AWAY.get(_word(recovery.fault), "is down")
        return f"{where}{who} {verb} for {spell(away.end - away.start)}{later}{reason}"
    return f"{title} notices at once that {_called(recovery.lane)} {down} and tries again after {listed(backoffs)}"


def listed(backoffs: Sequence[Wait]) -> str:
    """How long each lasted; many are counted."""
    times = [wait.reason.removeprefix("backoff ") for wait in backoffs]
    return " · ".join(times) if len(times) <= MANY else f"{len(times)} backoffs"


def back_after(recovery: Recovery) -> str:
    """How long after the fault work went on: `3.88 s`, or from the first of what it had interrupted to the last, `16.6
    to 44.6 s`."""
    if recovery.lasts is None or recovery.first is None:
        return "never"
    first, last = spell(recovery.first - recovery.at), spell(recovery.lasts)
    if (recovery.first - recovery.at) > _ALIKE * recovery.lasts:
        return last
    number, _, unit = first.rpartition(" ")
    return f"{number if last.endswith(f' {unit}') else first} to {last}"


def _word(fault: str) -> str:
    """`cut` of `cut app engine`."""
    return fault.partition(" ")[0]


def _called(lane: str) -> str:
    return {"app": "the app", NETWORK: "the connection"}.get(lane, lane)
