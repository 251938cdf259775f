"""The executor: scans the queue, leases items, asks the function host, and acts on the answer (inngest.md §5, §17).

    (a) lease ─▶ (b) load state ─▶ (c) limits, timeouts ─▶ (d) body ─▶ (e) POST ─▶ (f) the host runs code
        (j) dequeue ◀─ (i) enqueue what follows ◀─ (h) SaveStep ◀─ (g) the answer

Each of these is where a crash may fall. Nothing of an item in progress is kept in the process alone: its lease ends,
and the scavenger puts it back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from durascope.models.trace import Kind
from durascope.models.units import MILLISECOND
from durascope.simulators.inngest import items
from durascope.simulators.inngest.billing import Meter
from durascope.simulators.inngest.deadlines import Deadlines
from durascope.simulators.inngest.dispatch import Dispatch
from durascope.simulators.inngest.finalize import Finalizer
from durascope.simulators.inngest.generator import Generator, Handled
from durascope.simulators.inngest.hops import Hops
from durascope.simulators.inngest.items import Item, State
from durascope.simulators.inngest.lanes import EXECUTOR, QUEUE
from durascope.simulators.inngest.lines import Exchange, Relay
from durascope.simulators.inngest.protocol import Answer, Request, nothing
from durascope.simulators.inngest.queue import Queue
from durascope.simulators.inngest.queue_client import QueueClient
from durascope.simulators.inngest.retries import backoff, retry_after
from durascope.simulators.inngest.settings import NUMBERS, TIMES
from durascope.simulators.inngest.state import RunState, StateStore
from durascope.simulators.inngest.transport import Transport
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.world import Callback, World

_STEP_DROPPED: Final = Kind.STEP_DROPPED
_STEP_RECORDED: Final = Kind.STEP_RECORDED
_STEP_RETRIED: Final = Kind.STEP_RETRIED
_TASK_PICKED_UP: Final = Kind.TASK_PICKED_UP
_TIMER_FIRED: Final = Kind.TIMER_FIRED
_TIMER_SET: Final = Kind.TIMER_SET
_REQUEST: Final = TIMES.request
_WORKERS_FREE: Final = NUMBERS.workers_free
_STEP_OUTPUT: Final = NUMBERS.step_output
_REQUEST_STATE: Final = NUMBERS.request_state
_REQUEST_BODY: Final = NUMBERS.request_body
_BODY: Final = NUMBERS.body
_MEMO_IN_STACK: Final = NUMBERS.memo_in_stack
_MEMO_IN_STEPS: Final = NUMBERS.memo_in_steps


class Executor(Component):
    """The process that works the queue off."""

    __slots__ = (
        "_backoff", "_deadlines", "_deadlines_of", "_extending", "_finalizer", "_generator", "_held", "_hops", "_jobs",
        "_line", "_meter", "_phase", "_queue", "_relay", "_scan_at", "_scan_due", "_states", "_step_limit", "_tick",
        "_transport", "_watching", "_workers", "_workers_of",
    )  # fmt: skip

    def __init__(
        self,
        world: World,
        *,
        line: Queue,
        queue: QueueClient,
        states: StateStore,
        transport: Transport,
        generator: Generator,
        finalizer: Finalizer,
        deadlines: Deadlines,
        jobs: Mapping[str, Callable[[Item], Any]],
        hops: Hops,
        relay: Relay,
        meter: Meter,
        workers: int,
        step_limit: int,
        constant_backoff: int | None,
    ) -> None:
        """`line` is what it scans, `queue` how it writes to it; `jobs`: by kind of item, who does the system's own."""
        self._line = line
        self._queue = queue
        self._states = states
        self._transport = transport
        self._generator = generator
        self._finalizer = finalizer
        self._deadlines_of = deadlines
        self._jobs = jobs
        self._hops = hops
        self._relay = relay
        self._meter = meter
        self._workers_of = workers
        self._step_limit = step_limit
        self._backoff = constant_backoff
        self._tick = max(hops("tick", "period"), MILLISECOND)
        self._phase = int(world.luck("tick phase") * self._tick)
        super().__init__(world, EXECUTOR)

    def reset(self) -> None:
        self._scan_at: Callback | None = None
        self._scan_due = 0
        self._workers = self._workers_of
        self._deadlines: deque[tuple[int, Exchange, Dispatch]] = deque()
        self._watching = False
        self._held: deque[tuple[int, Item]] = deque()
        """What it has leased, and when each lease is to be extended: every 15 s, half of it (§10)."""
        self._extending = False

    def started(self) -> None:
        """A new process works on with what the queue holds."""
        self._queue.poller = self._wake
        due = self._line.worth_scanning_at()
        if due is not None:
            self._wake(due)
        if self._line.leased():
            self.after(TIMES.scavenge, self._scavenge)

    # ---- (a) scan and lease --------------------------------------------------------------------------------

    def _wake(self, due: int) -> None:
        """A scan is worth while at that time, or after: at the first tick then, if five workers are free (§10)."""
        if not self.alive or self._workers < _WORKERS_FREE:
            return
        now = self.world.now
        due = max(due, now + 1)
        scans = self._scan_at is not None and self._scan_at.live
        if scans and self._scan_due <= due:
            return
        ticks = -((self._phase - due) // self._tick)
        at = self._phase + ticks * self._tick
        if scans:
            if self._scan_due <= at:
                return
            self.cancel(self._scan_at)
        self._scan_due = at
        self._scan_at = self.after(at - now, self._scan)

    def _scan(self) -> None:
        """One tick; now and then one is skipped (§10)."""
        now = self.world.now
        if self.world.luck("late tick", now // self._tick) < NUMBERS.late_ticks:
            self._wake(now + 1)
            return
        for item in self._line.lease(now, self._workers):
            self._workers -= 1
            self._hold(item, now)
            self._dispatch(item)
        self._look_again()

    def _hold(self, item: Item, now: int) -> None:
        held = self._held
        while held and held[0][1].state is not State.LEASED:
            held.popleft()
        held.append((now + TIMES.lease_extension, item))
        if not self._extending:
            self._extending = True
            self.after(TIMES.lease_extension, self._extend, daemon=True)

    def _extend(self) -> None:
        """Extends the leases of what is still being worked on."""
        held, now = self._held, self.world.now
        while held and (held[0][0] <= now or held[0][1].state is not State.LEASED):
            _, item = held.popleft()
            if item.state is State.LEASED:
                item.lease_until = now + TIMES.lease
                held.append((now + TIMES.lease_extension, item))
        self._extending = bool(held)
        if held:
            self.after(held[0][0] - now, self._extend, daemon=True)

    def _look_again(self) -> None:
        due = self._line.worth_scanning_at()
        if due is not None:
            self._wake(due)

    def _dispatch(self, item: Item) -> None:
        """An item that is not due yet waits in memory (§10)."""
        world = self.world
        if item.calls:
            if world.full:
                world.emit(self.name, _TASK_PICKED_UP, item.run, item.step_name, item.attempt + 1, item.kind)
            else:
                world.recorder.count += 1
        ahead = item.due - world.now
        late = self._hops.drawn("wake" if ahead > 0 else "dispatch", item.luck)
        self.after(max(ahead, 0) + late, self._process, item)

    def _scavenge(self) -> None:
        """Every 30 s from the start on: items whose lease has ended go back into line (§5)."""
        line, now = self._line, self.world.now
        lost = [item for item in line.leased() if item.lease_until <= now and item.leased_at < now - TIMES.lease]
        for item in lost:
            line.release(item)
            self._queue.requeue(item, now)
        if line.leased():
            self.after(TIMES.scavenge, self._scavenge)

    def _free(self, item: Item) -> None:
        """The worker is free."""
        self._workers += 1
        if item.slot is not None:
            self._line.release(item)
        if self._workers == _WORKERS_FREE:
            self._look_again()

    def _done(self, item: Item) -> None:
        """(j): only now the item goes away."""
        self._queue.dequeue(item)
        self._free(item)

    # ---- (b) to (d) ----------------------------------------------------------------------------------------

    def _process(self, item: Item) -> None:
        if item.state is State.GONE:
            self._free(item)
        elif item.calls:
            self._call(item)
        else:
            self._system(item)
            self._done(item)

    def _system(self, item: Item) -> None:
        """A job of the system's own: a timeout, a deadline, a debounce, a batch."""
        if item.run is not None:
            self.world.emit(QUEUE, _TIMER_FIRED, item.run, detail=item.due)
        self._jobs[item.kind](item)

    def _call(self, item: Item) -> None:
        assert item.run is not None
        now = self.world.now
        state = self._states.get(item.run.name)
        if state is None:
            self._done(item)
            return
        dispatch = Dispatch(self, item, state)
        if item.kind == items.SLEEP and item.attempt == 0 and not self._woken(dispatch):
            self._done(item)
            return
        if len(state.stack) >= self._step_limit:
            limit = f"a run may have {self._step_limit:,} finished steps, and with as many it gets no further request"
            self._finalizer.overflow(state, "InngestErrFunctionOverflowed", limit)
            self._done(item)
            return
        if state.started_at is None:
            self._first_request(state, now)
        self._post(dispatch)

    def _woken(self, dispatch: Dispatch) -> bool:
        """A sleep is over; whether the function is to be called for it (Execute, isSleepResume)."""
        item, state = dispatch.item, dispatch.state
        assert item.outgoing is not None
        self.world.emit(QUEUE, _TIMER_FIRED, state.info, item.payload, detail=item.due)
        state.save(item.outgoing, nothing(item.payload))
        self.world.moment(self.name, _STEP_RECORDED, state.info, item.payload)
        if state.pending and not item.race:
            return False
        if dispatch.version >= 2:
            state.force_step_plan = False
        return True

    def _first_request(self, state: RunState, now: int) -> None:
        state.started_at = now
        timeout = state.function.rules.finish_timeout
        if timeout is not None:
            self._deadlines_of.set(state, "finish", now + timeout)

    def _request(self, dispatch: Dispatch) -> Request:
        """§3: every finished step travels with every request, unless that is too much."""
        item, state = dispatch.item, dispatch.state
        finished = len(state.stack)
        base = _BODY + 2 * state.event_size + _MEMO_IN_STACK * finished
        size = base + state.size + _MEMO_IN_STEPS * finished
        use_api = state.size > _REQUEST_STATE or size > _REQUEST_BODY
        current = 0
        if item.outgoing is not None and item.outgoing in state.steps:
            current = finished if state.stack[-1] == item.outgoing else state.stack.index(item.outgoing) + 1
        return Request(
            state.info,
            state.function.name,
            item.step,
            item.step_name,
            item.attempt,
            item.max_attempts,
            item.generation,
            item.job,
            dict(state.steps),
            tuple(state.stack),
            current,
            dispatch.plan_only,
            use_api,
            state.events[0].at,
            base if use_api else size,
        )

    # ---- (e) POST ------------------------------------------------------------------------------------------

    def _post(self, dispatch: Dispatch) -> None:
        request = self._request(dispatch)
        self._meter.request(request)
        exchange = dispatch.exchange = self._relay.post(dispatch.state.info, request)
        self._transport.send(self, dispatch)
        self._watch(exchange, dispatch)

    def _watch(self, exchange: Exchange, dispatch: Dispatch) -> None:
        """A request may take two hours (§14)."""
        deadlines = self._deadlines
        deadlines.append((self.world.now + _REQUEST, exchange, dispatch))
        while deadlines and deadlines[0][1].answered:
            deadlines.popleft()
        if not self._watching:
            self._watching = True
            self.after(_REQUEST, self._overdue, daemon=True)

    def _overdue(self) -> None:
        self._watching = False
        deadlines, now = self._deadlines, self.world.now
        while deadlines and (deadlines[0][0] <= now or deadlines[0][1].answered):
            _, exchange, dispatch = deadlines.popleft()
            if not exchange.answered:
                self.no_answer(dispatch, "lost")
        if deadlines:
            self._watching = True
            self.after(deadlines[0][0] - now, self._overdue, daemon=True)

    # ---- (g) to (j) ----------------------------------------------------------------------------------------

    def no_answer(self, dispatch: Dispatch, why: str) -> None:
        """Nobody listened, or the connection broke, or it took too long: it costs an attempt (§5)."""
        if dispatch.connection is not None:
            dispatch.connection.close()
        if dispatch.exchange is not None:
            self._relay.no_answer(dispatch.exchange, why)
        self._fail(dispatch, None, "Unable to reach SDK URL", None)

    def answered(self, dispatch: Dispatch, answer: Answer) -> None:
        """The host's answer has arrived."""
        if dispatch.connection is not None:
            dispatch.connection.close()
        item, state = dispatch.item, dispatch.state
        if item.state is State.GONE or self._states.get(state.info.name) is not state:
            self._dropped(dispatch, answer)
            self._done(item)
            return
        self._meter.answer(answer)
        if answer.status == 200:
            self._finalizer.complete(state)
            self._done(item)
        elif answer.status != 206:
            self._function_failed(dispatch, answer)
        elif _too_big(answer):
            self._fail(dispatch, None, "step output size is greater than the limit", None)
        else:
            self._handle(dispatch, answer)

    def _handle(self, dispatch: Dispatch, answer: Answer) -> None:
        handled = self._generator.handle(dispatch, answer)
        if handled is Handled.DONE:
            self._done(dispatch.item)
        elif handled is Handled.OVERFLOWED:
            limit = f"a run's results may be {NUMBERS.run_state >> 20} MiB together"
            self._finalizer.overflow(dispatch.state, "InngestErrStateOverflowed", limit)
            self._done(dispatch.item)
        else:
            op = answer.ops[0]
            self._fail(dispatch, op.name, "" if op.memo is None else op.memo.error or "", self._asked(answer))

    def _dropped(self, dispatch: Dispatch, answer: Answer) -> None:
        """The run is gone: what the host did is done, its result is not wanted (§5)."""
        for op in answer.ops:
            if op.memo is not None:
                self.world.emit(self.name, _STEP_DROPPED, dispatch.state.info, op.name, detail="the run is over")

    def _function_failed(self, dispatch: Dispatch, answer: Answer) -> None:
        """4xx or 5xx: the function has failed, not a step of it."""
        if answer.no_retry:
            self._finalizer.fail(dispatch.state, answer.error or "")
            self._done(dispatch.item)
        else:
            self._fail(dispatch, None, answer.error or "", self._asked(answer))

    def _asked(self, answer: Answer) -> int | None:
        """When the answer asks for the next attempt."""
        if answer.retry_after is None:
            return None
        return retry_after(self.world.now, answer.retry_after, whole_seconds=answer.whole_seconds)

    def _fail(self, dispatch: Dispatch, step: str | None, error: str, due: int | None) -> None:
        """§17 fail(i): the same item again, later; or the end of the run."""
        item, state = dispatch.item, dispatch.state
        if item.state is State.GONE:
            self._free(item)
            return
        if item.attempt + 1 >= item.max_attempts:
            self._finalizer.fail(state, error)
            self._done(item)
            return
        if due is None:
            due = self.world.now + backoff(self.world.luck, self._backoff, item)
        item.attempt += 1
        if step is None:
            self.world.emit(self.name, _TIMER_SET, state.info, item.step_name, item.attempt + 1, due)
        else:
            self.world.emit(self.name, _STEP_RETRIED, state.info, step, item.attempt, due - self.world.now)
        self._queue.requeue(item, due)
        self._free(item)


def _too_big(answer: Answer) -> bool:
    """Whether a step's output is over its limit (§14)."""
    return any(op.memo is not None and op.memo.size - 9 > _STEP_OUTPUT for op in answer.ops)
