"""Handling a 206: what each op code writes and enqueues (inngest.md §4, §7, §17)."""

from __future__ import annotations

from enum import Enum
from typing import Final

from durascope.models.trace import Kind
from durascope.simulators.inngest import items, protocol
from durascope.simulators.inngest.dispatch import Dispatch
from durascope.simulators.inngest.events import Event
from durascope.simulators.inngest.finalize import Finalizer
from durascope.simulators.inngest.functions import FINISHED, INVOKED, Functions
from durascope.simulators.inngest.hops import Hops
from durascope.simulators.inngest.items import Item
from durascope.simulators.inngest.lanes import EXECUTOR, QUEUE
from durascope.simulators.inngest.pauses import Pause, PauseStore
from durascope.simulators.inngest.protocol import Answer, InvokeOpts, Op, SleepOpts, WaitOpts
from durascope.simulators.inngest.queue_client import QueueClient
from durascope.simulators.inngest.settings import NUMBERS, TIMES
from durascope.simulators.inngest.state import REQUEST_VERSION_UNKNOWN, RunState
from durascope.simulators.inngest.stores import History
from durascope.simulators.inngest.stream import EventStream
from durascope.simulators.kernel.world import World

_STEP_RECORDED: Final = Kind.STEP_RECORDED
_STEP_SCHEDULED: Final = Kind.STEP_SCHEDULED
_TIMER_SET: Final = Kind.TIMER_SET


_PLANS: Final = frozenset((protocol.STEP_PLANNED, protocol.SLEEP, protocol.WAIT_FOR_EVENT, protocol.INVOKE_FUNCTION))
"""What makes a group of an answer's ops: one discovery follows when all of them are over (hasPlanOp)."""


class Handled(Enum):
    """How the handling of an answer ended."""

    DONE = "done"
    RETRY = "retry"
    """A step has failed and may be tried again."""
    OVERFLOWED = "overflowed"
    """The run's state is over its limit."""


class Generator:
    """HandleGeneratorResponse of the executor."""

    def __init__(
        self,
        world: World,
        *,
        pauses: PauseStore,
        queue: QueueClient,
        finalizer: Finalizer,
        functions: Functions,
        stream: EventStream,
        history: History,
        hops: Hops,
    ) -> None:
        self._world = world
        self._pauses = pauses
        self._queue = queue
        self._finalizer = finalizer
        self._functions = functions
        self._stream = stream
        self._history = history
        self._hops = hops

    def handle(self, dispatch: Dispatch, answer: Answer) -> Handled:
        """Acts on all ops; waits come first, as the server does it, then the others in their order."""
        state, ops = dispatch.state, answer.ops
        self._metadata(dispatch, answer)
        if len(ops) == 1:
            return self._handle(dispatch, ops[0], None)
        version = answer.version if dispatch.version == REQUEST_VERSION_UNKNOWN else dispatch.version
        coalesce = None
        if version >= 2 and any(op.code in _PLANS for op in ops):
            state.pending = {op.id: None for op in ops}
            coalesce = ",".join(sorted(state.pending))
        handled = Handled.DONE
        for op in sorted(ops, key=lambda op: op.code != protocol.WAIT_FOR_EVENT):
            result = self._handle(dispatch, op, coalesce)
            if result is not Handled.DONE:
                handled = result
        return handled

    def _metadata(self, dispatch: Dispatch, answer: Answer) -> None:
        """ForceStepPlan is set when there is more than one op, the request version with the first answer."""
        state = dispatch.state
        if dispatch.version == REQUEST_VERSION_UNKNOWN:
            state.request_version = answer.version
            state.force_step_plan = dispatch.plan_only
        if len(answer.ops) > 1 and not dispatch.plan_only:
            state.force_step_plan = True

    def _handle(self, dispatch: Dispatch, op: Op, coalesce: str | None) -> Handled:
        self._history.saw(dispatch.state, op)
        match op.code:
            case protocol.RUN_COMPLETE:
                self._finalizer.complete(dispatch.state)
            case protocol.STEP_RUN:
                return self._step(dispatch, op)
            case protocol.STEP_ERROR if dispatch.item.attempt + 1 < dispatch.item.max_attempts:
                return Handled.RETRY
            case protocol.STEP_ERROR | protocol.STEP_FAILED:
                self._failed(dispatch, op)
            case protocol.STEP_PLANNED:
                self._planned(dispatch, op, coalesce)
            case protocol.SLEEP:
                self._sleep(dispatch, op)
            case protocol.WAIT_FOR_EVENT:
                self._wait(dispatch, op, coalesce)
            case _:
                self._invoke(dispatch, op, coalesce)
        return Handled.DONE

    # ---- steps ---------------------------------------------------------------------------------------------

    def _step(self, dispatch: Dispatch, op: Op) -> Handled:
        """SaveStep, then the discovery that follows; only a crash can come between them."""
        state, item, memo = dispatch.state, dispatch.item, op.memo
        assert memo is not None
        if state.size + memo.size > NUMBERS.run_state:
            return Handled.OVERFLOWED
        state.save(op.id, memo)
        self._world.moment(EXECUTOR, _STEP_RECORDED, state.info, op.name)
        if not state.pending or op.race:
            job = op.id
            if item.coalesce is not None and not op.race:
                job = f"{item.coalesce} discover"
            self._discover(dispatch, items.EDGE, job, op)
        return Handled.DONE

    def _failed(self, dispatch: Dispatch, op: Op) -> None:
        """The error is memoised, and the function called to deal with it."""
        state = dispatch.state
        assert op.memo is not None
        new = state.save(op.id, op.memo)
        self._world.moment(EXECUTOR, _STEP_RECORDED, state.info, op.name)
        if new and (not state.pending or dispatch.item.race):
            self._discover(dispatch, items.EDGE_ERROR, f"{op.id} failure", op)

    def _discover(self, dispatch: Dispatch, kind: str, job: str, op: Op) -> None:
        """One discovery per completed step, or per group (maybeEnqueueDiscoveryStep)."""
        state = dispatch.state
        if dispatch.version >= 2 and dispatch.plan_only:
            state.force_step_plan = False
        item = self._item(kind, state, job, self._world.now)
        item.outgoing = op.id
        item.race = op.race
        self._queue.enqueue(item, state)

    def _planned(self, dispatch: Dispatch, op: Op, coalesce: str | None) -> None:
        """An item of its own for the step; a second one for it is ignored."""
        state = dispatch.state
        item = self._item(items.EDGE, state, f"{op.id} plan", self._world.now)
        item.outgoing = dispatch.item.outgoing
        item.step = op.id
        item.step_name = op.name
        item.coalesce = coalesce
        item.race = op.race
        if self._queue.enqueue(item, state):
            self._world.moment(EXECUTOR, _STEP_SCHEDULED, state.info, op.name)

    # ---- what waits ----------------------------------------------------------------------------------------

    def _sleep(self, dispatch: Dispatch, op: Op) -> None:
        state, now = dispatch.state, self._world.now
        assert isinstance(op.opts, SleepOpts)
        item = self._item(items.SLEEP, state, op.id, now + op.opts.wait(now))
        item.outgoing = op.id
        item.payload = op.name
        item.race = op.race
        if self._queue.enqueue(item, state):
            self._world.emit(QUEUE, _TIMER_SET, state.info, op.name, detail=item.due)
            self._world.mark("SleepStarted", state.info)

    def _wait(self, dispatch: Dispatch, op: Op, coalesce: str | None) -> None:
        state = dispatch.state
        assert isinstance(op.opts, WaitOpts)
        field = op.opts.field
        value = None if field is None else state.events[0].data.get(field)
        pause = self._pause(state, op, op.opts.event, op.opts.timeout, coalesce, field, value)
        # The server writes the event's values into the expression, and the options anew, without the parallel mode.
        pause.race = op.race and field is None
        if self._park(state, pause):
            self._world.mark("WaitStarted", state.info)

    def _invoke(self, dispatch: Dispatch, op: Op, coalesce: str | None) -> None:
        """A pause for the invoked function's end, and the event that starts it."""
        state, opts, functions = dispatch.state, op.opts, self._functions
        assert isinstance(opts, InvokeOpts)
        pause = self._pause(state, op, FINISHED, opts.timeout or TIMES.year, coalesce)
        pause.correlation = f"{state.info.name}.{op.id}"
        if self._park(state, pause):
            at = self._world.now + self._hops("invoke", pause.correlation)
            self._stream.publish(
                Event(
                    name=INVOKED,
                    data=functions.child_data(state.events[0].data, opts.function, opts.key),
                    at=at,
                    number=self._stream.next_number(),
                    function=opts.function,
                    parent=state.info,
                    correlation=pause.correlation,
                    luck=opts.luck,
                )
            )

    def _pause(
        self,
        state: RunState,
        op: Op,
        event: str,
        timeout: int,
        coalesce: str | None,
        field: str | None = None,
        value: object = None,
    ) -> Pause:
        now = self._world.now
        pause = Pause(state.info, event, field, value, now, now + timeout)
        pause.step, pause.name, pause.race, pause.coalesce = op.id, op.name, op.race, coalesce
        return pause

    def _park(self, state: RunState, pause: Pause) -> bool:
        """Writes the pause and the item that times it out; False if it was there before."""
        item = self._item(items.PAUSE, state, pause.step, pause.expires)
        item.payload = pause
        pause.item = item
        if not self._queue.enqueue(item, state):
            return False
        self._pauses.add(pause)
        self._world.emit(QUEUE, _TIMER_SET, state.info, pause.name, detail=pause.expires)
        return True

    def _item(self, kind: str, state: RunState, job: str, due: int) -> Item:
        """An item of the run; job ids are the run's idempotency key and what it is for."""
        item = Item(kind, f"{state.info.name} {job}", due, state.info, state.function)
        item.concurrency_key = state.concurrency_key
        return item
