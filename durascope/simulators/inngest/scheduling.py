"""Scheduling: what becomes of an event that triggers a function (inngest.md §2, executor.schedule).

    (batch) ─▶ rate limit ─▶ debounce ─▶ priority, keys ─▶ singleton
            ─▶ state ─▶ cancelOn pauses ─▶ timeouts ─▶ start item

The order is the server's. It runs in whoever calls it: the runner for events, the executor for what was put off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from durascope.models.flow import RateLimit
from durascope.models.trace import Kind
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.flow import key_of, priority, rate_limiter
from durascope.simulators.inngest.functions import Function
from durascope.simulators.inngest.items import CANCEL, DEBOUNCE, START, Item
from durascope.simulators.inngest.pauses import Pause
from durascope.simulators.inngest.settings import TIMES
from durascope.simulators.inngest.state import RunState
from durascope.simulators.inngest.stores import DebounceEntry

if TYPE_CHECKING:
    from durascope.simulators.inngest.engine import Inngest

_TIMER_SET: Final = Kind.TIMER_SET

_SECOND: Final = 1_000_000
_YEAR: Final = TIMES.year


class Scheduler:
    """Creates runs, or has reasons not to."""

    def __init__(self, engine: Inngest) -> None:
        self.engine = engine
        self.world = engine.world

    # ---- events --------------------------------------------------------------------------------------------

    def trigger(self, function: Function, event: Event) -> None:
        """An event has matched a function."""
        if event.start is not None:
            self.engine.in_stream.pop(event.start.name, None)
        rules = function.rules
        if rules.rate_limit is None or not self._rate_limited(function, rules.rate_limit, event):
            if rules.debounce is not None:
                self._debounce(function, event)
            else:
                self.create(function, (event,), self.found_after(event.at))

    def _rate_limited(self, function: Function, limit: RateLimit, event: Event) -> bool:
        limits = self.engine.redis.rate_limits
        address = (function.name, key_of(limit.key, event.data))
        gcra = limits.get(address)
        if gcra is None:
            gcra = limits[address] = rate_limiter(limit)
        return gcra.admit(self.world.now) is not None

    # ---- debounces -----------------------------------------------------------------------------------------

    def _debounce(self, function: Function, event: Event) -> None:
        """Puts the start off; another event meanwhile takes the first one's place (debounce.go)."""
        debounce = function.rules.debounce
        assert debounce is not None
        redis, now = self.engine.redis, self.world.now
        address = (function.name, key_of(debounce.key, event.data))
        entry = redis.debounces.get(address)
        if entry is not None and now < entry.joins_until and entry.event.time > event.time:
            return  # out of order: the later event stays
        if entry is not None and now < entry.joins_until:
            wait = debounce.period // _SECOND * _SECOND
            if entry.latest is not None and now + wait > entry.latest:
                wait = max((entry.latest - now) // _SECOND, 1) * _SECOND
            item = redis.queue.items.get(entry.job)
            if item is not None and redis.queue.reschedule(item, now + wait + TIMES.debounce_buffer):
                entry.event, entry.joins_until = event, now + wait
                return
        redis.numbers += 1
        latest = None if debounce.timeout is None else now + debounce.timeout
        wait = debounce.period if latest is None else min(debounce.period, latest - now)
        entry = redis.debounces[address] = DebounceEntry(f"debounce {redis.numbers}", event, now + wait, latest)
        item = Item(DEBOUNCE, entry.job, now + wait + TIMES.debounce_buffer, None, function)
        item.payload = (address, entry)
        self.engine.enqueue(item)

    def start_debounced(self, function: Function, address: tuple[str, str | None], entry: DebounceEntry) -> None:
        debounces = self.engine.redis.debounces
        if debounces.get(address) is entry:
            del debounces[address]
        self.create(function, (entry.event,), self.found_after(self.world.now))

    # ---- runs ----------------------------------------------------------------------------------------------

    def found_after(self, since: int) -> int:
        """When the scans find a start of that time: the starts of one POST together."""
        return since + self.engine.delay("first_item", since)

    def create(self, function: Function, events: tuple[Event, ...], found_at: int) -> None:
        """Creates a run: state, pauses, timeouts, and the item that starts it, which scans find from then on."""
        engine, event, rules = self.engine, events[0], function.rules
        redis, now = engine.redis, self.world.now
        singleton = None
        if rules.singleton is not None:
            singleton = (function.name, key_of(rules.singleton.key, event.data))
            holder = redis.singletons.get(singleton)
            if holder is not None and rules.singleton.mode == "skip":
                return
            if holder is not None:
                engine.finalizer.cancel(holder)
        if event.id is not None and not redis.state.first_of(function.name, event.id, now, TIMES.idempotency):
            return
        state = RunState(engine.identify(function, event), function, events, now)
        if rules.priority is not None:
            state.priority = priority(rules.priority, event.data)
        concurrency = rules.concurrency
        if concurrency is not None:
            state.tie = int(self.world.luck("tie", state.info.name) * 1_000_000)
            state.concurrency_key = key_of(concurrency.key, event.data)
        redis.state.create(state)
        if singleton is not None:
            state.singleton = singleton
            redis.singletons[singleton] = state.info.name
        self._created(state)
        if rules.batch is None:
            self._cancel_on(state, event)
            if rules.start_timeout is not None:
                self.cancel_later(state, "start", now + rules.start_timeout)
        self._enqueue_start(state, max(now, event.ts), found_at)

    def _created(self, state: RunState) -> None:
        engine, info = self.engine, state.info
        engine.history.status[info.name] = "running"
        self.world.run_started("runner", info)
        engine.meter.run(state)
        if engine.relay.silent:
            self.world.recorder.count += 1
            return
        event, count = state.events[0], len(state.events)
        engine.relay.other(info, f"run created {event.name}{f' x{count}' if count > 1 else ''}")
        engine.relay.created(info, state.event_size)

    def _enqueue_start(self, state: RunState, due: int, found_at: int) -> None:
        item = Item(START, f"{state.info.name} start", due, state.info, state.function)
        item.found_at = found_at
        item.concurrency_key = state.concurrency_key
        throttle = state.function.rules.throttle
        if throttle is not None:
            item.throttle_key = key_of(throttle.key, state.events[0].data)
        self.engine.enqueue(item, state)

    def _cancel_on(self, state: RunState, event: Event) -> None:
        """One cancel pause per entry, valid for a year (§4)."""
        for entry in state.function.cancel_on:
            value = None if entry.field is None else event.data.get(entry.field)
            now = self.world.now
            pause = Pause(state.info, entry.event, entry.field, value, now, now + _YEAR)
            pause.cancel = True
            self.engine.redis.pauses.add(pause)

    def cancel_later(self, state: RunState, what: str, due: int) -> None:
        """A system job that cancels the run at its deadline (§10, timeouts)."""
        item = Item(CANCEL, f"{state.info.name} {what} timeout", due, state.info, state.function)
        item.payload = what
        self.world.emit("queue", _TIMER_SET, state.info, detail=due)
        self.engine.enqueue(item)
