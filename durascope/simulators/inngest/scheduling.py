"""Scheduling: what becomes of an event that triggers a function (inngest.md §2, executor.schedule).

    (batch) ─▶ rate limit ─▶ debounce ─▶ priority, keys ─▶ singleton
            ─▶ state ─▶ cancelOn pauses ─▶ timeouts ─▶ start item

The order is the server's. It runs in whoever calls it: the runner for events, the executor for what was put off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from durascope.models.flow import RateLimit
from durascope.simulators.inngest.billing import Meter
from durascope.simulators.inngest.deadlines import Deadlines
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.finalize import Finalizer
from durascope.simulators.inngest.flow import key_of, priority, rate_limiter
from durascope.simulators.inngest.functions import Function
from durascope.simulators.inngest.hops import Hops
from durascope.simulators.inngest.identity import Identities
from durascope.simulators.inngest.items import DEBOUNCE, START, Item
from durascope.simulators.inngest.lines import Relay
from durascope.simulators.inngest.pauses import Pause, PauseStore
from durascope.simulators.inngest.protocol import SLEEP, STEP_RUN, Memo, Op, nothing
from durascope.simulators.inngest.queue_client import QueueClient
from durascope.simulators.inngest.settings import TIMES
from durascope.simulators.inngest.state import RunState, StateStore
from durascope.simulators.inngest.stores import DebounceEntry, FlowState, History
from durascope.simulators.inngest.stream import EventStream
from durascope.simulators.kernel.runs import RunInfo
from durascope.simulators.kernel.world import World

_SECOND: Final = 1_000_000
_YEAR: Final = TIMES.year


class Again(NamedTuple):
    """What a run begins with that is made of another one."""

    run: RunInfo
    """That one."""
    steps: Mapping[str, Memo]
    """What it has of it."""
    target: Op
    """The step that it goes on from: one that has run is asked for at once (rerunFromStepEdge)."""


class Scheduler:
    """Creates a run for an event, unless flow control prevents it."""

    __slots__ = (
        "_deadlines", "_finalizer", "_flow", "_history", "_hops", "_identities", "_meter", "_pauses", "_queue",
        "_relay", "_states", "_stream", "_world",
    )  # fmt: skip

    def __init__(
        self,
        world: World,
        *,
        states: StateStore,
        pauses: PauseStore,
        flow: FlowState,
        history: History,
        queue: QueueClient,
        finalizer: Finalizer,
        deadlines: Deadlines,
        stream: EventStream,
        identities: Identities,
        hops: Hops,
        relay: Relay,
        meter: Meter,
    ) -> None:
        self._world = world
        self._states = states
        self._pauses = pauses
        self._flow = flow
        self._history = history
        self._queue = queue
        self._finalizer = finalizer
        self._deadlines = deadlines
        self._stream = stream
        self._identities = identities
        self._hops = hops
        self._relay = relay
        self._meter = meter

    # ---- events --------------------------------------------------------------------------------------------

    def trigger(self, function: Function, event: Event) -> None:
        """An event has matched a function."""
        self._stream.handled(event.start)
        rules = function.rules
        if rules.rate_limit is None or not self._rate_limited(function, rules.rate_limit, event):
            if rules.debounce is not None:
                self._debounce(function, event)
            else:
                self.create(function, (event,), self.found_after(event.at))

    def _rate_limited(self, function: Function, limit: RateLimit, event: Event) -> bool:
        limits = self._flow.rate_limits
        address = (function.name, key_of(limit.key, event.data))
        gcra = limits.get(address)
        if gcra is None:
            gcra = limits[address] = rate_limiter(limit)
        return gcra.admit(self._world.now) is not None

    # ---- debounces -----------------------------------------------------------------------------------------

    def _debounce(self, function: Function, event: Event) -> None:
        """Puts the start off; another event meanwhile takes the first one's place (debounce.go)."""
        debounce = function.rules.debounce
        assert debounce is not None
        flow, now = self._flow, self._world.now
        address = (function.name, key_of(debounce.key, event.data))
        entry = flow.debounces.get(address)
        if entry is not None and now < entry.joins_until and entry.event.time > event.time:
            return  # out of order: the later event stays
        if entry is not None and now < entry.joins_until:
            wait = debounce.period // _SECOND * _SECOND
            if entry.latest is not None and now + wait > entry.latest:
                wait = max((entry.latest - now) // _SECOND, 1) * _SECOND
            if self._queue.reschedule(entry.job, now + wait + TIMES.debounce_buffer):
                entry.event, entry.joins_until = event, now + wait
                return
        latest = None if debounce.timeout is None else now + debounce.timeout
        wait = debounce.period if latest is None else min(debounce.period, latest - now)
        entry = flow.debounces[address] = DebounceEntry(f"debounce {flow.next_number()}", event, now + wait, latest)
        item = Item(DEBOUNCE, entry.job, now + wait + TIMES.debounce_buffer, None, function)
        item.payload = (address, entry)
        self._queue.enqueue(item)

    def start_debounced(self, item: Item) -> None:
        """A debounce's time is over."""
        function, (address, entry) = item.function, item.payload
        assert function is not None
        debounces = self._flow.debounces
        if debounces.get(address) is entry:
            del debounces[address]
        self.create(function, (entry.event,), self.found_after(self._world.now))

    # ---- runs ----------------------------------------------------------------------------------------------

    def found_after(self, since: int) -> int:
        """When the scans find a start of that time: the starts of one POST together."""
        return since + self._hops("first_item", since)

    def create(self, function: Function, events: tuple[Event, ...], found_at: int, again: Again | None = None) -> None:
        """Creates a run: state, pauses, timeouts, and the item that starts it, which scans find from then on."""
        event, rules, now = events[0], function.rules, self._world.now
        singleton = None
        if rules.singleton is not None:
            singleton = (function.name, key_of(rules.singleton.key, event.data))
            holder = self._flow.singletons.get(singleton)
            if holder is not None and rules.singleton.mode == "skip":
                return
            if holder is not None:
                self._finalizer.cancel(holder)
        if again is not None:
            state = RunState(self._identities.again(again.run), function, events, now)
            for step, memo in again.steps.items():
                state.save(step, memo)
        elif event.id is not None and not self._states.first_of(function.name, event.id, now, TIMES.idempotency):
            return
        else:
            state = RunState(self._identities.identify(function, event), function, events, now)
        if rules.priority is not None:
            state.priority = priority(rules.priority, event.data)
        concurrency = rules.concurrency
        if concurrency is not None:
            state.tie = int(self._world.luck("tie", state.info.name) * 1_000_000)
            state.concurrency_key = key_of(concurrency.key, event.data)
        self._states.create(state)
        if singleton is not None:
            state.singleton = singleton
            self._flow.singletons[singleton] = state.info.name
        self._created(state)
        if rules.batch is None:
            self._cancel_on(state, event)
            if rules.start_timeout is not None:
                self._deadlines.set(state, "start", now + rules.start_timeout)
        self._enqueue_start(state, max(now, event.ts), found_at, again)

    def rerun(self, run: str, step: str) -> str | None:
        """Another run by the same event, which has the steps before that one already (§9). Returns why it can't be."""
        spans = self._history.spans.get(run)
        if spans is None:
            return "the server knows no such run"
        targets = [op for op in spans.steps.values() if op.name == step]
        if len(targets) != 1:
            return f"{'several' if targets else 'none'} of its steps have that name"
        state, steps = spans.state, dict[str, Memo]()
        for op in spans.steps.values():
            if op is targets[0]:
                break
            memo = state.steps.get(op.id) or (nothing(op.name) if op.code == SLEEP else None)
            if memo is None:
                return f"{op.name} comes before it, and has no result"
            steps[op.id] = memo
        function, event = state.function, state.events[0]
        if function.rules.debounce is not None:
            self._debounce(function, event)
        else:
            found_at = self.found_after(self._world.now)
            self.create(function, (event,), found_at, Again(state.info, steps, targets[0]))
        return None

    def _created(self, state: RunState) -> None:
        info = state.info
        self._history.began(state)
        self._world.run_started("runner", info)
        self._meter.run(state)
        self._relay.created(info, state.events[0].name, len(state.events), state.event_size)

    def _enqueue_start(self, state: RunState, due: int, found_at: int, again: Again | None) -> None:
        item = Item(START, f"{state.info.name} start", due, state.info, state.function)
        if again is not None:
            item.outgoing = state.stack[-1] if state.stack else None
            if again.target.code == STEP_RUN:
                item.step, item.step_name = again.target.id, again.target.name
        item.found_at = found_at
        item.concurrency_key = state.concurrency_key
        throttle = state.function.rules.throttle
        if throttle is not None:
            item.throttle_key = key_of(throttle.key, state.events[0].data)
        self._queue.enqueue(item, state)

    def _cancel_on(self, state: RunState, event: Event) -> None:
        """One cancel pause per entry, valid for a year (§4)."""
        for entry in state.function.cancel_on:
            value = None if entry.field is None else event.data.get(entry.field)
            now = self._world.now
            pause = Pause(state.info, entry.event, entry.field, value, now, now + _YEAR)
            pause.cancel = True
            self._pauses.add(pause)
