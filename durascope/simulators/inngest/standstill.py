"""Why runs have not ended when the simulation is over: what each waits for, since when, and what would free it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from durascope.models.trace import Unended
from durascope.models.units import SECOND
from durascope.simulators.inngest.items import SLEEP, START, Item
from durascope.simulators.inngest.pauses import Pause
from durascope.simulators.inngest.state import RunState
from durascope.simulators.inngest.stores import Redis

FORGOTTEN = "nothing: its state and its queue items were in the memory of a server that died"
KEEP = "keep the state in Redis (`store: redis`), and start it again"


def unended(redis: Redis, status: Mapping[str, str], since: Mapping[str, int]) -> Iterator[Unended]:
    """One a run that is running or lost; `since`: when each run began."""
    for run, now in status.items():
        if now not in ("running", "lost"):
            continue
        state = redis.state.get(run)
        if state is None:
            yield Unended(run, now, FORGOTTEN, since.get(run, 0), freed_by=KEEP)
        else:
            yield _waiting(redis, state, run)


def _waiting(redis: Redis, state: RunState, run: str) -> Unended:
    items = [item for item in redis.queue.items.values() if item.run is not None and item.run.name == run]
    working = next((item for item in items if item.calls), None)
    if working is not None:
        what, freed_by = _item(working)
        return Unended(run, "running", what, max(working.leased_at, state.created_at), freed_by=freed_by)
    pause = next((pause for pause in redis.pauses.of_run(run) if not pause.cancel), None)
    if pause is not None:
        return Unended(run, "running", _pause(pause), pause.created_at, freed_by=_freed(pause))
    return Unended(run, "running", "nothing: no queue item and no pause of it is left", state.created_at)


def _item(item: Item) -> tuple[str, str | None]:
    what = item.step_name or "its next step"
    if item.state == "leased":
        return f"the answer to its request for {what} (attempt {item.attempt + 1})", None
    if item.kind == SLEEP and item.attempt == 0:
        return f"the end of {item.payload}, which is due at {item.due // SECOND} s", None
    if item.kind == START and item.attempt == 0:
        return "a slot: its start stands in the queue", "raise the limit of concurrency or throttle"
    return f"attempt {item.attempt + 1} of {what}, which is due at {item.due // SECOND} s", None


def _pause(pause: Pause) -> str:
    return f"event {pause.event}" if pause.correlation is None else f"the end of the function invoked by {pause.name}"


def _freed(pause: Pause) -> str | None:
    return f"send {pause.event}" if pause.correlation is None else None
