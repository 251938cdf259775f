"""The invoker: runs the attempts of the invocations that its node leads, and retries them (restate.md §6, §9).

    invoke ─▶ queue ─▶ connecting ─▶ in flight ─┬─ End, Suspension ──▶ proposed to the log
                          ▲                     ├─ Error, lost, aborted ─▶ back-off ─┐  (or paused, or killed)
                          └─────────────────────┴────────────────────────────────────┘

A session is one invocation's stay in here, from being invoked to its end, suspension or pause: its place in the retry
policy, its retry count and its last error are in memory only, and gone with the process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from functools import partial
from typing import Final

from durascope.models.scenario import RestateDeployment
from durascope.models.trace import Kind
from durascope.simulators.kernel.component import Component
from durascope.simulators.kernel.delays import Delays
from durascope.simulators.kernel.network import Connection, Keepalive, Network
from durascope.simulators.kernel.world import HOPELESS_ATTEMPT, World
from durascope.simulators.restate import records
from durascope.simulators.restate.constants import constant
from durascope.simulators.restate.deployments import Deployment, Registry
from durascope.simulators.restate.endpoint import ServiceEndpoint
from durascope.simulators.restate.journal import Command, Failure, Notification
from durascope.simulators.restate.log import Record
from durascope.simulators.restate.observer import Observer
from durascope.simulators.restate.processor import PartitionProcessor
from durascope.simulators.restate.protocol import (
    JOURNAL_MISMATCH,
    End,
    Error,
    Message,
    Proposal,
    Start,
    Suspension,
    label_of,
)
from durascope.simulators.restate.retries import PolicyCursor
from durascope.simulators.restate.session import Session, State
from durascope.simulators.restate.store import Invocation

QUEUE: Final = "invocations"
LOST: Final = "error reading a body from connection: stream closed"
REFUSED: Final = "tcp connect error: connection refused"
CONNECT_TIMEOUT: Final = "tcp connect error: deadline has elapsed"
ABORTED: Final = "the invocation stream was closed after the 'abort timeout' fired"
NO_WRITES: Final = "cannot process command Command: {}: unsupported entry type, this handler type cannot write state"
PINS: Final = (records.StoreCommand, records.StoreProposal)
"""What an attempt has stored, it is pinned by; one that only waited or failed may go on at another deployment."""
WRITES_STATE: Final = frozenset(("SetState", "ClearState", "ClearAllState"))
"""Commands that the engine takes from handlers only that nobody else of the key writes beside."""

TIMER_FIRST: Final = 0.5
"""tokio's `select!` takes any of the branches that are ready."""

READ_US: Final = 300
"""How long the invoker takes to read a journal (§6): less than the millisecond after which the second of two timers of
one turn comes, which is not in that request any more (1 of 6 recordings)."""
DEFAULT_INACTIVITY: Final = RestateDeployment().inactivity_timeout
"""Of services that are only called: the timeout is an option of the service that is started from outside."""


class Invoker(Component):
    """Runs attempts at the service's endpoints."""

    def __init__(
        self,
        world: World,
        name: str,
        network: Network,
        options: RestateDeployment,
        delays: Delays,
        processor: PartitionProcessor,
        registry: Registry,
        outer: Collection[str],
        observer: Observer,
    ) -> None:
        """`outer`: the workflows that are started from outside, whose service has the options."""
        self.network = network
        self.options = options
        self.delay = delays
        self.registry = registry
        self.outer = outer
        self.processor = processor
        self.observer = observer
        self.request_response = options.service.mode == "request-response" or options.inactivity_timeout == 0
        self.most_in_flight = 0
        """A statistic: it survives."""
        super().__init__(world, name)

    def reset(self) -> None:
        self.sessions: dict[Invocation, Session] = {}
        self.streams: dict[Connection, Session] = {}
        self.connected: dict[tuple[int, int], tuple[ServiceEndpoint, int]] = {}
        """The replica, and its incarnation, that a partition's connection to a deployment has ended up at."""
        self.streams_of: dict[tuple[int, int], Connection] = {}
        """The last stream of each of those connections."""
        self.in_flight = 0
        self.queue: deque[tuple[Session, bool]] = deque()

    def resume(self) -> None:
        """A stream that has something to read while its time is over: which of the two is seen first is random."""
        if self.hung is not None and self.world.luck("resumed", self.name, self.world.now) < TIMER_FIRST:
            self.hung.sort(key=lambda each: each[0] == self.receive)
        super().resume()

    # ---- asked by the partition processor --------------------------------------------------------------------

    def has(self, invocation: Invocation) -> bool:
        return invocation in self.sessions

    def invoke(self, invocation: Invocation, *, resumed: bool = False) -> None:
        """Takes an invocation over; it waits for a slot while as many as the limit are running (restate.md §10)."""
        session = Session(invocation, PolicyCursor(self.options.retry))
        self.sessions[invocation] = session
        self.world.emit(self.name, Kind.TASK_QUEUED, invocation.run, None, None, QUEUE)
        if self.in_flight >= self.options.server.concurrent_invocations:
            self.queue.append((session, resumed))
        else:
            self._admit(session, resumed)

    def _admit(self, session: Session, resumed: bool) -> None:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        session.become("admission")
        run = session.invocation.run.luck, session.invocation.requests
        delay = self.delay("resume" if resumed else "invoke", *run) - self.delay.typical("network")
        self.after(min(READ_US, max(0, delay)), self._read, session, delay - READ_US)

    def _forget(self, session: Session) -> None:
        """The session is over; its slot goes to the next in the queue."""
        if self.sessions.get(session.invocation) is session:
            del self.sessions[session.invocation]
        self._hang_up(session)
        if session.state is State.QUEUED:
            return
        self.in_flight -= 1
        while self.queue:
            waiting, resumed = self.queue.popleft()
            if self.sessions.get(waiting.invocation) is waiting:
                self._admit(waiting, resumed)
                return

    def _hang_up(self, session: Session) -> None:
        self.cancel(session.timer)
        connection, session.connection = session.connection, None
        if connection is not None:
            self.streams.pop(connection, None)
            connection.close()

    def notify(self, invocation: Invocation, notification: Notification) -> None:
        """Sends a stored notification to the attempt, unless there is none or its input is closed."""
        session = self.sessions.get(invocation)
        if session is None or session.input_closed or session.state is not State.IN_FLIGHT:
            return
        connection = session.connection
        assert connection is not None
        session.last_activity = self.world.now
        endpoint = _endpoint(connection)
        read = 0 if endpoint.typescript else endpoint.turn(invocation.run, invocation.requests, notification)
        acknowledged = notification.type == "Run" and self.options.server.protocol >= 7
        connection.send(
            self,
            endpoint.deliver,
            connection,
            notification,
            what="ProposeRunCompletionAck" if acknowledged else "Notification",
            delay=self.delay("network", invocation.run.luck, invocation.requests, notification.id) + read,
        )

    def abort(self, invocation: Invocation) -> None:
        """Resets the stream: the invocation is over (kill)."""
        session = self.sessions.get(invocation)
        if session is not None:
            self._reset_stream(session)
            self._forget(session)

    def pause(self, invocation: Invocation) -> None:
        """Pauses it: at once if no attempt is in flight, else when the attempt ends, which it is now made to do."""
        session = self.sessions.get(invocation)
        if session is None:
            return
        session.pause_requested = True
        if session.state is State.IN_FLIGHT and session.connection is not None:
            self._close_input(session)
        elif session.state is not State.DRAINING:
            error = session.last_error
            self._propose(session, records.Pause(invocation, error and error[:2]))
            self._forget(session)

    def retry_now(self, invocation: Invocation) -> None:
        """An operator resumes one that is backing off: the retry timer counts as fired."""
        session = self.sessions.get(invocation)
        if session is not None and session.state is State.BACKING_OFF:
            self.cancel(session.timer)
            self._retry(session)

    # ---- an attempt ------------------------------------------------------------------------------------------

    def _read(self, session: Session, opens_in: int) -> None:
        """Reads the journal, before anything else; what comes into it until the stream is open follows later."""
        if self.sessions.get(session.invocation) is session:
            session.entries = session.invocation.journal.entries[:]
            self.after(max(0, opens_in), self._attempt, session)

    def _attempt(self, session: Session) -> None:
        """Opens the stream, with the journal as it was read."""
        invocation = session.invocation
        if self.sessions.get(invocation) is not session:
            return
        if session.state is State.ADMITTED:
            self.world.emit(self.name, Kind.TASK_PICKED_UP, invocation.run, None, None, QUEUE)
        session.become("attempt")
        session.input_closed = self.request_response
        session.deployment = self.registry.numbered(invocation.pinned) or self.registry.latest
        session.last_activity = self.world.now
        invocation.requests += 1
        pooled = invocation.partition.number, session.deployment.number
        endpoint = self._endpoint_of(session.deployment, pooled)
        before = self.streams_of.get(pooled)
        session.connection = self.streams_of[pooled] = self.network.connect(
            self,
            endpoint,
            self.delay("network", invocation.run.luck, invocation.requests),
            partial(endpoint.accept, self._start_message(session), self.receive),
            on_refused=partial(self._refused, session),
            what="POST /invoke",
            run=invocation.run,
            living=before is not None and (before.open or before.living),
        )
        session.connection.keepalive[self] = Keepalive(
            int(constant("keep_alive_us")), int(constant("keep_alive_timeout_us"))
        )
        self.streams[session.connection] = session
        session.connection.on_lost[self] = partial(self._lost, session, session.connection)
        self._arm(session, min(int(constant("connect_timeout_us")), self._patience(session)))
        known, session.entries = session.entries, None
        for entry in () if known is None else invocation.journal.entries[len(known) :]:
            if isinstance(entry, Notification):
                self.notify(invocation, entry)

    def _endpoint_of(self, deployment: Deployment, connection: tuple[int, int]) -> ServiceEndpoint:
        """A partition's requests share one HTTP/2 connection: they meet one replica, until the connection breaks."""
        endpoint, incarnation = self.connected.get(connection, (None, 0))
        if endpoint is None or not endpoint.alive or endpoint.incarnation != incarnation:
            endpoint = deployment.pick(self.world.luck, connection)
            self.connected[connection] = endpoint, endpoint.incarnation
            self.streams_of.pop(connection, None)
        return endpoint

    def _start_message(self, session: Session) -> Start:
        invocation = session.invocation
        vobject, target = invocation.vobject, invocation.target
        state = vobject.state if vobject is not None and target.stateful else None
        lazy = self.options.service.lazy_state or state is None
        return Start(
            invocation.run,
            target,
            invocation.journal.entries[:] if session.entries is None else session.entries,
            {} if lazy or state is None else dict(state),
            lazy,
            session.retry_count,
            self.world.now - invocation.modified_at,
            invocation.requests,
            self.request_response,
            self.options.server.protocol,
        )

    def receive(self, connection: Connection, messages: Sequence[Message]) -> None:
        """Messages from the SDK, in the order in which it sent them."""
        session = self.streams.get(connection)
        if session is None:
            return
        invocation = session.invocation
        if session.state is State.DRAINING:  # all that still comes is thrown away, until the SDK has closed its side
            if isinstance(messages[-1], Suspension | Error | End):
                self._drained(session)
            return
        session.last_activity = self.world.now
        for message in messages:
            if isinstance(message, Command):
                if message.type in WRITES_STATE and not invocation.target.writes_state:
                    self._drain(session, "RT0017", NO_WRITES.format(message.type))
                    self.receive(connection, messages)
                    return
                session.retry_count = 0
                session.last_error = None
                self._propose(session, records.StoreCommand(invocation, message))
            elif isinstance(message, Proposal):
                self._propose(session, records.StoreProposal(invocation, message))
            elif isinstance(message, Error):
                self.observer.ended(invocation.name, "failed")
                code = "RT0016" if message.code == JOURNAL_MISMATCH else "RT0007"
                self._failed(session, code, message.message, message)
            elif isinstance(message, Suspension):
                self._suspended(session, message)
            elif isinstance(message, End):
                self.observer.ended(invocation.name, "completed")
                self._propose(session, records.End(invocation))
                self._forget(session)

    def _propose(self, session: Session, record: Record) -> None:
        """Appends an effect of the attempt to the log of the invocation's partition; its first entry pins it."""
        invocation, processor = session.invocation, self.processor
        if invocation.pinned is None and isinstance(record, PINS) and not session.pin_proposed:
            assert session.deployment is not None
            session.pin_proposed = True
            processor.append(invocation.partition, records.Pin(invocation, session.deployment.number))
        if self.world.full:
            told = (processor.name, _label(record))
            self.world.emit(self.name, Kind.MESSAGE_SENT, invocation.run, None, None, told)
        else:
            self.world.recorder.count += 1
        session.stored_at = processor.append(invocation.partition, record)

    def _suspended(self, session: Session, message: Suspension) -> None:
        self.observer.ended(session.invocation.name, "suspended")
        if session.pause_requested:
            self._propose(session, records.Pause(session.invocation, None))
        else:
            tell = self.options.server.protocol >= 7
            self._propose(session, records.Suspend(session.invocation, message.waiting, tell))
        self._forget(session)

    # ---- timeouts of the stream ------------------------------------------------------------------------------

    def _arm(self, session: Session, delay: int) -> None:
        self.cancel(session.timer)
        session.timer = self.after(delay, self._check, session)

    def _patience(self, session: Session) -> int:
        """How long silence may last: the inactivity timeout, or with the input closed the abort timeout."""
        late = self.delay("stream_timer", session.invocation.run.luck, session.invocation.requests)
        if session.input_closed:
            return self.options.abort_timeout + late
        own = session.invocation.target.workflow in self.outer
        return (self.options.inactivity_timeout if own else DEFAULT_INACTIVITY) + late

    def _check(self, session: Session) -> None:
        """The one timer of an attempt: re-armed when there has been traffic since."""
        connection = session.connection
        if connection is None or session.state is not State.IN_FLIGHT:
            return
        patience = self._patience(session) if connection.open else _until_given_up(connection)
        left = session.last_activity + patience - self.world.now
        if left > 0:
            self._arm(session, left)
        elif connection.living and not connection.open:
            self._lost(session, connection)
        elif not connection.open:
            self._failed(session, "RT0010", CONNECT_TIMEOUT)
        elif not session.input_closed:
            self._close_input(session)
        else:
            self._drain(session, "RT0001", ABORTED)

    def _close_input(self, session: Session) -> None:
        """Half-closes the stream: the SDK is to suspend as soon as it can (restate.md §6)."""
        connection = session.connection
        assert connection is not None
        session.input_closed = True
        session.last_activity = self.world.now
        connection.send(self, _endpoint(connection).close_input, connection, what="end of stream")
        self._arm(session, self.options.abort_timeout)

    def _drain(self, session: Session, code: str, message: str) -> None:
        """The engine has done with the attempt: it closes its side, and reads on for 5 s what it throws away."""
        if not session.input_closed:
            self._close_input(session)
        self.cancel(session.timer)
        session.become("drain")
        session.drained_for = code, message
        session.timer = self.after(int(constant("drain_us")), self._drained, session, True)

    def _drained(self, session: Session, reset: bool = False) -> None:
        """The failure is handled only now, when the SDK has closed its side or 5 s are over."""
        self.cancel(session.timer)
        if reset:
            self._reset_stream(session)
        self.observer.ended(session.invocation.name, "aborted")
        self._failed(session, *session.drained_for)

    def _reset_stream(self, session: Session) -> None:
        connection = session.connection
        if connection is None:
            return
        self.observer.ended(session.invocation.name, "aborted")
        self.network.send(
            self,
            connection.server,
            connection.delay,
            _endpoint(connection).reset_stream,
            connection,
            what="RST_STREAM",
            run=session.invocation.run,
        )

    # ---- failures --------------------------------------------------------------------------------------------

    def _refused(self, session: Session) -> None:
        if self.sessions.get(session.invocation) is session and session.connection is not None:
            self._failed(session, "RT0010", REFUSED)

    def _lost(self, session: Session, connection: Connection) -> None:
        """The stream broke; nothing, if a hung engine has come to another end of the attempt first."""
        if self.sessions.get(session.invocation) is not session or session.connection is not connection:
            return
        if not self.network.reachable(self, connection.server):
            assert session.deployment is not None
            self.streams_of.pop((session.invocation.partition.number, session.deployment.number), None)
        if session.state is State.DRAINING:
            self._drained(session)
        else:
            self.observer.ended(session.invocation.name, "connection-lost")
            self._failed(session, "RT0010", LOST)

    def _failed(self, session: Session, code: str, message: str, error: Error | None = None) -> None:
        """Another attempt after a while, or, with the attempts used up, a pause or the end (restate.md §9)."""
        self._hang_up(session)
        invocation = session.invocation
        delay = None if error is None else error.retry_after
        if delay is None and not session.pause_requested:
            delay = session.cursor.next(partial(self.world.luck, "jitter", invocation.run.luck, invocation.requests))
        if delay is None or session.pause_requested:
            self._give_up(session, code, message)
            return
        session.retry_count += 1
        told = (code, message, None if error is None else error.related)
        if session.last_error != told:  # equal errors one after the other are stored once
            session.last_error = told
            self._propose(session, records.TransientError(invocation, code, message))
        session.become("failure")
        if session.retry_count >= HOPELESS_ATTEMPT:
            return  # it would go on like this for ever: not followed any further
        if error is not None and error.step is not None:
            self.world.emit(self.name, Kind.STEP_RETRIED, invocation.run, error.step, None, delay)
        self.world.emit(self.name, Kind.TIMER_SET, invocation.run, "back-off", None, self.world.now + delay)
        session.timer = self.after(delay, self._retry, session)

    def _give_up(self, session: Session, code: str, message: str) -> None:
        if session.pause_requested or self.options.retry.then == "pause":
            self._propose(session, records.Pause(session.invocation, (code, message)))
        else:
            self._propose(session, records.End(session.invocation, "failed", Failure(500, message)))
        self._forget(session)

    def _retry(self, session: Session) -> None:
        """The retry timer has fired; what the last attempt proposed has to be stored before the journal is read."""
        if session.stored_at > self.world.now:
            session.timer = self.after(session.stored_at - self.world.now, self._retry, session)
            return
        self.world.emit(self.name, Kind.TIMER_FIRED, session.invocation.run, "back-off")
        self._attempt(session)


def _until_given_up(connection: Connection) -> int:
    """How long a request waits for its connection: a new one has to be there in time, and one that there was before is
    given up when it answers no ping."""
    if connection.living:
        return int(constant("keep_alive_us")) + int(constant("keep_alive_timeout_us"))
    return int(constant("connect_timeout_us"))


def _endpoint(connection: Connection) -> ServiceEndpoint:
    assert isinstance(connection.server, ServiceEndpoint)
    return connection.server


def _label(record: Record) -> str:
    """How the trace calls what is proposed."""
    if isinstance(record, records.End) and record.ended is None:
        return "end"
    return label_of(record[-1])
